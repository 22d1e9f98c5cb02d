"""The gateway's end of one WebSocket: takes sound without a detour, never sends more than is read, can be cut."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Final
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from pommai.io.link_slices import SLICE_BYTES, SlicedConnection
from pommai.protocol.limits import MAX_MESSAGE_BYTES, RateLimit

CLOSE_SECONDS: Final = 0.4
"""How long a toy may take to say goodbye."""
UNSENT_BYTES: Final = 4096
"""What may wait in the process for a toy that reads slowly: half a second of sound or more. Then its answer waits."""
SEND_BUFFER_BYTES: Final = 16 * 1024
"""SO_SNDBUF (Linux doubles it, for its own book-keeping): the default swallows megabytes, and they look sent."""
NOT_SENT_BYTES: Final = 4096
"""TCP_NOTSENT_LOWAT: of that buffer, how much may wait behind what is on its way."""
STALLED_SECONDS: Final = 30.0
"""A toy that reads nothing for so long is given up. WebSocket's own ping cannot tell: it waits in the same queue."""
PINGS_PER_MINUTE: Final = 120
"""WebSocket's own pings and pongs; the link sends one in 20 s, and answers ours."""

_HOST: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

OnSound = Callable[[bytes], bool]
"""Takes a binary message where it comes in. False: it has to wait in line, behind what is done now."""


class ToyConnection(SlicedConnection, ServerConnection):
    """The library's connection, with what many toys need, and bad ones make necessary.

    Sound is what nearly everything here is. It is handed to `on_sound` in the call that brings it, without a task that
    has to wake up, whenever no other message is waiting or being worked on: so the order of messages stays.
    """

    _alive: ClassVar[WeakSet[ToyConnection]] = WeakSet()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_sound: OnSound | None = None
        self.on_room: Callable[[], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        """Called once, when the connection has ended."""
        self.is_busy = False
        """Set while a message is worked on that came before whatever comes now."""
        self._pings = RateLimit(PINGS_PER_MINUTE)
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def all_of(cls, server: Server) -> list[ToyConnection]:
        """Every connection of a server that has not ended, those that are still opening among them."""
        return [connection for connection in cls._alive if connection.server is server]

    @property
    def peer(self) -> str:
        """Host and port at the other end."""
        address = self.remote_address
        return f"{address[0]}:{address[1]}" if address else "gone"

    def is_of(self, device_id: str) -> bool:
        """Whether the other end says that it is this device."""
        return self.request is not None and self.request.headers.get_all("X-Device-ID") == [device_id]

    @property
    def called(self) -> str:
        """The host by which the other end has called this gateway; empty when it has named none that could be one."""
        named = [] if self.request is None else self.request.headers.get_all("Host")
        found = _HOST.fullmatch(named[0]) if len(named) == 1 else None
        return "" if found is None else found[1]

    # -- out -------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self.state is State.OPEN

    @property
    def has_room(self) -> bool:
        """Whether the socket takes what is sent; else it waits in the process's memory."""
        return not self.paused

    def post(self, data: bytes, *, text: bool) -> None:
        """Send a message without waiting for room. Only while it is open."""
        if text:
            self.protocol.send_text(data)
        else:
            self.protocol.send_binary(data)
        self.send_data()

    def part(self, code: int, reason: str) -> None:
        """Say goodbye, with a reason of 120 bytes at most, and cut the connection after CLOSE_SECONDS, whatever the
        other end does. Who has not been let in yet is cut at once."""
        if self.state is State.OPEN:
            self.protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))
            self.close_deadline = self.loop.time() + CLOSE_SECONDS
            self._at(CLOSE_SECONDS, self.cut)
            self.send_data()
            self._tell_of_room()
        elif self.state is State.CONNECTING:
            self.cut()
        elif self._timer is None:
            self._at(CLOSE_SECONDS, self.cut)  # it has said goodbye itself, and may never hang up

    def cut(self) -> None:
        """End the connection at once, without a goodbye."""
        if self.state is not State.CLOSED:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.state is State.OPEN:
            self._at(STALLED_SECONDS, lambda: self.part(CloseCode.POLICY_VIOLATION, "nothing is read any more"))

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.state is State.OPEN:
            self._at(None)
        self._tell_of_room()

    def _tell_of_room(self) -> None:
        if self.on_room is not None:
            self.on_room()

    def _at(self, seconds: float | None, then: Callable[[], None] = lambda: None) -> None:
        """Do something in so many seconds, instead of what was to be done before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, then)

    # -- in --------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        super()._take(data)
        if self.paused and self.transport.get_write_buffer_size() > MAX_MESSAGE_BYTES + UNSENT_BYTES:
            self.cut()  # it makes the library answer, with pongs, and does not read the answers

    def eof_received(self) -> None:
        while self._rest:
            some, self._rest = self._rest[:SLICE_BYTES], self._rest[SLICE_BYTES:]
            self._take(some)
        super().eof_received()

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame):
            opcode = event.opcode
            if opcode is Opcode.BINARY:
                if (
                    self.on_sound is not None
                    and event.fin
                    and not self.is_busy
                    and not self.recv_messages.frames
                    and self.on_sound(bytes(event.data))
                ):
                    return
            elif (opcode is Opcode.PING or opcode is Opcode.PONG) and not self._pings.allow(self.loop.time()):
                self.part(CloseCode.POLICY_VIOLATION, "far too many pings")
        super().process_event(event)

    # -- begin and end ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._alive.add(self)
        # asyncio asks the system for 256 KiB at every read, and gives them back after 90 bytes of sound.
        transport.max_size = SLICE_BYTES  # type: ignore[attr-defined]
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            lowest = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux has it
            if lowest is not None:
                connection.setsockopt(socket.IPPROTO_TCP, lowest, NOT_SENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._at(None)
        self._alive.discard(self)
        super().connection_lost(exc)
        self._tell_of_room()
        self.on_sound = self.on_room = None
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None
