"""A WebSocket whose transport can be aborted at any time, even when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.client import ClientConnection


class SteadyConnection(ClientConnection):
    """The connection of the library, safe from a transport that fails when it is aborted.

    A transport of asyncio that is closed by the other side while it has something to write, and then gets rid of it,
    forgets its loop and does not know that it is gone: `abort` raises AttributeError. The library aborts transports
    when it is asked to send or to close after the end.

    It looks at who has answered, too, before it says a word: `check` is asked with TLS's connection.
    """

    def __init__(self, *arguments: Any, check: Callable[[Any], None] | None = None, **more: Any) -> None:
        """`check` raises what the caller of `connect` is to hear; without one, nobody looks."""
        super().__init__(*arguments, **more)
        self._check = check

    async def handshake(self, *arguments: Any, **more: Any) -> None:
        encrypted = self.transport.get_extra_info("ssl_object")
        if encrypted is not None and self._check is not None:
            self._check(encrypted)
        await super().handshake(*arguments, **more)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.transport = cast("asyncio.Transport", _Gone(self.transport))


class _Gone:
    """A transport that is gone: there is nothing to abort. What it can tell, it still tells."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def abort(self) -> None:
        """Do nothing."""
