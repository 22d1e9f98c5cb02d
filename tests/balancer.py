"""What stands in front of several gateways: gives each new connection to the next one that takes it."""

from __future__ import annotations

import asyncio
import itertools
from types import TracebackType
from typing import Self


class Balancer:
    """Listens on loopback while it is entered; knows nothing of what it carries."""

    def __init__(self, *ports: int) -> None:
        """`ports` of gateways on loopback. One that does not listen is passed over."""
        self._ports = ports
        self._turn = itertools.cycle(range(len(ports)))
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where toys connect to."""
        assert self._server is not None, "it is not entered"
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/audio-stream"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._ways.add(task)
        try:
            start = next(self._turn)
            for number in range(len(self._ports)):
                port = self._ports[(start + number) % len(self._ports)]
                try:
                    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    continue
                await _both_ways(reader, writer, other_reader, other_writer)
                break
        except asyncio.CancelledError:
            pass  # the end of all: nobody waits for this task but the balancer
        finally:
            writer.transport.abort()
            self._ways.discard(task)


async def _both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    other_reader: asyncio.StreamReader,
    other_writer: asyncio.StreamWriter,
) -> None:
    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        except OSError:
            pass

    ways = [asyncio.create_task(carry(reader, other_writer)), asyncio.create_task(carry(other_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        other_writer.transport.abort()
        await asyncio.gather(*ways, return_exceptions=True)
