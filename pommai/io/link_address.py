"""The address of the toy's server: wss://host/path, or ws:// in the clear."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from pommai.errors import SettingsError


class Address(NamedTuple):
    """Whom to call. `secure`: over TLS."""

    host: str
    port: int
    secure: bool


def address_of(url: str) -> Address:
    """What an address says; without a port it is that of the web. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # brackets that do not close; a port that is none
        host = None
    if not host or port == 0 or parts.scheme not in ("ws", "wss") or parts.fragment:
        raise SettingsError(f"the server's address must be like wss://host/path, not '{url}'")
    secure = parts.scheme == "wss"
    return Address(host, port or (443 if secure else 80), secure)
