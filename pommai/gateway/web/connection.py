"""aiohttp's end of one HTTP connection, answering what is no HTTP with JSON, as everything else is answered."""

from __future__ import annotations

import logging

from aiohttp import web

from pommai.gateway.web.answers import RequestError

LONGEST_HINT = 100
"""Characters of what aiohttp says of it: the rest repeats what a stranger has sent."""

_log = logging.getLogger(__name__)


class HttpConnection(web.RequestHandler):
    """Made by `of`, of those that aiohttp makes."""

    __slots__ = ()

    @classmethod
    def of(cls, server: web.Server) -> web.RequestHandler:
        """One for a new connection."""
        handler = server()
        handler.__class__ = cls  # its server has given it all that it needs, by ways of its own
        return handler

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what could not be read, or to a fault of ours that nobody has caught."""
        if status >= 500 or request.writer.output_size > 0:
            super().handle_error(request, status, exc, message)  # logs it, and raises when it is too late to answer
            response = RequestError(status, "the gateway has a fault", "its log says more").answer()
        else:
            # Nothing to fill a log with: anybody can send nonsense.
            _log.debug("not HTTP", extra={"peer": request.remote or "", "reason": message or ""})
            lines = (message or "").splitlines() or [""]
            hint = "".join(letter for letter in lines[0][:LONGEST_HINT] if letter.isprintable())
            response = RequestError(status, "this is no HTTP request that can be read", hint).answer()
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.force_close()
        return response
