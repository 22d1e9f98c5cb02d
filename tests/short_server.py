"""A server without a library, for a test: it is gone when the test is, with every connection it has taken."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Meet = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def short_server(meet: Meet, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Meet whoever calls; the port.

    A caller that has just hung up may not have been noticed when the test ends. What is left of its connection then
    would be complained about in whatever test comes next.
    """
    met: dict[asyncio.Task[object], asyncio.StreamWriter] = {}

    async def remember(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        met[me] = writer
        await meet(reader, writer)

    server = await asyncio.start_server(remember, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for writer in met.values():
            writer.transport.abort()
        if met:
            await asyncio.wait(met)
