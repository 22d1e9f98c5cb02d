"""The keys of servers that sign what changes this toy."""

from __future__ import annotations

from pommai.io.ports import Clock
from pommai.io.signed import CommandGuard
from pommai.toy.settings import Settings


def make_guard(settings: Settings, clock: Clock) -> CommandGuard | None:
    """Who asks for signatures; None where the toy has no keys of its server. Raises BundleError."""
    if settings.server_keys is None:
        return None
    from pommai.bundle.keys import read_public_keys

    keys = {name.hex(): key.value for name, key in read_public_keys(settings.server_keys).items()}
    return CommandGuard(keys, settings.device_id, clock.now)
