"""The little that the toy must read of a certificate itself: its key and its dates (RFC 5280, section 4.1).

What is read here was understood by OpenSSL before; everything raises ValueError on what is no certificate all the same.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Final, NamedTuple

_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


class Validity(NamedTuple):
    """From when to when a certificate is meant to count: UTC, both included."""

    begins: datetime
    ends: datetime


def validity_of(der: bytes) -> Validity:
    """The dates of a certificate. Raises ValueError."""
    try:
        at = _inside(der, _field(der, 3))
        return Validity(_time(der, at), _time(der, _after(der, at)))
    except (IndexError, UnicodeDecodeError) as caught:
        raise ValueError("no certificate") from caught


def pin_of(der: bytes) -> str:
    """What tells a certificate's key from all others: SHA-256 of its SubjectPublicKeyInfo, in base64, as in RFC 7469.

    A certificate that was renewed with the same key has the same. Raises ValueError.
    """
    try:
        at = _field(der, 5)
        end = _after(der, at)
        if not at < end <= len(der):
            raise ValueError("no certificate")
        return base64.b64encode(hashlib.sha256(der[at:end]).digest()).decode("ascii")
    except IndexError as caught:
        raise ValueError("no certificate") from caught


def _field(der: bytes, number: int) -> int:
    """Where a field of the certificate begins: 0 serial number, 1 signature, 2 issuer, 3 validity, 4 subject, 5 key."""
    at = _inside(der, _inside(der, 0))
    if der[at] == _VERSION:  # may be left out
        at = _after(der, at)
    for _ in range(number):
        at = _after(der, at)
    return at


def _time(der: bytes, at: int) -> datetime:
    text = der[_inside(der, at) : _after(der, at)].decode("ascii")
    if der[at] == _UTC_TIME:  # has two digits for the year, from 1950 on
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _length(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of what is at a place begins, and how long it is."""
    size = der[at + 1]
    if size < 0x80:
        return at + 2, size
    count = size & 0x7F
    return at + 2 + count, int.from_bytes(der[at + 2 : at + 2 + count], "big")


def _inside(der: bytes, at: int) -> int:
    return _length(der, at)[0]


def _after(der: bytes, at: int) -> int:
    start, size = _length(der, at)
    return start + size
