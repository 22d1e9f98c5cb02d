"""What a server signs, and what of it: the bytes that both ends make of a message, the same at each.

A toy that has keys of its server says a challenge in its handshake, new for each connection. Messages that change what
the toy does for long, or what leaves it, then count only with a signature made for this device, this challenge, with
a number higher than any before it, and before it expires. So nothing that was signed once can be said again: not on
another connection, not to another toy, not a second time. That does not ask for a clock that is right; the date is
for those who have one.
"""

from __future__ import annotations

import json
from typing import Final

from msgspec import structs

from pommai.errors import ProtocolError
from pommai.protocol.messages import Command, Message, SafetyOverride, Signature, ToyConfig, ToyConfigUpdate
from pommai.protocol.wire import plain_form

PURPOSE: Final = "pommai signed message 1"
"""Goes before what is signed: a signature made for anything else is none of a message."""
LIFE_MS: Final = 60_000
"""How long a signature is good for."""
HARMLESS: Final = frozenset(("stop", "play", "volume"))
"""Commands that are over when they are over. All others change the toy, those that nobody knows yet among them."""
ONLY_SIGNED: Final = frozenset(("reset",))
"""Commands that cannot be taken back. A toy that has no keys of its server, and so cannot tell, obeys none of them."""

Signed = Command | SafetyOverride | ToyConfig | ToyConfigUpdate


def needs_signature(message: Message) -> bool:
    """Whether a toy that has keys of its server asks for a signature on this."""
    match message:
        case Command(name=name):
            return name not in HARMLESS
        case SafetyOverride(action=action):
            return action == "resume"
        case ToyConfig(config=config) | ToyConfigUpdate(config=config):
            return config.guardian_settings.allow_uploads
        case _:
            return False


def only_signed(message: Message) -> bool:
    """Whether a toy that has no keys of its server refuses this, whoever says it."""
    return isinstance(message, Command) and message.name in ONLY_SIGNED


def without_consent(message: ToyConfig | ToyConfigUpdate) -> ToyConfig | ToyConfigUpdate:
    """The same toy, but nobody has allowed anything to be uploaded."""
    settings = structs.replace(message.config.guardian_settings, allow_uploads=False)
    return structs.replace(message, config=structs.replace(message.config, guardian_settings=settings), signature=None)


def signed_bytes(message: Signed, signature: Signature, device_id: str, challenge: str) -> bytes:
    """What is signed: JSON with its keys in order, in ASCII, without spaces. `signature.value` is no part of it.

    Raises ProtocolError when the message holds what JSON cannot.
    """
    whole = {
        "purpose": PURPOSE,
        "device": device_id,
        "challenge": challenge,
        "key": signature.key,
        "number": signature.number,
        "expires": signature.expires,
        "message": plain_form(structs.replace(message, signature=None)),
    }
    try:
        return json.dumps(whole, sort_keys=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (RecursionError, TypeError, ValueError) as caught:
        raise ProtocolError(f"a message to be signed holds what JSON cannot: {caught}") from caught
