"""Fetching a bundle from where a server says it is. What comes is a stranger's until its signature was looked at.

Every wait has an end: for an answer, for the next byte, and for all of it. No proxy is asked, and no redirect leads to
another server.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from pommai import __version__
from pommai.bundle.container import CHUNK, MOST_FILE
from pommai.errors import BundleError, CertificateError
from pommai.io.tls import ServerTrust, is_loopback

ADDRESS_SECONDS: Final = 10.0
"""For each address of the server."""
PATIENCE: Final = 30.0
"""Seconds without a byte after which a connection counts as broken."""
ANSWER_SECONDS: Final = 60.0
"""From dialling to the first byte of the bundle: a server that says its headers letter by letter is not heard out."""
SLOWEST: Final = 8192
"""Bytes a second, on the whole, below which a bundle is given up: meanwhile the toy takes no other."""
LONGEST: Final = 3600.0
"""Seconds a bundle may take in all, however large it is."""
MOST_REDIRECTS: Final = 3
MOST_URL: Final = 2048
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}


def check_url(url: object) -> str:
    """An address a bundle may come from: https, or http on this machine. Raises BundleError."""
    if isinstance(url, str) and len(url) <= MOST_URL and re.fullmatch(r"[\x21-\x7e]+", url):
        try:
            parts = urlsplit(url)
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
            if is_safe and parts.username is None and parts.hostname and parts.port != 0:
                return url
        except ValueError:
            pass
    raise BundleError(
        f"a bundle comes from an address such as https://host/toy-12.pommai-bundle, not {ascii(url)[:80]}"
    )


def check_size(size: object) -> int:
    """A number of bytes that a bundle may have. Raises BundleError."""
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MOST_FILE:
        raise BundleError(f"the size of a bundle is a whole number in 1..{MOST_FILE}, not {ascii(size)[:40]}")
    return size


def check_hash(sha256: object) -> str:
    """A SHA-256. Raises BundleError."""
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise BundleError(f"the hash of a bundle is its SHA-256 in small hexadecimal letters, not {ascii(sha256)[:80]}")
    return sha256


def fetch(url: str, sha256: str, size: int, trust: ServerTrust | None = None) -> Iterator[bytes]:
    """The file at an address, piece by piece. Takes its time: for a process or thread of its own.

    `trust` says who may answer over https, in place of whom the system's authorities vouch for. Raises BundleError: an
    address or size that is none, no network, a refusal; and after the last piece, when all of it is not of this size
    and hash.
    """
    url, sha256, size = check_url(url), check_hash(sha256), check_size(size)
    digest, done = hashlib.sha256(), 0
    try:
        with _open(url, size, trust) as answer:
            while piece := answer.read1(min(CHUNK, size - done + 1)):
                done += len(piece)
                if done > size:
                    raise BundleError(f"{url} sends more than the {size:,} bytes that were announced")
                digest.update(piece)
                yield piece
    except (OSError, ValueError, http.client.HTTPException, CertificateError) as caught:
        raise BundleError(_unreachable(url, caught)) from caught
    if done != size or digest.hexdigest() != sha256:
        raise BundleError(
            f"what came from {url} is not what was announced: {done:,} bytes with the hash {digest.hexdigest()}"
        )


class _Limit:
    """Until when something may take. Moved on once the server has answered."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self, most: float) -> float:
        """Seconds for the next step. Raises TimeoutError."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("it takes too long")
        return min(left, most)


class _Bytes(io.RawIOBase):
    """What a connection brings, each byte in time: a socket's own limit begins anew with every byte."""

    def __init__(self, connection: socket.socket, limit: _Limit) -> None:
        self._connection = connection
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._limit.left(PATIENCE))
        return self._connection.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._connection.close()
        super().close()


class _Line:
    """A connection as http.client wants it."""

    def __init__(self, connection: socket.socket, limit: _Limit) -> None:
        self._connection = connection
        self._bytes = _Bytes(connection, limit)
        self.sendall = connection.sendall

    def makefile(self, mode: str) -> io.BufferedReader:
        """The one reader of it; to close that closes the connection."""
        return io.BufferedReader(self._bytes, CHUNK)

    def close(self) -> None:
        """Nothing: the reader does it."""


def _open(url: str, size: int, trust: ServerTrust | None) -> http.client.HTTPResponse:
    """The answer with the file, whose body is to come. Raises BundleError, CertificateError, OSError, HTTPException."""
    limit, place = _Limit(ANSWER_SECONDS), url
    trust = trust or (ServerTrust() if urlsplit(url).scheme == "https" else None)
    for _ in range(MOST_REDIRECTS + 1):
        answer = _ask(place, limit, trust)
        if answer.status == 200 and answer.length in (None, size):
            limit.at = time.monotonic() + min(LONGEST, ANSWER_SECONDS + size / SLOWEST)
            return answer
        with answer:
            if answer.status == 200:
                raise BundleError(f"{url} sends {answer.length:,} bytes, and {size:,} were announced")
            if answer.status not in _REDIRECTS:
                raise BundleError(f"{url} answers {answer.status} ({answer.reason[:80]})")
            try:
                place = urljoin(place, answer.headers.get("Location", ""))
            except ValueError:
                place = ""
            if _origin(place) != _origin(url):
                raise BundleError(f"{url} leads to another server, {ascii(place)[:120]}: no toy follows there")
    raise BundleError(f"{url} leads from one address to the next without end")


def _ask(url: str, limit: _Limit, trust: ServerTrust | None) -> http.client.HTTPResponse:
    parts = urlsplit(check_url(url))
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    connection = _dial(host, port, limit)
    try:
        connection.settimeout(limit.left(PATIENCE))
        if trust is not None:
            connection = trust.context().wrap_socket(connection, server_hostname=host)
            trust.check(connection)
        asking = http.client.HTTPConnection(host, port)
        asking.sock = _Line(connection, limit)
        asking.putrequest("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), skip_host=True)
        asking.putheader("Host", parts.netloc)
        asking.putheader("User-Agent", f"pommai/{__version__}")
        asking.putheader("Connection", "close")
        asking.endheaders()
        return asking.getresponse()
    except BaseException:
        connection.close()
        raise


def _dial(host: str, port: int, limit: _Limit) -> socket.socket:
    problem: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(limit.left(ADDRESS_SECONDS))
            connection.connect(address)
        except OSError as caught:
            connection.close()
            problem = caught
        else:
            return connection
    raise problem


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None


def _unreachable(url: str, caught: Exception) -> str:
    if isinstance(caught, ssl.SSLCertVerificationError):
        return f"the certificate of {url} is refused: {caught.verify_message}; a clock that is wrong does this as well"
    if isinstance(caught, CertificateError):
        return f"{url}: {caught}"
    if isinstance(caught, TimeoutError):
        return f"{url} takes too long to answer, or to send"
    return f"{url} cannot be reached: {getattr(caught, 'strerror', None) or caught or type(caught).__name__}"
