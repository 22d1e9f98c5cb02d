"""Alerts as they come, as server-sent events: what a browser's EventSource and `curl -N` read."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from aiohttp import web

from pommai.gateway.alert_feed import AlertFeed, Following
from pommai.gateway.archive import Alert
from pommai.gateway.web.answers import RequestError

MOST_LISTENERS: Final = 20
"""Who may listen at the same time."""
ALIVE_SECONDS: Final = 15.0
"""How often who listens is told that the line is alive. Proxies cut what is silent for a minute."""
WRITE_SECONDS: Final = 10.0
"""How long a listener may let us wait before it is given up. What it does not read until then is bounded: what waits in
the feed, and aiohttp's 64 KiB."""


def alert_json(alert: Alert) -> dict[str, str]:
    """An alert as operators read it."""
    return {
        "received": alert.received,
        "device": alert.device_id,
        "severity": alert.severity,
        "reason": alert.reason,
    }


class AlertStream:
    """Serves all who listen, and lets them go when the gateway closes."""

    def __init__(self, feed: AlertFeed) -> None:
        self._feed = feed
        self._listeners = 0
        self._closing = asyncio.Event()

    async def close(self, app: web.Application) -> None:
        """Let everybody go."""
        self._closing.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Every alert from now on, each an event `alert` with its JSON; `dropped` tells how many were too many."""
        if self._listeners >= MOST_LISTENERS:
            raise RequestError(503, f"{MOST_LISTENERS} listen already", "end one of them", {"Retry-After": "60"})
        self._listeners += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            with self._feed.follow() as following:
                await response.prepare(request)
                if request.method != "HEAD":
                    await self._pass_on(following, request, response)
        finally:
            self._listeners -= 1
        return response

    async def _pass_on(self, following: Following, request: web.Request, response: web.StreamResponse) -> None:
        closing = asyncio.create_task(self._closing.wait(), name="alert stream closing")
        coming: asyncio.Task[Alert] | None = None
        told = 0
        try:
            await _write(request, response, ": alerts follow\n\n")
            while not closing.done():
                coming = coming or asyncio.create_task(following.next(), name="alert stream")
                await asyncio.wait((coming, closing), timeout=ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                text = ""
                if coming.done():
                    text = _event("alert", alert_json(coming.result()))
                    coming = None
                if following.dropped != told:
                    text = _event("dropped", {"count": following.dropped - told}) + text
                    told = following.dropped
                await _write(request, response, text or ": still here\n\n")
        finally:
            tasks = [task for task in (closing, coming) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _event(name: str, value: dict[str, str] | dict[str, int]) -> str:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"


async def _write(request: web.Request, response: web.StreamResponse, text: str) -> None:
    """Send some; a listener who does not read is cut off."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(text.encode())
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("a listener does not read") from None
