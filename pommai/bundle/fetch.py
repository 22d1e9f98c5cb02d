"""Fetching a bundle from where a server says it is. What comes is a stranger's until its signature was looked at."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from pommai import __version__
from pommai.bundle.container import CHUNK, MOST_FILE
from pommai.errors import BundleError

PATIENCE: Final = 30.0
"""Seconds without a byte after which a connection counts as broken."""
LONGEST: Final = 3600.0
"""Seconds a bundle may take in all: a server that sends byte by byte does not keep a toy busy for ever."""
MOST_URL: Final = 2048


def check_url(url: object) -> str:
    """An address a bundle may come from: https, or http on this machine. Raises BundleError."""
    if isinstance(url, str) and len(url) <= MOST_URL and re.fullmatch(r"[\x21-\x7e]+", url):
        try:
            parts = urlsplit(url)
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or ""))
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


def fetch(url: str, sha256: str, size: int) -> Iterator[bytes]:
    """The file at an address, piece by piece. Takes its time: for a process or thread of its own.

    Raises BundleError: an address or size that is none, no network, a refusal; and after the last piece, when all of it
    is not of this size and hash.
    """
    url, sha256, size = check_url(url), check_hash(sha256), check_size(size)
    limit = time.monotonic() + LONGEST
    digest, done = hashlib.sha256(), 0
    request = urllib.request.Request(
        url, headers={"User-Agent": f"pommai/{__version__}", "Accept-Encoding": "identity"}
    )
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=PATIENCE) as response:
            while piece := response.read1(min(CHUNK, size - done + 1)):
                done += len(piece)
                if done > size:
                    raise BundleError(f"{url} sends more than the {size:,} bytes that were announced")
                if time.monotonic() > limit:
                    raise BundleError(f"{url} takes longer than {LONGEST / 60:g} minutes")
                digest.update(piece)
                yield piece
    except urllib.error.HTTPError as caught:
        with caught:
            raise BundleError(f"{url} answers {caught.code} ({caught.reason})") from None
    except (OSError, http.client.HTTPException) as caught:
        raise BundleError(_unreachable(url, caught)) from caught
    if done != size or digest.hexdigest() != sha256:
        raise BundleError(
            f"what came from {url} is not what was announced: {done:,} bytes with the hash {digest.hexdigest()}"
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unreachable(url: str, caught: Exception) -> str:
    reason = caught.reason if isinstance(caught, urllib.error.URLError) else caught
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the certificate of {url} is refused: {reason.verify_message}; a clock that is wrong does this as well"
    return f"{url} cannot be reached: {getattr(reason, 'strerror', None) or reason}"
