"""`auth:authenticateDevice`: tokens for a device's secret."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from msgspec import Struct

from pommai.errors import CloudFunctionError
from pommai.gateway.attempts import Attempts
from pommai.gateway.functions.parts import Caller, Parts, Secret
from pommai.protocol.messages import DeviceId
from pommai.protocol.schema import Wire

PER_DEVICE: Final = 20
"""Attempts a minute in the name of a device, by those who have never shown its secret; and by each who has."""
PER_PEER: Final = 60
"""Attempts that fail, a minute, of an address. Those that go well do not count: a whole house of toys has one."""
MOST_KNOWN: Final = 10_000
"""Addresses remembered as those from which a device has shown its secret."""


class Authenticate(Struct, frozen=True):
    """The arguments."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    device_secret: Annotated[Secret, Wire("deviceSecret")]


class Authentication:
    """Gives tokens, and keeps those who guess from keeping it busy.

    Who guesses in the name of a toy, or beside it behind the same proxy, cannot lock it out: attempts from where its
    secret was shown before are counted by themselves.
    """

    def __init__(self) -> None:
        self._devices = Attempts(PER_DEVICE)
        self._failures = Attempts(PER_PEER)
        self._known: dict[tuple[str, str], None] = {}

    async def run(self, parts: Parts, args: Authenticate, caller: Caller) -> object:
        """Tokens. Raises CloudFunctionError (AUTH_FAILED, RATE_LIMITED) and StoreError."""
        now = asyncio.get_running_loop().time()
        pair = (args.device_id, caller.peer)
        key = pair if pair in self._known else args.device_id
        if key != pair and (wait := self._failures.retry_after(caller.peer, now)):
            raise _too_many(wait)
        if not self._devices.allow(key, now):
            raise _too_many(self._devices.retry_after(key, now))
        tokens = await parts.devices.authenticate(args.device_id, args.device_secret)
        if tokens is None:
            self._failures.allow(caller.peer, now)
            raise CloudFunctionError("there is no such device, or it has another secret", "AUTH_FAILED")
        self._known[pair] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return {
            "convexToken": tokens.convex,
            "websocketToken": tokens.websocket,
            "expiresAt": tokens.expires_at,
            "serverTime": tokens.server_time,
        }


def _too_many(wait: float) -> CloudFunctionError:
    return CloudFunctionError(f"too many attempts; wait {wait:.0f} s", "RATE_LIMITED", wait)
