"""A service with OpenAI's HTTP API that does what a test says: streams, stalls, breaks off, sends garbage."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pommai.gateway.gateway_file import Endpoint


class Reply:
    """The answer to one request, while it is written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def head(self, status: int = 200, content_type: str = "text/event-stream", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def words(self, *pieces: str) -> None:
        for piece in pieces:
            await self.send(event(piece))

    async def done(self) -> None:
        await self.send(b"data: [DONE]\n\n")

    async def until_hung_up(self) -> None:
        """Wait for the other end to go."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(1000):
                pass


Behaviour = Callable[[Reply], Awaitable[None]]


def event(piece: object) -> bytes:
    """A piece of an answer, as it is streamed."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}).encode() + b"\n\n"


def telling(*pieces: str) -> Behaviour:
    """Answers with these pieces, at once."""

    async def behave(reply: Reply) -> None:
        await reply.head()
        await reply.words(*pieces)
        await reply.done()

    return behave


def call_event(*calls: object) -> bytes:
    """A piece of an answer that is about tools."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": list(calls)}}]}).encode() + b"\n\n"


def calling(*calls: tuple[str, object], saying: str = "") -> Behaviour:
    """Says something, if anything, then calls these tools: name and arguments, bit by bit as services do."""

    async def behave(reply: Reply) -> None:
        await reply.head()
        if saying:
            await reply.words(saying)
        for index, (name, arguments) in enumerate(calls):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            head = {
                "index": index,
                "id": f"id-{index}",
                "type": "function",
                "function": {"name": name, "arguments": ""},
            }
            await reply.send(call_event(head))
            for at in range(0, len(text), 5):
                await reply.send(call_event({"index": index, "function": {"arguments": text[at : at + 5]}}))
        await reply.done()

    return behave


def refusing(status: int, **headers: str) -> Behaviour:
    async def behave(reply: Reply) -> None:
        await reply.head(status, "application/json", **headers)
        await reply.send(b'{"error": {"message": "sk-secret is not welcome"}}')

    return behave


def sending(data: bytes, content_type: str = "text/event-stream") -> Behaviour:
    async def behave(reply: Reply) -> None:
        await reply.head(200, content_type)
        await reply.send(data)

    return behave


async def stalling(reply: Reply) -> None:
    """Takes the question, and says nothing."""
    await reply.until_hung_up()


class StandIn:
    """The service. `behaviours` are for one request each, the last one for all that follow."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = list(behaviours)
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.questions: list[dict[str, Any]] = []
        self.hung_up = asyncio.Event()
        """A request is over, whoever ended it."""
        self.url = ""

    def endpoint(self, **more: str) -> Endpoint:
        return Endpoint(self.url, "a-model", **more)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            self.paths.append(head[0].split()[1])
            self.headers.append(headers)
            self.questions.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
            behave = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
            await behave(Reply(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway has hung up
        finally:
            self.hung_up.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def stand_in(*behaviours: Behaviour) -> AsyncIterator[StandIn]:
    """A service on a free port of this machine."""
    service = StandIn(*behaviours)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield service
    finally:
        server.close()
        await server.wait_closed()
