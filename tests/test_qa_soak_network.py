"""A bad network, with a server behind it that says back what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from short_server import short_server

from pommai.qa.soak_network import BadNetwork


@asynccontextmanager
async def echo() -> AsyncIterator[BadNetwork]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    async with short_server(serve) as port, BadNetwork() as network:
        network.to_port = port
        yield network


End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def call(network: BadNetwork) -> AsyncIterator[End]:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def said_back(end: End, words: bytes) -> bytes:
    end[1].write(words)
    return await end[0].readexactly(len(words))


async def is_over(end: End) -> bool:
    try:
        return not await end[0].read(1)
    except ConnectionError:
        return True


def test_a_good_network_passes_everything_and_the_end() -> None:
    async def test() -> None:
        async with echo() as network, call(network) as end:
            assert await said_back(end, b"hello" * 50_000) == b"hello" * 50_000
            assert network.connections == 1

    asyncio.run(test())


def test_a_cut_resets_everybody_and_the_next_gets_through() -> None:
    async def test() -> None:
        async with echo() as network:
            async with call(network) as one, call(network) as two:
                for end in (one, two):
                    await said_back(end, b"hello")
                network.cut()
                assert await is_over(one)
                assert await is_over(two)
            async with call(network) as end:
                assert await said_back(end, b"again") == b"again"

    asyncio.run(test())


def test_nobody_gets_through_while_it_refuses() -> None:
    async def test() -> None:
        async with echo() as network:
            network.refuses = True
            async with call(network) as end:
                assert await is_over(end)
            network.refuses = False
            async with call(network) as end:
                assert await said_back(end, b"again") == b"again"

    asyncio.run(test())


def test_nobody_gets_through_to_a_server_that_is_away() -> None:
    async def test() -> None:
        async with echo() as network:
            network.to_port = 1
            async with call(network) as end:
                assert await is_over(end)

    asyncio.run(test())


def test_what_is_slow_comes_late_and_whole() -> None:
    async def test() -> None:
        async with echo() as network, call(network) as end:
            network.delay = 0.05
            before = asyncio.get_running_loop().time()
            assert await said_back(end, b"hello" * 1000) == b"hello" * 1000
            assert asyncio.get_running_loop().time() - before >= 0.1, "there and back"

    asyncio.run(test())


def test_half_open_connections_take_everything_and_bring_nothing_until_they_are_cut() -> None:
    async def test() -> None:
        async with echo() as network, call(network) as end:
            await said_back(end, b"hello")
            network.hang()
            end[1].write(b"is anybody there?")
            await end[1].drain()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await end[0].read(1)
            async with call(network) as other:
                assert await said_back(other, b"new ones are good") == b"new ones are good"
                network.cut(hanging=True)
                assert await is_over(end)
                assert await said_back(other, b"still") == b"still"

    asyncio.run(test())
