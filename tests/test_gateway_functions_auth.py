from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions_material import parts_in_memory

from pommai.errors import CloudFunctionError
from pommai.gateway.functions import auth
from pommai.gateway.functions.auth import Authenticate, Authentication
from pommai.gateway.functions.parts import Caller, Parts


class Desk:
    """Devices, and strangers who try."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.authentication = Authentication()

    async def tried(self, device_id: str, secret: str, peer: str = "10.0.0.1") -> str:
        """The code of the error; empty when it went well."""
        caller = Caller(None, peer, "http://desk")
        try:
            await self.authentication.run(self.parts, Authenticate(device_id, secret), caller)
        except CloudFunctionError as caught:
            return caught.code if (caught.code == "RATE_LIMITED") == bool(caught.retry_after) else "says not how long"
        return ""


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    async with parts_in_memory() as parts:
        yield Desk(parts)


def test_who_guesses_is_slowed_down_by_device_and_by_address() -> None:
    async def test() -> None:
        async with desk() as mine:
            codes = [await mine.tried("bear", "a guess", f"10.0.0.{n}") for n in range(auth.PER_DEVICE + 1)]
            assert codes == ["AUTH_FAILED"] * auth.PER_DEVICE + ["RATE_LIMITED"]
            codes = [await mine.tried(f"toy-{n}", "a guess", "10.9.9.9") for n in range(auth.PER_PEER + 1)]
            assert codes == ["AUTH_FAILED"] * auth.PER_PEER + ["RATE_LIMITED"]

    asyncio.run(test())


def test_who_guesses_in_the_name_of_a_toy_does_not_lock_it_out() -> None:
    async def test() -> None:
        async with desk() as mine:
            secret = await mine.parts.devices.register("bear")
            assert await mine.tried("bear", secret, "10.0.0.1") == ""
            for n in range(auth.PER_DEVICE + 1):
                await mine.tried("bear", "a guess", f"10.6.6.{n}")
            assert await mine.tried("bear", secret, "10.7.7.7") == "RATE_LIMITED"
            assert await mine.tried("bear", secret, "10.0.0.1") == ""
            for n in range(auth.PER_PEER + 1):
                await mine.tried(f"toy-{n}", "a guess", "10.0.0.1")
            assert await mine.tried("toy-x", "a guess", "10.0.0.1") == "RATE_LIMITED"
            assert await mine.tried("bear", secret, "10.0.0.1") == ""

    asyncio.run(test())


def test_a_house_full_of_toys_behind_one_address_comes_in_at_once() -> None:
    async def test() -> None:
        async with desk() as mine:
            secrets = {f"toy-{n}": await mine.parts.devices.register(f"toy-{n}") for n in range(auth.PER_PEER + 20)}
            for device_id, secret in secrets.items():
                assert await mine.tried(device_id, secret) == ""

    asyncio.run(test())


def test_what_it_remembers_of_addresses_is_bounded() -> None:
    async def test() -> None:
        async with desk() as mine:
            secret = await mine.parts.devices.register("bear")
            mine.authentication._known |= {("x", str(n)): None for n in range(auth.MOST_KNOWN)}
            assert await mine.tried("bear", secret) == ""
            assert len(mine.authentication._known) == auth.MOST_KNOWN

    asyncio.run(test())
