"""What a toy writes down, closed with a key: AES-256-GCM, a value at a time.

What lies on the memory card is of no use without the key; and what is to be forgotten for good is forgotten when the
key is gone, whatever old blocks the card still holds. A value says where it belongs (`label`), and opens nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final, Protocol

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FIRST: Final = b"\x01"
"""Of every closed value: how it was closed."""

Value = str | bytes
"""As it is written: text is in the clear, bytes are closed."""


class SealBrokenError(Exception):
    """A value cannot be opened: the key is another one, or somebody has changed it."""


class Seal(Protocol):
    """Closes what is written, opens what is read."""

    def close(self, text: str, label: str) -> Value:
        """A text as it is to be written; another one each time."""

    def close_alike(self, text: str, label: str) -> Value:
        """Likewise, but the same text gives the same, so that it can be looked up."""

    def open(self, value: Value, label: str) -> str:
        """The text of what was written, be it in the clear. Raises SealBrokenError."""


class NoSeal:
    """Everything is written in the clear: for tests and for what never reaches a disk. The port Seal."""

    def close(self, text: str, label: str) -> Value:
        return text

    def close_alike(self, text: str, label: str) -> Value:
        return text

    def open(self, value: Value, label: str) -> str:
        if isinstance(value, bytes):
            raise SealBrokenError("it is closed, and there is no key")
        return value


class KeySeal:
    """The port Seal. Importing what it needs takes a slow core a while: make one off the event loop."""

    def __init__(self, key: bytes) -> None:
        """`key`: KEY_BYTES, secret."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(hmac.digest(key, b"pommai memory values", "sha256"))
        self._nonces = hmac.digest(key, b"pommai memory nonces", "sha256")
        self._invalid = InvalidTag

    def __repr__(self) -> str:
        return "KeySeal(***)"

    def close(self, text: str, label: str) -> bytes:
        return self._close(os.urandom(_NONCE_BYTES), text.encode(), label)

    def close_alike(self, text: str, label: str) -> bytes:
        data = text.encode()
        # The nonce is made of all that is closed with it: no two texts share one but by a chance of 2**-96.
        nonce = hmac.new(self._nonces, label.encode() + b"\0" + data, hashlib.sha256).digest()[:_NONCE_BYTES]
        return self._close(nonce, data, label)

    def open(self, value: Value, label: str) -> str:
        if isinstance(value, str):
            return value
        nonce, closed = value[1 : 1 + _NONCE_BYTES], value[1 + _NONCE_BYTES :]
        try:
            if value[:1] != _FIRST:
                raise ValueError("closed in a way that is not known")
            return self._cipher.decrypt(nonce, closed, label.encode()).decode()
        except (self._invalid, ValueError) as caught:
            raise SealBrokenError(str(caught) or "the key does not fit") from None

    def _close(self, nonce: bytes, data: bytes, label: str) -> bytes:
        return _FIRST + nonce + self._cipher.encrypt(nonce, data, label.encode())
