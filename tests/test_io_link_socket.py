"""Asyncio's transports can be gone without knowing it; a connection over one must not fail by that."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pommai.io.link import LinkTimes, WebSocketLink
from pommai.io.link_socket import SteadyConnection
from pommai.protocol import messages as m
from pommai.protocol.wire import encode_message


async def hang_up_in_mid_sentence(kind: type[ClientConnection]) -> ClientConnection:
    """Connect to a server that ends the connection, and only then takes what was sent meanwhile."""

    async def listen(connection: ServerConnection) -> None:
        transport = connection.transport
        transport.pause_reading()
        await began.wait()
        transport.write_eof()
        await noticed.wait()
        transport.resume_reading()
        await connection.wait_closed()

    began, noticed = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(30), serve(listen, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = await connect(f"ws://127.0.0.1:{port}/", create_connection=kind, proxy=None, compression=None)
        sending = asyncio.create_task(client.send(b"x" * (64 << 20)))
        while not client.transport.get_write_buffer_size():
            await asyncio.sleep(0)
        began.set()
        while not client.transport.is_closing():
            await asyncio.sleep(0)
        noticed.set()
        await client.wait_closed()
        await asyncio.wait([sending])
        sending.exception()
    return client


def test_a_connection_that_ended_in_mid_sentence_can_be_used_and_closed_like_any_that_ended() -> None:
    async def test() -> None:
        client = await hang_up_in_mid_sentence(SteadyConnection)
        with pytest.raises(ConnectionClosed):
            await client.send("anybody?")
        await client.close()
        client.transport.abort()
        assert client.transport.is_closing()

    asyncio.run(test())


def test_a_server_that_hangs_up_in_mid_sentence_is_called_again() -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: asyncio.Queue[str] = asyncio.Queue()

        def on_connecting(self) -> None: ...

        def on_up(self, session: str, server_time: str | None = None) -> None:
            self.heard.put_nowait("up")

        def on_down(self, reason: str) -> None:
            self.heard.put_nowait("down")

        def on_message(self, message: m.Message) -> None: ...

        def on_audio(self, audio: m.DownAudio) -> None: ...

    async def hang_up(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(encode_message(m.HandshakeAck("s")))
        connection.transport.pause_reading()
        await sent.wait()
        connection.transport.write_eof()
        await asyncio.sleep(0.02)  # the toy is to see the end before its words are taken
        connection.transport.resume_reading()
        await connection.wait_closed()

    async def test() -> None:
        listener = Listener()
        async with asyncio.timeout(30), serve(hang_up, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            times = LinkTimes(retry_first=0.001, retry_limit=0.002)
            link = WebSocketLink(
                f"ws://127.0.0.1:{port}/", token="t", device_id="d", toy_id="bear", capabilities={}, times=times
            )
            running = asyncio.create_task(link.run(listener))
            for _ in range(10):
                assert await listener.heard.get() == "up"
                assert link.send(m.SyncBatch("b", logs=({"id": "a", "text": "x" * 900_000},)))
                await asyncio.sleep(0.01)  # as much of it is under way as there is room for
                sent.set()
                assert await listener.heard.get() == "down"
                sent.clear()
            assert not running.done()
            running.cancel()
            await asyncio.wait([running])

    sent = asyncio.Event()
    asyncio.run(test())
