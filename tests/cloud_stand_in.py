"""A cloud for tests, on a real socket: it answers the functions of docs/cloud.md, or is as bad as a test wants it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pommai.io.cloud_http import CloudHttp, CloudTimes
from pommai.io.convex import ConvexClient
from pommai.io.secret import Secret

DEVICE = "bear-1"
SECRET = "a-long-device-secret-0123456789"
QUICK = CloudTimes(connect=2.0, call=0.5, upload=0.5, idle=1.0, retry_first=0.01, retry_limit=0.02, retry_after=0.1)

Function = Callable[[dict[str, Any]], Any]


class Failure(Exception):  # noqa: N818 (what a function answers with)
    """A function's error."""

    def __init__(self, code: str | None, **data: Any) -> None:
        self.code, self.data = code, data


@dataclass
class Call:
    path: str
    args: dict[str, Any]
    token: str


def kept(args: dict[str, Any]) -> dict[str, Any]:
    items = args.get("metrics") or args.get("logs") or [args]
    return {"accepted": [item["id"] for item in items], "rejected": []}


@dataclass
class CloudStandIn:
    """`trouble` holds what becomes of the next requests, one each: see `_misbehave`. `functions` may be replaced."""

    url: str = ""
    life_ms: float = 3_600_000
    secret: str = SECRET
    trouble: deque[str] = field(default_factory=deque)
    calls: list[Call] = field(default_factory=list)
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=lambda: {"toyId": "pommai-bear", "name": "Bear"})
    tokens: set[str] = field(default_factory=set)
    made: int = 0
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends what hangs."""

    def paths(self) -> list[str]:
        return [call.path for call in self.calls]

    def ids(self, path: str) -> list[str]:
        return [call.args["id"] for call in self.calls if call.path == path]

    def authenticate(self, args: dict[str, Any]) -> dict[str, Any]:
        if args.get("deviceSecret") != self.secret:
            raise Failure("AUTH_FAILED", message="unknown device or secret")
        self.made += 1
        tokens = {"convexToken": f"convex-{self.made:06}", "websocketToken": f"socket-{self.made:06}"}
        self.tokens = set(tokens.values())
        return tokens | {"serverTime": 5_000_000_000_000, "expiresAt": 5_000_000_000_000 + self.life_ms}

    def answer(self, call: Call) -> Any:
        if call.path in self.functions:
            return self.functions[call.path](call.args)
        if call.path == "auth:authenticateDevice":
            return self.authenticate(call.args)
        if call.token not in self.tokens:
            raise Failure("UNAUTHENTICATED", message="no such token")
        if call.path == "toys:getConfiguration":
            return self.config
        if call.path == "storage:generateUploadUrl":
            return {"url": f"{self.url}/api/storage/upload?token=once"}
        return kept(call.args)

    # -- HTTP ------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._request(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        target = lines[0].split()[1]
        self.arrived.set()
        if self.trouble and (trouble := self.trouble.popleft()) != "none":
            return await self._misbehave(trouble, writer)
        if target.startswith("/api/storage/upload"):
            self.uploads.append((headers["content-type"], body))
            writer.write(reply(200, {"storageId": f"kg{len(self.uploads)}"}))
            return True
        asked = json.loads(body)
        call = Call(asked["path"], asked["args"], headers.get("authorization", "").removeprefix("Bearer "))
        self.calls.append(call)
        try:
            writer.write(reply(200, {"status": "success", "value": self.answer(call)}))
        except Failure as caught:
            data = {"code": caught.code, **caught.data} if caught.code else None
            error = {"status": "error", "errorMessage": "Uncaught Error", **({"errorData": data} if data else {})}
            writer.write(reply(560, error))
        return True

    async def _misbehave(self, trouble: str, writer: asyncio.StreamWriter) -> bool:
        if trouble == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        elif trouble == "gone":
            writer.transport.abort()
        elif trouble == "hang":
            await self.released.wait()
        elif trouble == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self.released.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        elif trouble == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"[" * 3_000_000)
        elif trouble == "garbage":
            writer.write(reply(200, b"\xff\xfe not json"))
        elif trouble == "deep":
            writer.write(reply(200, b"[" * 200_000))
        elif trouble == "no-http":
            writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
        elif trouble == "redirect":
            writer.write(reply(307, b"", "Location: http://169.254.169.254/\r\n"))
        elif trouble.startswith("429"):
            writer.write(reply(429, b"", f"Retry-After: {trouble.partition(' ')[2]}\r\n"))
        else:
            status, _, code = trouble.partition(" ")
            error = {"status": "error", "errorMessage": "no", "errorData": {"code": code}}
            writer.write(reply(int(status), error if code else b"no"))
        return trouble not in ("cut", "hang", "drip", "huge", "no-http", "gone")


def reply(status: int, body: object, more: str = "") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{more}\r\n".encode() + content


@asynccontextmanager
async def stand_in(**more: Any) -> AsyncIterator[CloudStandIn]:
    """A cloud on a port of its own."""
    cloud = CloudStandIn(**more)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await cloud.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over; asyncio.streams of Python 3.11 complains about a handler that was cancelled
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    cloud.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield cloud
    finally:
        cloud.released.set()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def client_of(cloud: CloudStandIn, times: CloudTimes = QUICK) -> AsyncIterator[ConvexClient]:
    client = ConvexClient(CloudHttp(cloud.url, times=times))
    try:
        yield client
    finally:
        await client.close()


class FixedSecret:
    """A source that has its secret at hand."""

    def __init__(self, text: str = SECRET) -> None:
        self.text = text

    async def read(self) -> Secret:
        return Secret(self.text)
