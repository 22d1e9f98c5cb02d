"""The certificate with which the gateway listens: read from files, and read again when they have been renewed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pommai.errors import SecretError, SettingsError
from pommai.io.certificate import pin_of, validity_of
from pommai.io.secret import read_closed

EVERY: Final = 10.0
"""Seconds between two looks at the files."""

_log = logging.getLogger(__name__)


class Certificate:
    """A certificate and its key. `context` is for servers; what is loaded anew counts for the next connection."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Read both. Raises SettingsError when one cannot be read, or is not the other's."""
        self._cert = cert
        self._key = key
        self._seen = self._stamp()
        self.context = _context()
        self.expires = _load(self.context, cert, key)
        """When it ends: UTC."""
        _log.info("certificate", extra={"expires": f"{self.expires:%Y-%m-%d}", "pin": _pin(cert)})

    def warning(self, now: datetime) -> str | None:
        """What is wrong with its dates."""
        if now < self.expires:
            return None
        return f"the certificate {self._cert} has expired on {self.expires:%Y-%m-%d}; toys will not trust it"

    def reload(self) -> None:
        """Read the files again. Raises SettingsError, and the old certificate still counts, when they are wrong."""
        self._seen = self._stamp()
        _load(_context(), self._cert, self._key)  # tried on one that nobody uses: it is half done when it fails
        self.expires = _load(self.context, self._cert, self._key)

    async def watch(self, every: float = EVERY) -> None:
        """Look whether the files have changed, and read them again, until cancelled."""
        while True:
            await asyncio.sleep(every)
            if await asyncio.to_thread(self._stamp) != self._seen:
                await self.renew()

    async def renew(self) -> None:
        """Read the files again; what is wrong with them is logged."""
        try:
            await asyncio.to_thread(self.reload)
        except SettingsError as caught:
            _log.warning("certificate not read, the last good one stays", extra={"reason": str(caught)})
        else:
            _log.info("certificate read", extra={"expires": f"{self.expires:%Y-%m-%d}"})
            if words := self.warning(datetime.now(UTC)):
                _log.warning(words)

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What differs after a change. certbot replaces links: the file they lead to counts."""
        return tuple(_stamp(path) for path in (self._cert, self._key))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, cert: Path, key: Path) -> datetime:
    """Have a context use these; when the certificate ends. Raises SettingsError."""
    text, _ = _read(cert), _read(key)  # OpenSSL does not say which of the two is missing
    try:
        # Nobody is there to type a password, and OpenSSL would wait for one.
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as caught:
        if caught.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"{key} is not the key of {cert}: they belong to two certificates") from caught
        raise SettingsError(
            f"{cert} and {key} are no certificate and its key, both as PEM and the key without a password "
            f"({(caught.reason or str(caught)).lower().replace('_', ' ')})"
        ) from caught
    try:
        read_closed(key, 0, shared_by_root=True)  # only now: who mixes up the two files is told that
    except SecretError as caught:
        raise SettingsError(str(caught)) from None
    try:
        first = text[text.index(ssl.PEM_HEADER) : text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)]
        return validity_of(ssl.PEM_cert_to_DER_cert(first)).ends
    except ValueError as caught:
        raise SettingsError(f"{cert} holds a certificate that cannot be understood") from caught


def _pin(cert: Path) -> str:
    """What a toy's server_pins may name it by."""
    text = _read(cert)
    first = text[text.index(ssl.PEM_HEADER) : text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)]
    return f"sha256/{pin_of(ssl.PEM_cert_to_DER_cert(first))}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as caught:
        raise SettingsError(f"{path} cannot be read: {caught.strerror or caught}") from caught


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
