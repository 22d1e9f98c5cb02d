"""Whether the gateway can serve toys now: each part says for itself what troubles it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pommai.errors import StoreError
from pommai.gateway.server import Gateway

CHECK_SECONDS: Final = 5.0
"""How long a part may take to say how it is."""

SERVES_WITHOUT: Final = frozenset({"fleet"})
"""Parts without which toys are served all the same. A balancer that took out every gateway because the others cannot be
heard would make of a small trouble a large one."""

Check = Callable[[], Awaitable[str]]
"""Says in a sentence what is wrong; nothing when all is well."""


async def look(checks: dict[str, Check]) -> dict[str, str]:
    """What is wrong, by the part's name; empty for what is well."""

    async def ask(check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await check()
        except TimeoutError:
            return f"no word within {CHECK_SECONDS:g} s"

    return dict(zip(checks, await asyncio.gather(*map(ask, checks.values())), strict=True))


def checks_of(gateway: Gateway) -> dict[str, Check]:
    """What can be asked of every gateway."""

    async def listening() -> str:
        return "" if gateway.is_listening else "it takes no more toys"

    async def archive() -> str:
        try:
            await gateway.archive.data.check()
        except StoreError as caught:
            return str(caught)
        return ""

    async def fleet() -> str:
        return gateway.fleet.trouble

    return {"listening": listening, "archive": archive, "fleet": fleet}
