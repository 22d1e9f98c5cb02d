"""The gateway's HTTP side: one aiohttp application that listens beside the WebSocket."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from pommai.errors import FleetError, PersonasError, PommaiError, ProtocolError, SettingsError, StoreError
from pommai.gateway.loop_lag import watch_loop
from pommai.gateway.operator_token import OperatorToken
from pommai.gateway.orders import Orders
from pommai.gateway.porch import AT_ONCE, Porch
from pommai.gateway.web.answers import RequestError
from pommai.gateway.web.connection import HttpConnection
from pommai.gateway.web.guard import OF_TOYS, Guard
from pommai.gateway.web.ready import Check
from pommai.gateway.web.routes import Routes

BODY_BYTES: Final = 64 << 10
"""The most that a request may carry, unless its route says otherwise."""
HEADER_BYTES: Final = 8190
"""The longest line of a request, and the longest header."""
IDLE_SECONDS: Final = 15.0
"""How long somebody who has connected may take to ask, and to ask again."""
REQUEST_SECONDS: Final = 30.0
"""How long a request may take, from the end of its headers to the end of the answer: a body may trickle in, and an
answer wait for somebody to read it."""
LINGER_SECONDS: Final = 2.0
"""How long what comes after a refusal is read and thrown away: who still sends would not get to read the refusal."""
HANDSHAKE_SECONDS: Final = 10.0
"""How long TLS may take to begin."""
CLOSE_SECONDS: Final = 0.4
"""How long a request under way may take when the gateway closes."""
ENDLESS: Final = ("/alerts/stream", "/bundles/{sha256}", "/api/bundles/{sha256}")
"""What takes as long as somebody listens, or a large file is under way, and keeps its own time."""

_PAGES: Final = web.AppKey("pages", dict[str, str])

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where HTTP listens. `port` 0 takes any that is free."""

    host: str = "127.0.0.1"
    port: int = 8766

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise SettingsError(f"the HTTP port must be 0..65535, not {self.port}")


class Web:
    """Listens while it is entered. Routes are added to `app` before that:

        web = Web(Orders(gateway, personas), token, WebSettings(port=0))
        add_function_routes(web.app, functions)
        async with web:
            print(web.url)

    What a route raises is answered as JSON with a status that fits: a RequestError as it says, a PommaiError with its
    sentence, anything else as a fault of ours. How many may be connected at once, together and from one address, is the
    Porch's matter. Raises PommaiError on entering when it cannot listen.
    """

    def __init__(
        self, orders: Orders, token: OperatorToken, settings: WebSettings, tls: ssl.SSLContext | None = None
    ) -> None:
        """With `tls` it is https."""
        self._metrics = orders.gateway.metrics
        self._settings = settings
        self._tls = tls
        self._guard = Guard(token, self._metrics)
        self._routes = Routes(orders)
        self.app = web.Application(
            client_max_size=BODY_BYTES, middlewares=[_in_time, _errors_as_json, self._guard.middleware()]
        )
        """Where routes can be added. What is not below `guard.OF_TOYS` is for operators."""
        self.app[_PAGES] = self._routes.pages
        self._routes.add_to(self.app)
        self.app.on_response_prepare.append(_set_headers)
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def checks(self) -> dict[str, Check]:
        """What /readyz asks, by name; more can be added."""
        return self._routes.checks

    @property
    def pages(self) -> dict[str, str]:
        """What GET / tells operators of, by method and path; whoever adds routes for them can add to it."""
        return self._routes.pages

    async def __aenter__(self) -> Self:
        host, port = self._settings.host, self._settings.port
        runner = web.AppRunner(
            self.app,
            access_log=None,
            shutdown_timeout=CLOSE_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        await runner.setup()
        site = runner.server
        assert site is not None, "it was set up"
        handshake, goodbye = (None, None) if self._tls is None else (HANDSHAKE_SECONDS, CLOSE_SECONDS)
        porch = None
        try:
            porch = await Porch.open(host, port)
            self._listener = await asyncio.get_running_loop().create_server(
                partial(HttpConnection.of, site),
                sock=porch,
                backlog=AT_ONCE,
                ssl=self._tls,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=goodbye,
            )
        except OSError as caught:
            if porch is not None:
                porch.close()
            await runner.cleanup()
            hint = ""
            if caught.errno == errno.EADDRINUSE:
                hint = "; is another gateway running? Choose another --http-port: 0 for any that is free, or none"
            raise PommaiError(
                f"cannot listen on {host} port {port} for HTTP: {caught.strerror or caught}{hint}"
            ) from caught
        self._runner = runner
        self._watching = asyncio.create_task(watch_loop(self._metrics), name="event loop watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None, "entered before it is left"
        assert self._runner is not None
        assert self._watching is not None
        self._watching.cancel()
        self._listener.close()
        await self._runner.cleanup()
        await asyncio.wait([self._watching])
        self._listener = None

    @property
    def port(self) -> int:
        """The port it listens on. Only while it is entered."""
        assert self._listener is not None, "HTTP is not entered"
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where operators and toys ask, without a slash at its end. Only while it is entered."""
        host = self._settings.host
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


async def _set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What goes with every answer; and nobody needs to know with what it was made."""
    response.headers.pop("Server", None)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def _in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """See to it that an answer is made and read in time: nobody holds a connection for nothing."""
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical in ENDLESS:
        return await handler(request)
    response: web.StreamResponse | None = None
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            response = await handler(request)
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if response is not None:  # it is being written, and nobody reads
            if request.transport is not None:
                request.transport.abort()
            return response
        response = RequestError(408, f"this took longer than {REQUEST_SECONDS:g} s").answer()
        response.force_close()
    except ConnectionError:
        if response is None:
            raise
        _log.debug("nobody waits for the answer any more", extra={"path": request.path[:100]})
    return response


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with JSON, whatever goes wrong."""
    try:
        return await handler(request)
    except RequestError as caught:
        return caught.answer()
    except web.HTTPException as caught:
        return _of_http(request, caught)
    except PommaiError as caught:
        return RequestError(_status(caught), str(caught)).answer()
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception:
        _log.exception("request broken", extra={"method": request.method, "path": request.path[:100]})
        return RequestError(500, "the gateway has a fault", "its log says more").answer()


def _of_http(request: web.Request, caught: web.HTTPException) -> web.Response:
    """aiohttp's own refusals."""
    match caught:
        case web.HTTPNotFound():
            pages = request.app[_PAGES]
            hint = "" if request.path.startswith(OF_TOYS) else f"there is: {', '.join(pages)}"
            return RequestError(404, f"there is nothing at {request.path[:100]}", hint).answer()
        case web.HTTPMethodNotAllowed():
            allow = ", ".join(sorted({*caught.allowed_methods, "OPTIONS"}))
            if request.method == "OPTIONS":
                return web.Response(status=204, headers={"Allow": allow})
            words = f"{request.path[:100]} takes no {request.method[:20]}"
            return RequestError(405, words, f"it takes {allow}", {"Allow": allow}).answer()
        case web.HTTPRequestEntityTooLarge():
            words = "what you sent is too large"
            response = RequestError(413, words, f"most requests may carry {BODY_BYTES} bytes").answer()
            response.force_close()
            return response
    return RequestError(caught.status, caught.reason).answer()


def _status(caught: PommaiError) -> int:
    match caught:
        case ProtocolError(code="TOY_NOT_FOUND"):
            return 404
        case StoreError() | FleetError():
            return 503
        case PersonasError():
            return 422
    return 400
