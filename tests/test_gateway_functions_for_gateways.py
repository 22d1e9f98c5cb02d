from __future__ import annotations

import asyncio

import pytest
from functions_material import parts_in_memory

from pommai.errors import CloudFunctionError
from pommai.gateway.functions.for_gateways import CheckToken, TakeBatch, check_token, take_batch
from pommai.gateway.functions.parts import Caller

CALLER = Caller(None, "10.0.0.1", "http://desk")
METRIC = {"id": "m1", "name": "wake.hits", "value": 1}


def test_another_gateway_asks_whether_a_device_may_come_in_and_until_when() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            tokens = await parts.devices.authenticate("d1", await parts.devices.register("d1"))
            assert tokens is not None
            for token, device, value in (
                (tokens.websocket, "d1", {"valid": True, "expiresAt": tokens.expires_at}),
                (tokens.websocket, "d2", {"valid": False, "expiresAt": None}),
                (tokens.websocket, "no such id\n", {"valid": False, "expiresAt": None}),
                (tokens.convex, "d1", {"valid": False, "expiresAt": None}),
            ):
                assert await check_token(parts, CheckToken("key", device, token), CALLER) == value

    asyncio.run(test())


def test_a_batch_is_kept_for_a_device_that_is_registered_and_a_toy_there_is() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            await parts.devices.register("d1")
            batch = TakeBatch("key", "d1", "bear", (), (), (METRIC,), ())
            assert await take_batch(parts, batch, CALLER) == {"accepted": ["m1"], "rejected": []}
            for device, toy, code in (("d2", "bear", "DEVICE_NOT_FOUND"), ("d1", "unicorn", "TOY_NOT_FOUND")):
                with pytest.raises(CloudFunctionError) as caught:
                    await take_batch(parts, TakeBatch("key", device, toy, (), (), (METRIC,), ()), CALLER)
                assert caught.value.code == code
            assert len(await parts.archive.counts()) == 1

    asyncio.run(test())
