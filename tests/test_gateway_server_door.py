"""Who is let in by a door that knows devices, and how a device is cut."""

from __future__ import annotations

import asyncio

import pytest
from gateway_material import PERSONAS, TOKEN, run, toy_at
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus

from pommai.errors import StoreError
from pommai.gateway.door import Door
from pommai.gateway.server import Gateway, GatewaySettings


class Guests:
    """A door that knows a token for each device, and one device of which nothing can be told."""

    def __init__(self, **tokens: str) -> None:
        self.tokens = tokens
        self.waiting = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def admits(self, device_id: str, token: str) -> bool:
        self.waiting.set()
        await self.may_answer.wait()
        if device_id == "unclear":
            raise StoreError("the disk is gone")
        return self.tokens.get(device_id) == token


def guarded(door: Door, token: str | None = None) -> Gateway:
    return Gateway(GatewaySettings(PERSONAS, token, port=0), door=door)


def knock_with(gateway: Gateway, device: str, token: str) -> connect:
    headers = {"Authorization": f"Bearer {token}", "X-Device-ID": device}
    return connect(gateway.url, additional_headers=headers, proxy=None)


async def status_for(gateway: Gateway, device: str, token: str) -> int:
    """101 when it is let in."""
    try:
        async with knock_with(gateway, device, token):
            return 101
    except InvalidStatus as caught:
        return caught.response.status_code


def test_each_device_comes_in_with_its_own_token_alone() -> None:
    async def test() -> None:
        async with guarded(Guests(bear="honey", rex="bones")) as gateway:
            assert await status_for(gateway, "bear", "honey") == 101
            assert await status_for(gateway, "rex", "bones") == 101
            assert await status_for(gateway, "rex", "honey") == 401
            assert await status_for(gateway, "stranger", "honey") == 401
            assert await status_for(gateway, "rex", TOKEN) == 401
            assert await status_for(gateway, "unclear", "honey") == 503

    run(test())


def test_with_a_door_and_a_token_either_lets_a_device_in() -> None:
    async def test() -> None:
        async with guarded(Guests(bear="honey"), TOKEN) as gateway:
            assert await status_for(gateway, "bear", "honey") == 101
            assert await status_for(gateway, "bear", TOKEN) == 101
            assert await status_for(gateway, "stranger", TOKEN) == 101
            assert await status_for(gateway, "stranger", "honey") == 401

    run(test())


def test_a_device_that_is_cut_hears_why_and_the_others_stay() -> None:
    async def test() -> None:
        async with guarded(Guests(), TOKEN) as gateway, toy_at(gateway, "bear") as bear, toy_at(gateway, "rex") as rex:
            async with knock_with(gateway, "bear", TOKEN) as silent:
                assert await gateway.cut("bear", "its secret was revoked") == 2
                for connection in (bear.connection, silent):
                    with pytest.raises(ConnectionClosedError) as caught:
                        await connection.recv()
                    assert caught.value.rcvd is not None
                    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "its secret was revoked")
            assert await gateway.cut("bear", "its secret was revoked") == 0
            await (await rex.connection.ping())

    run(test())


def test_a_device_is_cut_while_the_door_still_thinks_and_before_it_has_introduced_itself() -> None:
    async def test() -> None:
        door = Guests(bear="honey")
        async with guarded(door) as gateway:
            async with knock_with(gateway, "bear", "honey") as silent:
                door.waiting.clear()
                door.may_answer.clear()
                thinking = asyncio.create_task(status_for(gateway, "bear", "honey"))
                await door.waiting.wait()
                assert await gateway.cut("bear", "revoked") == 2
                with pytest.raises(ConnectionClosedError):
                    await silent.recv()
                door.may_answer.set()
                with pytest.raises(InvalidMessage):
                    await thinking
            assert gateway.sessions == ()

    run(test())
