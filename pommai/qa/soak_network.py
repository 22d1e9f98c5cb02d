"""A bad network between a toy and its gateway: it cuts, refuses, delays, and lets connections hang half open."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

CHUNK: Final = 65_536


class BadNetwork:
    """Stands in front of a port of this machine while it is entered; toys connect to its own `port`.

    It is good at first. `delay` and `refuses` can be set at any time.
    """

    def __init__(self) -> None:
        self.to_port = 0
        """Where it leads to."""
        self.delay = 0.0
        """Seconds that everything takes longer, in each direction."""
        self.refuses = False
        """Nobody gets through anew: who connects is cut off at once."""
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        tasks = [pair.task for pair in self._pairs]
        if tasks:
            await asyncio.wait(tasks)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where toys connect to."""
        assert self._server is not None, "it is not entered"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many there are now, those that hang included."""
        return len(self._pairs)

    def cut(self, *, hanging: bool = False) -> None:
        """Reset all connections; or those alone that hang."""
        for pair in list(self._pairs):
            if pair.hangs or not hanging:
                pair.cut()

    def hang(self) -> None:
        """Let nothing more pass on the connections there are, and tell nobody; new ones are good."""
        for pair in self._pairs:
            pair.hangs = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        pair = _Pair(self, task, writer)
        self._pairs.add(pair)
        try:
            if not self.refuses:
                await pair.run(reader)
        except (OSError, asyncio.CancelledError):
            pass  # cut, or one side is gone: the end of a connection is what this is for
        finally:
            pair.abort()
            self._pairs.discard(pair)


class _Pair:
    """A connection, and the one it is passed on to."""

    def __init__(self, network: BadNetwork, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self.task = task
        self.hangs = False
        self._network = network
        self._writers = [writer]

    async def run(self, reader: asyncio.StreamReader) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._network.to_port, limit=CHUNK)
        self._writers.append(far_writer)
        ways = [
            asyncio.create_task(self._pass(reader, far_writer), name="network, up"),
            asyncio.create_task(self._pass(far_reader, self._writers[0]), name="network, down"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._network.delay:
                    await asyncio.sleep(self._network.delay)
                if self.hangs:  # taken, and never delivered; the sender believes it has arrived
                    await asyncio.get_running_loop().create_future()
                writer.write(data)
                await writer.drain()

    def cut(self) -> None:
        self.abort()
        self.task.cancel()

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
