"""A WebSocket whose transport can be aborted at any time, even when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from websockets.asyncio.client import ClientConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from pommai.io.link_slices import SLICE_BYTES, SlicedConnection
from pommai.protocol.limits import RateLimit

LAST_BYTES: Final = 16 * SLICE_BYTES
"""Taken of what came right before the server hung up."""
CLOSE_SECONDS: Final = 0.5
"""How long a server may take to hang up after the goodbye."""
PINGS_PER_MINUTE: Final = 120
"""WebSocket's own pings and pongs. A server sends three, and answers three."""


class SteadyConnection(SlicedConnection, ClientConnection):
    """The connection of the library, safe from a transport that fails when it is aborted.

    A transport of asyncio that is closed by the other side while it has something to write, and then gets rid of it,
    forgets its loop and does not know that it is gone: `abort` raises AttributeError. The library aborts transports
    when it is asked to send or to close after the end.

    It looks at who has answered, too, before it says a word: `check` is asked with TLS's connection. And it takes what
    comes in slices: two bytes make a frame, and a hundred thousand that come at once hold up the loop for seconds on a
    slow core, when it takes them all before it looks at anything else.
    """

    def __init__(self, *arguments: Any, check: Callable[[Any], None] | None = None, **more: Any) -> None:
        """`check` raises what the caller of `connect` is to hear; without one, nobody looks."""
        super().__init__(*arguments, **more)
        self._check = check
        self._pings = RateLimit(PINGS_PER_MINUTE)
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls = getattr(transport, "_ssl_protocol", None)
        if tls is not None:
            # asyncio's TLS halts a writer whose buffer has reached its limit, so that a limit of 0 halts it for ever,
            # with an empty buffer; and what its own socket has not taken it counts from 64 kB on alone.
            cast("asyncio.Transport", transport).set_write_buffer_limits(high=1, low=0)
            tls._transport.set_write_buffer_limits(high=0)

    async def handshake(self, *arguments: Any, **more: Any) -> None:
        encrypted = self.transport.get_extra_info("ssl_object")
        if encrypted is not None and self._check is not None:
            self._check(encrypted)
        await super().handshake(*arguments, **more)

    def eof_received(self) -> None:
        rest, self._rest = self._rest[:LAST_BYTES], b""
        self._take(rest)
        super().eof_received()

    def process_event(self, event: Event) -> None:
        is_ping = isinstance(event, Frame) and event.opcode in (Opcode.PING, Opcode.PONG)
        if is_ping and not self._pings.allow(self.loop.time()):
            if self.state is State.OPEN:
                self.protocol.send_close(CloseCode.POLICY_VIOLATION, "far too many pings")
                self.send_data()
            return
        super().process_event(event)

    def _take(self, data: bytes) -> None:
        super()._take(data)
        if self._ending is None and self.protocol.close_expected():
            # The library waits for the server to hang up, and who breaks the rules may never do so.
            self._ending = self.loop.call_later(CLOSE_SECONDS, lambda: self.transport.abort())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ending is not None:
            self._ending.cancel()
        super().connection_lost(exc)
        self.transport = cast("asyncio.Transport", _Gone(self.transport))


class _Gone:
    """A transport that is gone: there is nothing to abort. What it can tell, it still tells."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def abort(self) -> None:
        """Do nothing."""
