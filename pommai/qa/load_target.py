"""Whom a crowd of toys may be sent to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ssl import SSLContext
from urllib.parse import urlsplit

from pommai.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway that is loaded. `ssl` is shared by all toys: reading the certificates anew for each takes long."""

    url: str
    token: str
    toy_id: str
    ssl: SSLContext | None = None


def is_this_machine(url: str) -> bool:
    """Whether an address is one of this machine's loopback: by its number, or `localhost`. No name is looked up.

    >>> is_this_machine("ws://127.0.0.1:8765/audio-stream"), is_this_machine("wss://toys.example.com/")
    (True, False)
    """
    host = _host(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(url: str, *, owned: bool) -> None:
    """Refuse what is no WebSocket address, and servers of others. Raises SettingsError."""
    if not url.startswith(("ws://", "wss://")) or not _host(url):
        raise SettingsError(f"a gateway's address is like ws://127.0.0.1:8765/audio-stream, not '{url}'")
    if not owned and not is_this_machine(url):
        raise SettingsError(
            f"{_host(url)} is another machine. So many toys at once are an attack on whoever has not asked for them; "
            f"if this gateway is yours, and those who share its network know, say --this-server-is-mine"
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
