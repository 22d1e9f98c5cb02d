"""What the tests of bad toys share: a toy on a bare socket, that can send whatever it likes, and read or not."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Self

from gateway_material import TOKEN

from pommai.gateway.server import Gateway
from pommai.protocol import messages as m
from pommai.protocol.wire import Decoded, decode, encode_message

OPENING = (
    "GET /audio-stream HTTP/1.1\r\nHost: desk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Authorization: Bearer {token}\r\nX-Device-ID: {device}\r\n\r\n"
)


class RawToy:
    """A WebSocket client without a library: nothing is checked, and nothing is read that nobody asks for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.rest = b""

    @classmethod
    async def connect(cls, gateway: Gateway, device: str = "desk-1", *, receive_bytes: int | None = None) -> Self:
        """A toy that has introduced itself; with `receive_bytes`, its system takes hardly more than those."""
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        connection.setblocking(False)
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await loop.sock_connect(connection, ("127.0.0.1", gateway.port))
        reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
        toy = cls(reader, writer)
        writer.write(OPENING.format(token=TOKEN, device=device).encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        toy.say(m.Handshake(device, "pommai-bear", capabilities={"audio": True, "binary_audio": True}))
        assert isinstance(await toy.receive(), m.HandshakeAck)
        assert isinstance(await toy.receive(), m.PiConfigUpdate)
        return toy

    @staticmethod
    def frame(opcode: int, payload: bytes, *, fin: bool = True, claims: int | None = None) -> bytes:
        """A WebSocket frame with a mask of zero. `claims` is a length that is not true."""
        size = len(payload) if claims is None else claims
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2) if size < 65_536 else b""
        length = length or b"\xff" + size.to_bytes(8)
        return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload

    @classmethod
    def text(cls, message: m.Message | str) -> bytes:
        """A text message, ready to be written."""
        return cls.frame(1, (message if isinstance(message, str) else encode_message(message)).encode())

    @classmethod
    def binary(cls, data: bytes) -> bytes:
        """A binary message, ready to be written."""
        return cls.frame(2, data)

    def say(self, message: m.Message | str) -> None:
        """Send a text message, without waiting."""
        self.writer.write(self.text(message))

    async def receive(self) -> Decoded:
        """The next message. Raises IncompleteReadError at the end, and ConnectionError."""
        while True:
            opcode, payload = await self._frame()
            if opcode in (1, 2):
                return decode(payload.decode() if opcode == 1 else payload)

    async def note_close(self) -> None:
        """Read to the gateway's goodbye."""
        if (await self._frame())[0] == 8:
            self.rest = b"closed"

    async def _frame(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8))
        return first & 15, await self.reader.readexactly(size)

    async def close(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
