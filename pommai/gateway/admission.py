"""Who may come in: the opening request, and the handshake after it."""

from __future__ import annotations

import asyncio
import http
import logging
from typing import Final, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from pommai.errors import ProtocolError, StoreError
from pommai.gateway.connection import ToyConnection
from pommai.gateway.door import Door
from pommai.gateway.metrics import Metrics
from pommai.protocol import messages as m
from pommai.protocol.limits import PROTOCOL_VERSION
from pommai.protocol.wire import decode, encode_message

HANDSHAKE_SECONDS = 10.0
"""How long a toy may take for TLS, for its opening request, and then to introduce itself: for each of them."""
RETRY_AFTER: Final = 5
"""Seconds after which a toy that finds no room may try again. Each adds its own jitter."""

_log = logging.getLogger(__name__)


class Admission:
    """Lets toys in, as long as there is room for them."""

    def __init__(self, door: Door, metrics: Metrics, most_toys: int) -> None:
        self._door = door
        self._metrics = metrics
        self._most = most_toys
        self._inside = 0
        self.is_closed = False
        """Set when nobody is to be let in any more."""

    @property
    def inside(self) -> int:
        """Connections that were let in and have not ended."""
        return self._inside

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answers the HTTP request: None lets the toy in. Headers that come twice count as missing."""
        toy = cast(ToyConnection, connection)
        if self.is_closed:
            return self._come_later(toy, "closing", "This gateway is about to end; connect again.\n")
        shown, named = request.headers.get_all("Authorization"), request.headers.get_all("X-Device-ID")
        device_id = named[0] if len(named) == 1 else ""
        token = shown[0].removeprefix("Bearer ") if len(shown) == 1 and shown[0].startswith("Bearer ") else None
        try:
            admitted = token is not None and await self._door.admits(device_id, token)
        except StoreError as caught:
            _log.error("toy not let in", extra={"peer": toy.peer, "reason": str(caught)})
            words = "This gateway cannot look up your token now; try again later.\n"
            return self._come_later(toy, "store", words)
        if not admitted:
            self._metrics.refused["token"] += 1
            _log.warning("toy refused", extra={"peer": toy.peer, "reason": "token"})
            words = (
                "This gateway does not know your token. Send the one it was started with, or the websocketToken that "
                "this device was given: Authorization: Bearer TOKEN\n"
            )
            response = toy.respond(http.HTTPStatus.UNAUTHORIZED, words)
            response.headers["WWW-Authenticate"] = 'Bearer realm="pommai"'
            return response
        if not device_id:
            self._metrics.refused["no X-Device-ID"] += 1
            _log.warning("toy refused", extra={"peer": toy.peer, "reason": "no X-Device-ID"})
            return toy.respond(http.HTTPStatus.BAD_REQUEST, "The header X-Device-ID is missing: who is calling?\n")
        if self._inside >= self._most:
            return self._come_later(toy, "full", f"This gateway has its {self._most} toys; try again later.\n")
        self._inside += 1
        toy.on_lost = self._left
        return None

    def _left(self) -> None:
        self._inside -= 1

    def turned_away(self) -> None:
        """Somebody was turned away who was too many before the door."""
        self._metrics.refused["too many at once"] += 1

    def _come_later(self, toy: ToyConnection, reason: str, words: str) -> Response:
        self._metrics.refused[reason] += 1
        _log.warning("toy refused", extra={"peer": toy.peer, "reason": reason})
        response = toy.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, words)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    async def meet(self, toy: ToyConnection) -> m.Handshake | None:
        """The handshake; None, and the connection closed with a reason, when it is not one. Raises ConnectionClosed."""
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                message = decode(await toy.recv())
            if not isinstance(message, m.Handshake):
                raise ProtocolError("the first message must be a handshake")
            if message.protocol != PROTOCOL_VERSION:
                raise ProtocolError(f"protocol {message.protocol}; this gateway speaks {PROTOCOL_VERSION}")
            assert toy.request is not None
            named = toy.request.headers["X-Device-ID"]
            if message.device_id != named:
                raise ProtocolError("deviceId of the handshake is not the X-Device-ID of the connection")
        except TimeoutError:
            refusal = ProtocolError(f"no handshake within {HANDSHAKE_SECONDS:g} s")
        except ProtocolError as caught:
            refusal = caught
        else:
            return message
        self.refuse(toy, m.ErrorMessage(refusal.code, str(refusal)), CloseCode.POLICY_VIOLATION)
        return None

    def refuse(self, toy: ToyConnection, error: m.ErrorMessage, code: int) -> None:
        """Tell a toy at its handshake why it cannot stay, and close the connection."""
        self._metrics.refused["handshake"] += 1
        _log.warning("handshake refused", extra={"peer": toy.peer, "reason": error.message})
        if toy.is_open:
            toy.post(encode_message(error).encode(), text=True)
            toy.part(code, error.message)
