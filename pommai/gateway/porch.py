"""The listening socket: bounds how many may stand before the door, together and from one address."""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

MOST_WAITING: Final = 1024
"""Connections that have not been let in yet: TLS, the opening request and its answer are still to come."""
MOST_FROM_ONE: Final = 512
"""Of those, from one address (IPv6: one network of 64 bits). A shop, or a test bench, has many toys behind one."""
BACKLOG: Final = 1024
"""Connections that the system keeps while the process is busy."""
AT_ONCE: Final = 16
"""Connections accepted before the toys inside have their turn."""
TURNED_AWAY_AT_ONCE: Final = 64
"""Connections turned away before the toys inside have their turn."""

OTHER_FILES: Final = 256
"""Files that a gateway has open beside its connections."""

_HANG_UP = struct.pack("ii", 1, 0)  # SO_LINGER: forget it at once, keep nothing for a stranger


def allow_files(toys: int) -> bool:
    """Let this process have as many files open as so many toys and whoever waits before the door need: systems allow a
    thousand at first, and more to who asks. Whether that is enough now."""
    wanted = toys + MOST_WAITING + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return True
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft >= wanted


class Porch(socket.socket):
    """A listening TCP socket that turns away whoever is too many.

    A connection counts from the moment it was accepted until it is let in (`let_in`) or closed, whichever part of the
    program closes it: so one that never ends its TLS handshake, or sends its request byte by byte, counts too.
    """

    def __init__(
        self, *arguments: Any, most_waiting: int = MOST_WAITING, most_from_one: int = MOST_FROM_ONE, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._most_waiting, self._most_from_one = most_waiting, most_from_one
        self._waiting: dict[tuple[Any, ...], str] = {}
        self._by_house: Counter[str] = Counter()
        self.turned_away = 0
        """How many there were."""
        self.on_turned_away: Callable[[], None] = lambda: None

    @classmethod
    async def open(cls, host: str, port: int) -> Porch:
        """A socket bound to the first address of `host`; port 0 is any that is free. Raises OSError."""
        try:
            found = _look_up(host, port, socket.AI_NUMERICHOST)
        except socket.gaierror:  # a name, which others have to be asked about
            found = await asyncio.to_thread(_look_up, host, port, 0)
        family, kind, protocol, _, address = found[0]
        porch = cls(family, kind, protocol)
        try:
            porch.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                porch.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            porch.bind(address)
            porch.setblocking(False)
        except BaseException:
            porch.close()
            raise
        return porch

    @property
    def waiting(self) -> int:
        """Connections that have not been let in yet."""
        return len(self._waiting)

    def listen(self, backlog: int = BACKLOG) -> None:
        """Listen. The event loop asks for a queue as long as what it accepts at once; it is BACKLOG long anyway."""
        super().listen(max(backlog, BACKLOG))

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that may wait. Raises BlockingIOError when there is none, or many were turned away."""
        for _ in range(TURNED_AWAY_AT_ONCE):
            accepted, address = super().accept()
            house = _house(address)
            if len(self._waiting) < self._most_waiting and self._by_house[house] < self._most_from_one:
                self._waiting[address[:2]] = house
                self._by_house[house] += 1
                return _Guest(self, address[:2], accepted), address
            self.turned_away += 1
            self.on_turned_away()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HANG_UP)
            accepted.close()
            if not self._by_house[house]:
                del self._by_house[house]
        raise BlockingIOError

    def let_in(self, address: tuple[Any, ...] | None) -> None:
        """The connection from this address does not wait any more. One that is not known is no matter."""
        house = None if address is None else self._waiting.pop(address[:2], None)
        if house is not None:
            self._by_house[house] -= 1
            if not self._by_house[house]:
                del self._by_house[house]


class _Guest(socket.socket):
    """An accepted connection."""

    def __init__(self, porch: Porch, address: tuple[Any, ...], accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._porch = porch
        self._address = address

    def close(self) -> None:
        self._porch.let_in(self._address)
        super().close()


def _look_up(host: str, port: int, flags: int) -> list[Any]:
    return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | flags)


def _house(address: tuple[Any, ...]) -> str:
    """Where a connection comes from, as far as one household can choose it."""
    host = str(address[0]).partition("%")[0]
    if ":" not in host:
        return host
    number = ipaddress.IPv6Address(host)
    return str(number.ipv4_mapped or ipaddress.IPv6Network((int(number) >> 64 << 64, 64)))
