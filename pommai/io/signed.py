"""Looks at the signatures of what would change the toy, where the toy has keys of its server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from pommai.io.clock import to_milliseconds
from pommai.io.ports import Stamp
from pommai.protocol.messages import Message, Signature, ToyConfig, ToyConfigUpdate
from pommai.protocol.signing import Signed, needs_signature, signed_bytes, without_consent

SLACK_MS: Final = 300_000
"""Two clocks that are right may differ so much."""


class CommandGuard:
    """Lets through what the server has signed, and what needs no signature. For one connection at a time."""

    def __init__(self, keys: Mapping[str, bytes], device_id: str, now: Callable[[], Stamp]) -> None:
        """`keys`: Ed25519 public keys of 32 bytes, by the hex of the first bytes of their SHA-256."""
        self._keys = dict(keys)
        self._device_id = device_id
        self._now = now
        self._challenge = ""
        self._last = 0

    async def begin(self) -> str:
        """A connection begins: the challenge to say in its handshake. What was signed for another is void."""
        # Importing it takes a slow core a second; here it is done before anything waits for it.
        await asyncio.to_thread(_load)
        self._challenge, self._last = secrets.token_hex(16), 0
        return self._challenge

    def admit(self, message: Message) -> tuple[Message | None, str]:
        """What the toy may hear of a message, and why that is not all of it; empty when it is."""
        if not needs_signature(message):
            return message, ""
        assert isinstance(message, Signed)
        why = self._wrong(message, message.signature)
        if not why:
            return message, ""
        if isinstance(message, ToyConfig | ToyConfigUpdate):
            return without_consent(message), f"uploads are not allowed by this configuration: {why}"
        return None, why

    def _wrong(self, message: Signed, signature: Signature | None) -> str:
        if signature is None:
            return "it is not signed"
        key = self._keys.get(signature.key)
        if key is None:
            return "it is signed with a key that this toy does not know"
        if signature.number <= self._last:
            return "it was said before"
        if not _is_good(key, signature.value, signed_bytes(message, signature, self._device_id, self._challenge)):
            return "its signature is wrong: it was changed, or meant for another toy or another connection"
        self._last = signature.number
        stamp = self._now()
        if stamp.trusted and (to_milliseconds(stamp.text) or 0) > signature.expires + SLACK_MS:
            return "its signature has expired"
        return ""


def _load() -> None:
    import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401


def _is_good(key: bytes, value: str, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(value), data)
    except (InvalidSignature, ValueError):
        return False
    return True
