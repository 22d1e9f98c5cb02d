"""The listening end: the socket, what it lets through, and the connections that came by it."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable
from typing import Self, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode

from pommai.errors import PommaiError
from pommai.gateway.admission import HANDSHAKE_SECONDS, Admission
from pommai.gateway.connection import CLOSE_SECONDS, UNSENT_BYTES, ToyConnection
from pommai.gateway.porch import AT_ONCE, Porch
from pommai.protocol.limits import MAX_MESSAGE_BYTES

Serve = Callable[[ToyConnection], Awaitable[None]]
"""Looks after a connection that was let in, to its end."""


class Listening:
    """A port on which a gateway listens."""

    def __init__(self, server: Server, porch: Porch, admission: Admission) -> None:
        """Made by `open`."""
        self._server = server
        self._admission = admission
        self.porch = porch
        self.port: int = porch.getsockname()[1]

    @classmethod
    async def open(
        cls, host: str, port: int, admission: Admission, serve_toy: Serve, tls: ssl.SSLContext | None
    ) -> Self:
        """Listen. Port 0 is any that is free. Raises PommaiError when that cannot be."""

        async def handle(connection: ServerConnection) -> None:
            await serve_toy(cast(ToyConnection, connection))

        porch: Porch | None = None
        try:
            porch = await Porch.open(host, port)
            porch.on_turned_away = admission.turned_away
            server = await serve(
                handle,
                sock=porch,
                backlog=AT_ONCE,
                process_request=admission.admit,
                create_connection=ToyConnection,
                compression=None,  # Opus is compressed already
                max_size=MAX_MESSAGE_BYTES,
                max_queue=4,
                write_limit=UNSENT_BYTES,
                open_timeout=HANDSHAKE_SECONDS,
                ping_interval=20.0,
                ping_timeout=10.0,
                close_timeout=CLOSE_SECONDS,
                server_header=None,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=None if tls is None else CLOSE_SECONDS,
            )
        except OSError as caught:
            if porch is not None:
                porch.close()
            hint = ""
            if caught.errno == errno.EADDRINUSE:
                hint = "; is another gateway running? Choose another port, or 0 for any that is free"
            raise PommaiError(f"cannot listen on {host} port {port}: {caught.strerror or caught}{hint}") from caught
        admission.is_closed = False
        return cls(server, porch, admission)

    @property
    def connections(self) -> list[ToyConnection]:
        """All that have not ended, those that are still opening among them."""
        return ToyConnection.all_of(self._server)

    def stop(self) -> None:
        """From now on nobody comes in. Another gateway may listen on this port at once."""
        self._admission.is_closed = True
        self._server.server.close()  # now; the library's own close() is a task
        self._server.close(close_connections=False)

    async def emptied(self, seconds: float) -> bool:
        """Wait until all connections have ended, for so many seconds at most. Whether they have."""
        waiters = [connection.connection_lost_waiter for connection in self.connections]
        if waiters:
            await asyncio.wait(waiters, timeout=seconds)
        return all(waiter.done() for waiter in waiters)

    async def close(self) -> None:
        """Say goodbye to all, and cut those off who do not answer in time. Who is still opening is cut at once."""
        self.stop()
        for connection in self.connections:
            connection.part(CloseCode.GOING_AWAY, "")
        await self._server.wait_closed()
