"""Whom the toy believes to be its server, and when it may talk in the clear: the link's and the cloud's one opinion.

Beyond this machine everything is TLS 1.2 or later. A server is who it says when a certificate authority of the system
vouches for its name; or, where the settings name pins, when its key is one of them, whoever vouches for it. Either is
looked at before anything of the toy's is sent.

The time is a matter of its own. A toy that was just switched on is in 1970, or in the hour of its last power-off, until
a time server has answered. Its clock says too early a time, never too late a one: so what has ended by then, or by the
day this software was made (`FLOOR`), has ended, and is refused; that something has not begun yet, such a clock cannot
know. Once the clock is trusted both dates count. What ended after the toy's clock stopped is found out then, at the
next connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from pommai.errors import CertificateError, SettingsError
from pommai.io.certificate import Validity, pin_of, validity_of
from pommai.io.clock import FLOOR_YEAR, to_milliseconds
from pommai.io.ports import Stamp

FLOOR: Final = datetime(FLOOR_YEAR, 1, 1, tzinfo=UTC)
"""It is later than this, whatever a clock says."""
FEWEST_PINS: Final = 2
"""The key in force and a spare: a toy whose only pin is lost could never be reached again."""
_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL: the chain and the name are looked at as ever, its dates are left to us."""


class ServerTrust:
    """What makes a server the toy's. One for each connection that is kept; used on one event loop."""

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        *,
        pins: Collection[str] = (),
        now: Callable[[], Stamp] | None = None,
    ) -> None:
        """`context` replaces the system's authorities. `pins`: base64 of the SHA-256 of keys, FEWEST_PINS at least, or
        none; then authorities do not count. `now`: the toy's clock; without one the system's is trusted.

        Raises SettingsError.
        """
        if pins and len(set(pins)) < FEWEST_PINS:
            raise SettingsError(f"server_pins must name {FEWEST_PINS} keys: the one in force, and a spare")
        # Made once: reading the system's certificates takes long enough to be heard.
        self._context = context or (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if pins else ssl.create_default_context())
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pins = frozenset(pins)
        self._now = now
        if self._pins:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def context(self) -> ssl.SSLContext:
        """For a connection that is about to be made."""
        flags = int(self._context.verify_flags) & ~_NO_CHECK_TIME
        self._context.verify_flags = ssl.VerifyFlags(flags | (0 if self._clock()[1] else _NO_CHECK_TIME))
        return self._context

    def check(self, connection: Any) -> None:
        """Look at who has answered, after TLS's own handshake: an `SSLObject`. Raises CertificateError."""
        chain = _chain_of(connection)
        now, trusted = self._clock()
        if self._pins:
            _refuse_a_stranger(chain[0], self._pins)
        elif trusted:
            return  # OpenSSL has looked at the dates
        for der in chain:
            _look_at_dates(_validity(der), now, trusted)

    def _clock(self) -> tuple[datetime, bool]:
        """The earliest it can be now, and whether that is the time."""
        if self._now is None:
            return datetime.now(UTC), True
        stamp = self._now()
        told = datetime.fromtimestamp((to_milliseconds(stamp.text) or 0) / 1000, UTC)
        return max(told, FLOOR), stamp.trusted


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pins_at(address: str | None, server: str, pins: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a server's pins that count at another address of the toy's: all on the server's host, else none.

    A gateway at home answers at two ports with the one certificate that nobody but its pins vouches for; a cloud
    elsewhere has nothing to do with the gateway's keys.
    """
    same = urlsplit(address or "").hostname == urlsplit(server).hostname
    return pins if same else ()


def check_encrypted(name: str, secure: bool, host: str, scheme: str, *, plaintext: bool) -> None:
    """Raises SettingsError for an address in the clear beyond this machine, unless `plaintext` allows it.

    `name`: what the address is; `scheme`: how it should begin.
    """
    if not secure and not plaintext and not is_loopback(host):
        raise SettingsError(
            f"{name} must begin with {scheme}://, for {host} is not this machine, and in between everybody could "
            "listen; at a desk, without children, plaintext = 'anywhere' allows it"
        )


def _chain_of(connection: Any) -> list[bytes]:
    """The certificates that count, the server's own first: those OpenSSL has built a chain of, else the one."""
    own = connection.getpeercert(True)
    if own is None:
        raise CertificateError("the server shows no certificate")
    inner = getattr(connection, "_sslobj", None)
    verified = getattr(connection, "get_verified_chain", None) or getattr(inner, "get_verified_chain", None)
    chain = (verified() if verified is not None else None) or ()
    # Python 3.13 gives bytes; those before give objects that know their PEM and, with 2 (ENCODING_DER), their bytes.
    found = [one if isinstance(one, bytes) else one.public_bytes(2) for one in chain]
    return found if found and found[0] == own else [own]


def _refuse_a_stranger(der: bytes, pins: Collection[str]) -> None:
    try:
        pin = pin_of(der)
    except ValueError:
        raise CertificateError("the server's certificate cannot be understood") from None
    if pin not in pins:
        raise CertificateError(f"the server's certificate is not accepted: its key sha256/{pin} is none of server_pins")


def _validity(der: bytes) -> Validity:
    try:
        return validity_of(der)
    except ValueError:
        raise CertificateError("the server's certificate cannot be understood") from None


def _look_at_dates(validity: Validity, now: datetime, trusted: bool) -> None:
    begins, ends = validity
    if ends < now:
        how = "it is" if trusted else "it is at least"
        raise CertificateError(
            f"the server's certificate is not accepted: it has expired on {ends:%Y-%m-%d}, and {how} {now:%Y-%m-%d}"
        )
    if trusted and now < begins:
        raise CertificateError(
            f"the server's certificate is not accepted: it begins on {begins:%Y-%m-%d}, and it is {now:%Y-%m-%d}"
        )
