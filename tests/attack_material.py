"""A server without a library: it says to a toy whatever a test likes, byte by byte, and reads or not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from pommai.protocol.messages import Handshake, HandshakeAck
from pommai.protocol.wire import decode, encode_message

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Victim:
    """A toy at the other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.request = b""
        self.handshake: Handshake | None = None

    async def upgrade(self, *, silent: bool = False, claims: bytes = b"") -> None:
        """Let it open the WebSocket, and introduce itself; `silent`: without an answer. `claims`: another header."""
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in self.request.split(b"\r\n") if b": " in line)
        accept = base64.b64encode(hashlib.sha1(lines[b"Sec-WebSocket-Key"] + _ACCEPT).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.writer.write(head + claims + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        handshake = decode((await self.frame()).decode())
        assert isinstance(handshake, Handshake)
        self.handshake = handshake
        if not silent:
            self.writer.write(text(encode_message(HandshakeAck("s1", {"binary_audio": True}))))

    async def frame(self) -> bytes:
        """What the next frame of the toy's holds."""
        head = await self.reader.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        return bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))

    async def gone(self) -> None:
        """Read until the toy hangs up."""
        with contextlib.suppress(OSError):
            while await self.reader.read(65_536):
                pass


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, claims: int | None = None) -> bytes:
    """A frame of a server's. `claims` is a length that is not true."""
    size = len(payload) if claims is None else claims
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2) if size < 65_536 else b""
    return bytes([(0x80 if fin else 0) | opcode]) + (length or b"\x7f" + size.to_bytes(8)) + payload


def text(words: str) -> bytes:
    """A text message."""
    return frame(1, words.encode())


@contextlib.asynccontextmanager
async def attacking(
    attack: Callable[[Victim], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve every toy with `attack`; its port. A toy that hangs up in between ends it, and that is all."""

    attacks: list[asyncio.Task[None]] = []

    async def carry_out(victim: Victim) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await attack(victim)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attacks.append(asyncio.create_task(carry_out(Victim(reader, writer))))
        await asyncio.wait(attacks[-1:])
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for attack_that_goes_on in attacks:
            attack_that_goes_on.cancel()
        for ended in await asyncio.gather(*attacks, return_exceptions=True):
            assert ended is None or isinstance(ended, asyncio.CancelledError), ended
