"""Fetching one large file whose size and checksum are known, over whatever network a toy has."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pommai import __version__
from pommai.errors import ModelError

Progress = Callable[[str, int, int], None]
"""Told often: what is being done ("downloading", "unpacking"), bytes of it done, bytes in all."""

PATIENCE: Final = 30.0
"""Seconds without a byte after which a connection counts as broken."""
TRIES: Final = 5
"""So many connections in a row may bring nothing, once something has come."""
PAUSE: Final = 1.0
"""Seconds before the second of them; twice as many before each that follows."""
CHUNK: Final = 65_536


def spoken_size(count: int) -> str:
    """A number of bytes for people.

    >>> spoken_size(41_205_931), spoken_size(70_000), spoken_size(12)
    ('41.2 MB', '70 kB', '12 B')
    """
    if count >= 1_000_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.0f} kB" if count >= 1_000 else f"{count} B"


def download(url: str, target: Path, size: int, sha256: str, progress: Progress) -> None:
    """Fetch `url` into the file `target`. A connection that breaks is made anew and goes on where it was.

    Raises ModelError: no network, a refusal, or content that is not of this size and checksum. OSError when `target`
    cannot be written.
    """
    target.touch()
    fruitless = 0
    while (done := target.stat().st_size) < size:
        try:
            _fetch(url, target, done, size, progress)
            trouble = f"the connection to {url} broke off after {spoken_size(target.stat().st_size)}"
        except _PassingError as caught:
            trouble = str(caught)
        if target.stat().st_size > done:
            fruitless = 0
        elif not done:
            raise ModelError(trouble)  # it never worked: better said at once
        elif (fruitless := fruitless + 1) == TRIES:
            raise ModelError(f"{trouble}, {TRIES} times in a row")
        else:
            time.sleep(PAUSE * 2 ** (fruitless - 1))
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(
            f"what came from {url} is not what was published: its SHA-256 is {found}, not {sha256}; nothing was kept"
        )


class _PassingError(Exception):
    """Trouble that may be over when tried again."""


def _fetch(url: str, target: Path, done: int, size: int, progress: Progress) -> None:
    """Fetch what follows after the first `done` bytes, as far as the connection lasts."""
    headers = {"User-Agent": f"pommai/{__version__}", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE) as response:
            if response.status != http.client.PARTIAL_CONTENT or not _continues(response, done):
                done = 0  # it sends all of it, whatever was asked for
            _check_length(response, url, size - done)
            with target.open("r+b") as file:
                file.truncate(done)
                file.seek(done)
                while chunk := _read(response, url):
                    done += len(chunk)
                    if done > size:
                        raise ModelError(f"{url} sends more than the {size:,} bytes that were published")
                    file.write(chunk)
                    progress("downloading", done, size)
    except urllib.error.HTTPError as caught:
        _refused(url, caught)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as caught:
        raise _unreachable(url, caught) from caught


def _read(response: Any, url: str) -> bytes:
    try:
        chunk: bytes = response.read(CHUNK)
    except (OSError, http.client.HTTPException) as caught:
        raise _PassingError(f"the connection to {url} broke: {caught}") from caught
    return chunk


def _continues(response: Any, done: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {done}-")


def _check_length(response: Any, url: str, wanted: int) -> None:
    length = response.headers.get("Content-Length")
    if length is not None and length != str(wanted):
        raise ModelError(f"{url} offers {length[:20]} bytes where {wanted:,} were published; nothing was kept")


def _refused(url: str, caught: urllib.error.HTTPError) -> None:
    with caught:
        if 300 <= caught.code < 400:
            raise ModelError(f"{url} leads in circles: one address sends to the next") from None
        said = f"{url} answers {caught.code} ({caught.reason})"
    if caught.code >= 500 or caught.code == http.client.TOO_MANY_REQUESTS:
        raise _PassingError(said)
    if caught.code == http.client.NOT_FOUND:
        said += ": the model is not there any more; unpack one by hand, and give its path in the setting vosk_model"
    raise ModelError(said)


def _unreachable(url: str, caught: Exception) -> Exception:
    reason = caught.reason if isinstance(caught, urllib.error.URLError) else caught
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ModelError(
            f"the certificate of {url} is refused: {reason.verify_message}; "
            "a clock that is wrong does this as well: look at `date`"
        )
    return _PassingError(f"{url} cannot be reached: {getattr(reason, 'strerror', None) or reason}")
