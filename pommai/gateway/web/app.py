"""The gateway's HTTP side: one aiohttp application that listens beside the WebSocket."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from pommai.errors import PommaiError, SettingsError
from pommai.gateway.server import Gateway

BODY_BYTES: Final = 64 << 10
"""The most that a request may carry, unless its route says otherwise."""
CLOSE_SECONDS: Final = 0.4
"""How long a request under way may take when the gateway closes."""


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

        web = Web(gateway, WebSettings(port=0))
        add_function_routes(web.app, functions)
        async with web:
            print(web.url)

    Raises PommaiError on entering when it cannot listen.
    """

    def __init__(self, gateway: Gateway, settings: WebSettings) -> None:
        self.app = web.Application(client_max_size=BODY_BYTES)
        self._gateway = gateway
        self._settings = settings
        self._runner: web.AppRunner | None = None
        self.app.router.add_get("/healthz", self._alive)

    async def __aenter__(self) -> Self:
        host, port = self._settings.host, self._settings.port
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=CLOSE_SECONDS)
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, host, port).start()
        except OSError as caught:
            await self._runner.cleanup()
            hint = ""
            if caught.errno == errno.EADDRINUSE:
                hint = "; is another gateway running? Choose another --http-port, 0 for any that is free, or none"
            raise PommaiError(
                f"cannot listen on {host} port {port} for HTTP: {caught.strerror or caught}{hint}"
            ) from caught
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port it listens on. Only while it is entered."""
        assert self._runner is not None, "HTTP is not entered"
        port: int = self._runner.addresses[0][1]
        return port

    @property
    def url(self) -> str:
        """Where operators and toys ask, without a slash at its end. Only while it is entered."""
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def _alive(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})
