"""The tokens of a device: asked for with its secret, kept in RAM alone, renewed before they end.

One question gives both, for the cloud's functions and for the WebSocket. How long they live is told by the difference
of two times of the server's, and counted on the monotonic clock: the toy's own may be in 1970.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, NoReturn

from pommai.errors import AuthenticationError, CloudError, CloudFunctionError, LinkError, SecretError
from pommai.io.convex import ConvexClient
from pommai.io.link_retry import Backoff
from pommai.io.secret import Secret, SecretSource
from pommai.protocol.limits import MAX_INTEGER

logger = logging.getLogger(__name__)

LONGEST_LIFE: Final = 86_400.0
"""Seconds. A server may say more; the toy asks anew once a day all the same."""
_REFUSED: Final = ("AUTH_FAILED", "DEVICE_NOT_FOUND", "FORBIDDEN")
_TOKEN = re.compile(r"[\x21-\x7e]{8,4096}")


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Seconds. Tests use shorter ones."""

    refused_first: float = 60.0
    refused_limit: float = 900.0
    """Bounds of the wait after the secret was refused, doubling: asking often changes nothing and looks like an attack.
    """
    failed_first: float = 5.0
    failed_limit: float = 120.0
    """Bounds of the waits between attempts to renew tokens that still live."""
    fresh: float = 30.0
    """A token that is refused so soon after it was made is not refused for its age."""


@dataclass(frozen=True, slots=True)
class _Tokens:
    convex: Secret
    websocket: Secret
    made_at: float
    renew_at: float
    ends_at: float
    """Loop times."""

    def has(self, token: str) -> bool:
        return token in (self.convex.reveal(), self.websocket.reveal())


class DeviceTokens:
    """Both tokens of one device. The port Credentials for the WebSocket's."""

    def __init__(
        self,
        client: ConvexClient,
        device_id: str,
        secret: SecretSource,
        *,
        on_secret: Callable[[str], None] = lambda text: None,
        times: TokenTimes | None = None,
        random: Random | None = None,
    ) -> None:
        """`on_secret` is told every secret as it comes up, for whoever hides them in the log."""
        self._client = client
        self._device_id = device_id
        self._secret = secret
        self._on_secret = on_secret
        self._times = times or TokenTimes()
        self._random = random or Random()
        self._tokens: _Tokens | None = None
        self._asking = asyncio.Lock()
        self._some = asyncio.Event()
        self._not_before = 0.0
        self._refusal: LinkError | None = None
        self._bound = self._times.refused_first

    async def token(self) -> str:
        return (await self._living()).websocket.reveal()

    def refused(self, token: str) -> bool:
        tokens = self._tokens
        if tokens is None or not tokens.has(token):
            return True  # it has been replaced meanwhile
        self._forget()
        return self._now() - tokens.made_at > self._times.fresh

    async def convex_token(self) -> Secret:
        """The token for the cloud's functions. Raises LinkError, and nothing else."""
        try:
            return (await self._living()).convex
        except SecretError as caught:
            raise AuthenticationError(str(caught)) from None

    async def keep_fresh(self) -> NoReturn:
        """Renew the tokens in good time, until cancelled. Those in use go on living; nobody waits for it."""
        backoff = Backoff(self._random, first=self._times.failed_first, limit=self._times.failed_limit)
        told = ""
        while True:
            await self._some.wait()
            tokens = self._tokens
            if tokens is None:
                self._some.clear()
                continue
            wait = tokens.renew_at - self._now()
            if wait > 0:
                await asyncio.sleep(wait)
                continue  # meanwhile there may be others
            try:
                await self._ask(instead_of=tokens)
                backoff.succeeded()
                told = ""
            except (LinkError, SecretError) as caught:
                if str(caught) != told:  # what lasts for hours is one fact
                    told = str(caught)
                    logger.warning("tokens not renewed", extra={"reason": told})
                if self._now() >= tokens.ends_at and self._tokens is tokens:
                    self._forget()  # whoever needs some asks
                await asyncio.sleep(backoff.failed())

    async def _living(self) -> _Tokens:
        tokens = self._tokens
        if tokens is not None and self._now() < tokens.ends_at:
            return tokens
        return await self._ask(instead_of=tokens)

    async def _ask(self, instead_of: _Tokens | None) -> _Tokens:
        """New tokens. Whoever asks meanwhile waits, and gets the same."""
        async with self._asking:
            tokens = self._tokens
            if tokens is not None and tokens is not instead_of:
                return tokens
            now = self._now()
            if self._refusal is not None and now < self._not_before:
                raise self._refusal
            try:
                secret = await self._secret.read()
                self._on_secret(secret.reveal())
                args = {"deviceId": self._device_id, "deviceSecret": secret.reveal()}
                # Tried once: whoever needs a token has a patience of its own.
                value = await self._client.call("action", "auth:authenticateDevice", args, attempts=1)
            except CloudFunctionError as caught:
                raise self._understood(caught) from None
            except CloudError as caught:
                raise LinkError(f"the toy gets no token: {caught}") from None
            tokens = self._tokens = self._read(value, now)
            self._refusal, self._bound = None, self._times.refused_first
            self._some.set()
            logger.info("tokens", extra={"renew_s": round(tokens.renew_at - now)})
            return tokens

    def _understood(self, caught: CloudFunctionError) -> LinkError:
        if caught.code in _REFUSED:
            words = f"{self._client.host} knows no device with this id and this secret; is it registered?"
            return self._hold_off(AuthenticationError(words))
        error = LinkError(f"the toy gets no token: {caught} ({caught.code})")
        if caught.code == "RATE_LIMITED":
            self._refusal = error
            self._not_before = self._now() + (caught.retry_after or self._times.failed_first)
        return error

    def _hold_off(self, error: LinkError) -> LinkError:
        """Not to be tried again for a while: that long, everybody who asks hears why."""
        self._refusal = error
        self._not_before = self._now() + self._random.uniform(self._bound / 2, self._bound)
        self._bound = min(2 * self._bound, self._times.refused_limit)
        logger.error("device refused", extra={"reason": str(error)})
        return error

    def _read(self, value: object, asked_at: float) -> _Tokens:
        """What was answered. Raises LinkError when that is no tokens."""
        given = value if isinstance(value, dict) else {}
        convex, websocket = given.get("convexToken"), given.get("websocketToken")
        ends, now = given.get("expiresAt"), given.get("serverTime")
        if not (
            isinstance(convex, str)
            and isinstance(websocket, str)
            and isinstance(ends, int | float)
            and isinstance(now, int | float)
            and abs(ends) <= MAX_INTEGER
            and abs(now) <= MAX_INTEGER
            and _TOKEN.fullmatch(convex)
            and _TOKEN.fullmatch(websocket)
        ):
            raise LinkError("the toy gets no token: the cloud's answer holds none")
        life = (ends - now) / 1000
        if life <= 0:
            raise LinkError("the toy gets no token: those the cloud gives have ended already")
        life = min(life, LONGEST_LIFE)
        for token in (convex, websocket):
            self._on_secret(token)
        renew = asked_at + life * self._random.uniform(0.75, 0.85)
        return _Tokens(Secret(convex), Secret(websocket), asked_at, renew, asked_at + life)

    def _forget(self) -> None:
        self._tokens = None

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
