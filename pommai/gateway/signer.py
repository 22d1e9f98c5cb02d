"""Signs what would change a toy, with the gateway's private key."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import structs

from pommai.bundle.keys import PublicKey, read_private_key
from pommai.protocol.messages import Message, Signature
from pommai.protocol.signing import LIFE_MS, Signed, needs_signature, signed_bytes


class Signer:
    """Made once; shared by all sessions."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        """`file`: a private key of `pommai bundle keygen`. `now`: seconds since 1970. Raises BundleError."""
        self._key = read_private_key(file)
        self._now = now
        self.public = PublicKey(self._key.public_key().public_bytes_raw(), file.stem)

    def signed(self, message: Message, device_id: str, challenge: str, number: int) -> Message:
        """The message as it is to be sent to a device that has said this challenge. `number` is higher each time."""
        if not isinstance(message, Signed) or not needs_signature(message):
            return message
        signature = Signature(self.public.id.hex(), number, int(self._now() * 1000) + LIFE_MS, "")
        value = self._key.sign(signed_bytes(message, signature, device_id, challenge))
        return structs.replace(message, signature=structs.replace(signature, value=value.hex()))
