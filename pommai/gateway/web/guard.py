"""Who may ask: everybody whether the gateway is alive, toys what is theirs, and only operators all the rest."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from pommai.errors import StoreError
from pommai.gateway.attempts import Attempts
from pommai.gateway.metrics import Metrics
from pommai.gateway.operator_token import OperatorToken
from pommai.gateway.web.answers import RequestError

OPEN: Final = ("/healthz",)
"""For everybody."""
OF_TOYS: Final = "/api/"
"""What begins like this is for toys: who adds such a route sees to it that a stranger gets nothing."""
MOST_FAILURES: Final = 10
FAILURE_SECONDS: Final = 60.0
"""After so many wrong tokens from one address in this time, it is not listened to until some are forgotten."""

_log = logging.getLogger(__name__)


class Guard:
    """Asks for the operator's token."""

    def __init__(self, token: OperatorToken, metrics: Metrics) -> None:
        self._token = token
        self._metrics = metrics
        self._failures = Attempts(MOST_FAILURES, FAILURE_SECONDS)

    def middleware(self) -> Middleware:
        """What goes around every route."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not is_open(request):
                await self.check(request)
            return await handler(request)

        return guard

    async def check(self, request: web.Request) -> None:
        """Raise RequestError when no operator asks: 401, or 429 after too many wrong tokens."""
        shown = request.headers.getall("Authorization", [])
        token = shown[0].removeprefix("Bearer ") if len(shown) == 1 and shown[0].startswith("Bearer ") else None
        challenge = {"WWW-Authenticate": 'Bearer realm="pommai operators"'}
        if token is None:  # nobody guesses: a browser, or somebody who forgot it
            raise RequestError(401, "this is for operators", "send their token: Authorization: Bearer TOKEN", challenge)
        address = neighbourhood(request.remote or "")
        now = asyncio.get_running_loop().time()
        if (wait := self._failures.retry_after(address, now)) > 0:
            self._metrics.operators_refused += 1
            # Even the right token: else it could be guessed as fast as before.
            hint = f"wait {wait:.0f} s; the gateway listens to this address again then"
            raise RequestError(429, "too many wrong tokens from your address", hint, {"Retry-After": f"{wait:.0f}"})
        try:
            right = await self._token.is_right(token)
        except StoreError as caught:
            _log.error("operator's token unknown", extra={"reason": str(caught)})
            raise RequestError(
                503, "the operator's token cannot be looked up", "the gateway's log says why"
            ) from caught
        if not right:
            self._metrics.operators_refused += 1
            self._failures.allow(address, now)
            _log.warning("operator refused", extra={"peer": request.remote or "", "path": request.path[:100]})
            hint = (
                "it was printed when the gateway first started; `pommai gateway --data FILE --new-operator-token` "
                "makes a new one"
            )
            raise RequestError(401, "this is not the operator's token", hint, challenge)


def is_open(request: web.Request) -> bool:
    """Whether a request needs no operator's token. What was found for it counts, not how its path is spelt."""
    resource = request.match_info.route.resource
    if resource is not None:
        return resource.canonical in OPEN or resource.canonical.startswith(OF_TOYS)
    return request.path in OPEN or request.path.startswith(OF_TOYS)  # nothing is there, or not by this method


def neighbourhood(address: str) -> str:
    """Whom a wrong token is held against: an IPv4 address, or a whole IPv6 network, as one machine has all of it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
