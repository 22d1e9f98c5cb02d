"""Files of bundles on their way from one gateway of a fleet to another, through Redis, a few pieces at a time.

A gateway that lacks a file asks for its pieces; any that has it gives them. A piece is gone from Redis soon after it
was taken: of a large file there are a few dozen MiB in its memory at a time. That a file is what it should be is seen
when it is whole.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, Final, Protocol

from pommai.errors import StoreError
from pommai.gateway.bundle_files import BundleFiles
from pommai.gateway.fleet.offer_scripts import ASK, MOST_ASKED, TAKE

PIECE: Final = 256 << 10
"""Bytes."""
AHEAD: Final = 32
"""Pieces that are asked for at a time."""
PAUSE_SECONDS: Final = 0.3
"""After a question: of a large file there are never many pieces in Redis at a time."""
ASKED_MS: Final = 60_000
"""How long a question that nobody answers is kept by Redis."""
LIVE_MS: Final = 5_000
"""How long a piece that nobody takes is kept. Who comes too late asks again."""
SHARED_MS: Final = 1_000
"""How long a piece is kept that one gateway has taken: the others want it at about the same time."""
PATIENCE_SECONDS: Final = 20.0
"""How long to wait for the next piece, before it counts as nobody's."""
LOOK_SECONDS: Final = 0.1
"""Between two looks whether a piece has come."""
AGAIN: Final = 30
"""Looks in vain, before a piece is asked for once more."""
MOST_GIVEN: Final = 64
"""Pieces that a gateway gives in one go."""

_PIECE: Final = re.compile(r"([0-9a-f]{64}):([0-9]{1,4})")


class Asks(Protocol):
    """What Redis is asked through."""

    async def run(self, script: str, keys: tuple[str, ...], *arguments: str | int) -> Any:
        """What a script answers; keys without their common beginning. Raises FleetError."""

    async def call(self, command: str, key: str, *arguments: str | int | bytes) -> Any:
        """What a command on one key answers. Raises FleetError."""


async def pieces(redis: Asks, sha256: str, size: int) -> AsyncGenerator[bytes]:
    """A file's bytes, as others give them. Raises FleetError, or StoreError when nobody has the file."""
    count, asked = -(-size // PIECE), 0
    for number in range(count):
        if asked < count and asked - number <= AHEAD // 2:
            await _ask(redis, sha256, range(asked, min(number + AHEAD, count)))
            asked = number + AHEAD
            await asyncio.sleep(PAUSE_SECONDS)
        looks = 0
        while not (piece := await redis.run(TAKE, (_key(sha256, number),), PIECE, SHARED_MS)):
            looks += 1
            if looks * LOOK_SECONDS >= PATIENCE_SECONDS:
                raise StoreError(f"no gateway that has the bundle {sha256[:12]} is in touch")
            if looks % AGAIN == 0:  # whoever was about to give it has ended
                await _ask(redis, sha256, range(number, min(number + AHEAD, count)))
            await asyncio.sleep(LOOK_SECONDS)
        yield bytes(piece)


async def give(redis: Asks, files: BundleFiles) -> int:
    """Give the pieces that others have asked for and that are here. How many. Raises FleetError, StoreError."""
    given = 0
    for asked in await redis.call("ZRANGE", "offers:asked", 0, MOST_ASKED - 1):
        if given >= MOST_GIVEN:
            break
        found = _PIECE.fullmatch(asked.decode(errors="replace"))
        if found is None or not files.is_there(found[1]):
            continue
        if await redis.call("ZREM", "offers:asked", asked) != 1:
            continue  # another one gives it
        key = _key(found[1], int(found[2]))
        if await redis.call("EXISTS", key):
            continue
        piece = await files.piece(found[1], int(found[2]) * PIECE, PIECE)
        if piece:
            await redis.call("SET", key, piece, "PX", LIVE_MS)
            given += 1
    return given


async def _ask(redis: Asks, sha256: str, numbers: range) -> None:
    await redis.run(ASK, ("offers:asked",), ASKED_MS, *(f"{sha256}:{number}" for number in numbers))


def _key(sha256: str, number: int) -> str:
    return f"offers:piece:{sha256}:{number}"
