"""Opens the TCP connection to the server, with a socket that admits what it has not sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

SEND_BUFFER_BYTES = 4096
"""SO_SNDBUF, a second of speech (Linux doubles it, for its own book-keeping). The default swallows minutes of it, and
frames in there look sent."""
UNSENT_BYTES = 1024
"""TCP_NOTSENT_LOWAT: of that buffer, how much may wait behind what is on its way."""
USER_TIMEOUT_MS = 20_000
"""TCP_USER_TIMEOUT: sent and not acknowledged, or not sendable because the server does not read, for so long: the
connection is over. Without it, a server that was stopped in its tracks holds it open for ever; WebSocket's own ping
cannot tell, for it waits in the same queue."""
ADDRESS_SECONDS = 4.0
"""For each address of the server, so that an IPv6 route into nowhere leaves time for IPv4."""

_Address = tuple[Any, ...]
_Found = list[tuple[int, int, int, str, _Address]]


async def dial(host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket to the first address of `host` that answers. Raises OSError, or ValueError for a
    name that cannot be one."""
    problem: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await look_up(host, port):
        connection = socket.socket(family, kind, protocol)
        try:
            _tune(connection)
            async with asyncio.timeout(ADDRESS_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, address)
        except OSError as caught:  # TimeoutError is one
            connection.close()
            problem = caught
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise problem


def _tune(connection: socket.socket) -> None:
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    for name, value in (("TCP_NOTSENT_LOWAT", UNSENT_BYTES), ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS)):
        option = getattr(socket, name, None)  # Linux has both
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def look_up(host: str, port: int) -> _Found:
    """The host's addresses.

    On a thread of its own, not the loop's executor: a look-up cannot be cancelled, without a network it takes half a
    minute, and at its end the loop waits for its executor. A daemon thread is left behind instead.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Found] = loop.create_future()

    def deliver(found: _Found | Exception) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def work() -> None:
        found: _Found | Exception
        try:
            found = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as caught:  # ValueError: a name that IDNA cannot encode
            found = caught
        with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
            loop.call_soon_threadsafe(deliver, found)

    threading.Thread(target=work, name="look-up", daemon=True).start()
    return await answer
