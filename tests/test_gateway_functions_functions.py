from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from functions_material import parts_in_memory

from pommai.errors import CloudFunctionError
from pommai.gateway.functions.functions import Functions
from pommai.gateway.functions.parts import Caller, Kind

DOCUMENTED = {
    "auth:authenticateDevice",
    "toys:getConfiguration",
    "storage:generateUploadUrl",
    "conversations:create",
    "guardian:reportEvent",
    "metrics:batchRecord",
    "logs:create",
    "gateway:checkToken",
    "gateway:takeBatch",
}


class Toy:
    """A device with a token."""

    def __init__(self, functions: Functions, token: str) -> None:
        self.functions = functions
        self.token = token

    async def call(self, kind: Kind, path: str, args: Mapping[str, Any]) -> Any:
        return await self.functions.call(kind, path, args, Caller(self.token, "10.0.0.1", "http://desk"))

    async def error(self, kind: Kind, path: str, args: Mapping[str, Any]) -> CloudFunctionError:
        with pytest.raises(CloudFunctionError) as caught:
            await self.call(kind, path, args)
        return caught.value


@asynccontextmanager
async def toy() -> AsyncIterator[Toy]:
    async with parts_in_memory() as parts:
        secret = await parts.devices.register("bear-7")
        tokens = await parts.devices.authenticate("bear-7", secret)
        assert tokens is not None
        yield Toy(Functions(parts), tokens.convex)


def test_the_table_has_what_the_documentation_has() -> None:
    async def test() -> None:
        async with toy() as mine:
            assert set(mine.functions.table) == DOCUMENTED

    asyncio.run(test())


def test_a_function_that_is_none_or_is_called_as_another_kind_is_told_so() -> None:
    async def test() -> None:
        async with toy() as mine:
            unknown = await mine.error("query", "toys:getConfig", {})
            assert unknown.code == "INVALID"
            assert "there is no function 'toys:getConfig'" in str(unknown)
            assert "toys:getConfiguration" in str(unknown)
            assert len(str(await mine.error("query", "x" * 100_000, {}))) < 300
            wrong = await mine.error("mutation", "toys:getConfiguration", {})
            assert str(wrong) == "toys:getConfiguration is called by /api/query, not /api/mutation"

    asyncio.run(test())


def test_who_shows_no_good_token_learns_nothing_of_the_arguments() -> None:
    async def test() -> None:
        async with toy() as mine:
            mine.token = "made up"
            assert (await mine.error("query", "toys:getConfiguration", {})).code == "UNAUTHENTICATED"

    asyncio.run(test())


def test_a_device_that_claims_to_be_another_is_refused_by_every_function_that_takes_its_token() -> None:
    async def test() -> None:
        async with toy() as mine:
            args = {"deviceId": "rex-1", "toyId": "bear", "id": "x", "transcript": "", "response": "", "timestamp": "t"}
            args |= {"wasOffline": False, "eventType": "x", "severity": "low", "details": {}, "isUrgent": False}
            for path, function in mine.functions.table.items():
                if function.needs == "token":
                    lists: dict[str, Any] = {"metrics": [], "logs": []}
                    assert (await mine.error(function.kinds[0], path, args | lists)).code == "FORBIDDEN"
            assert await mine.functions.parts.archive.counts() == ()

    asyncio.run(test())


def test_a_disk_that_takes_nothing_means_later() -> None:
    async def test() -> None:
        async with toy() as mine:
            await mine.functions.parts.archive.close()
            caught = await mine.error("query", "toys:getConfiguration", {"deviceId": "bear-7", "toyId": "bear"})
            assert (caught.code, caught.retry_after) == ("RATE_LIMITED", 30.0)

    asyncio.run(test())
