from __future__ import annotations

import asyncio
import socket

import pytest
from gateway_material import run
from websockets.asyncio.client import connect

from pommai.errors import PommaiError
from pommai.gateway.admission import Admission
from pommai.gateway.connection import ToyConnection
from pommai.gateway.door import OneToken
from pommai.gateway.listening import Listening
from pommai.gateway.metrics import Metrics

HEADERS = {"Authorization": "Bearer t", "X-Device-ID": "desk-1"}


async def listening_on(port: int = 0) -> Listening:
    async def wait_for_the_end(toy: ToyConnection) -> None:
        await toy.wait_closed()

    admission = Admission(OneToken("t"), Metrics(), 10)
    return await Listening.open("127.0.0.1", port, admission, wait_for_the_end, None)


def test_it_knows_its_connections_and_when_the_last_has_ended() -> None:
    async def test() -> None:
        listening = await listening_on()
        url = f"ws://127.0.0.1:{listening.port}/"
        assert await listening.emptied(0)
        async with connect(url, additional_headers=HEADERS, proxy=None):
            assert len(listening.connections) == 1
            assert not await listening.emptied(0)
        assert await listening.emptied(20)
        await listening.close()

    run(test())


def test_a_port_is_free_again_as_soon_as_nobody_is_let_in_any_more() -> None:
    async def test() -> None:
        first = await listening_on()
        async with connect(f"ws://127.0.0.1:{first.port}/", additional_headers=HEADERS, proxy=None):
            first.stop()
            second = await listening_on(first.port)
            assert len(first.connections) == 1
            await second.close()
            await first.close()

    run(test())


def test_a_port_that_is_taken_is_a_sentence_and_leaves_nothing_open() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(PommaiError, match=f"cannot listen on 127.0.0.1 port {port}: .*another gateway"):
                await listening_on(port)

    run(test())


def test_a_host_that_does_not_exist_is_a_sentence() -> None:
    async def test() -> None:
        async def nobody(toy: ToyConnection) -> None:
            await asyncio.sleep(0)

        with pytest.raises(PommaiError, match=r"cannot listen on 192\.0\.2\.1 port 0"):
            await Listening.open("192.0.2.1", 0, Admission(OneToken("t"), Metrics(), 10), nobody, None)

    run(test())
