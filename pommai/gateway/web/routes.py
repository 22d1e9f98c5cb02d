"""What operators can see and order by HTTP."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from pommai.errors import FleetError
from pommai.gateway.fleet.wanted import ALL
from pommai.gateway.orders import Orders
from pommai.gateway.personas import Persona
from pommai.gateway.web.answers import answer, read_number, read_order
from pommai.gateway.web.ready import SERVES_WITHOUT, Check, checks_of, look
from pommai.gateway.web.stream import AlertStream, alert_json
from pommai.protocol import messages as m
from pommai.protocol.wire import encode_message

if TYPE_CHECKING:
    from pommai.gateway.web.exposition import Exposition

MOST_ALERTS: Final = 1000
ALERTS: Final = 20
"""How many are shown when nobody says how many."""
COUNT_AGAIN_SECONDS: Final = 60.0
"""How long the number of kept items counts for /metrics: to count millions takes a while."""

PAGES: Final = {
    "GET /healthz": "whether it is alive; needs no token",
    "GET /readyz": "whether it can serve toys now; 503 and what is wrong, else",
    "GET /metrics": "numbers for Prometheus",
    "GET /sessions": "the toys that are connected",
    "GET /personas": "who toys can be, and who they are to be",
    "GET /personas/{id}": "one of them, with all that is set",
    "PUT /personas/active": 'who all toys, or one, are to be: {"toyId", "deviceId"?}',
    "GET /config": "what toys that are connected to this gateway took of their settings, and refused",
    "GET /alerts": "the latest alerts, those of other gateways too: ?device=ID&limit=20",
    "GET /alerts/stream": "alerts as they come, as server-sent events",
    "POST /toys/pause": 'put every toy into safe mode; no pause cuts a longer one short: {"time": "5m"?, "message"?}',
    "POST /toys/resume": "let every toy out of safe mode",
    "POST /toys/volume": 'how loud all toys, or one, are: {"percent", "deviceId"?}',
    "POST /toys/restart": 'have one toy begin again, when it rests: {"deviceId"}',
    "POST /toys/reset": 'have one toy forget all that it has kept, where this gateway signs: {"deviceId"}',
    "POST /reload": "read the personas again",
}
"""All there is for operators: method and path, and what it is for."""


class Routes:
    """The pages, by name."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._gateway = orders.gateway
        self._stream = AlertStream(self._gateway.alerts)
        self._exposition: Exposition | None = None
        self._counted_at = float("-inf")
        self._items: Counter[str] = Counter()
        self.checks: dict[str, Check] = checks_of(self._gateway)
        """What /readyz asks; more can be added by name."""
        self.pages: dict[str, str] = dict(PAGES)
        """What GET / tells of; whoever adds routes can add to it."""

    def add_to(self, app: web.Application) -> None:
        """Mount all of them."""
        app.router.add_get("/", self._index)
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/sessions", self._sessions)
        app.router.add_get("/personas", self._personas)
        app.router.add_put("/personas/active", self._set_persona)
        app.router.add_get("/personas/{id}", self._persona)
        app.router.add_get("/config", self._config)
        app.router.add_get("/alerts", self._alerts)
        app.router.add_get("/alerts/stream", self._stream.serve)
        app.router.add_post("/toys/pause", self._pause)
        app.router.add_post("/toys/resume", self._resume)
        app.router.add_post("/toys/volume", self._volume)
        app.router.add_post("/toys/restart", self._restart)
        app.router.add_post("/toys/reset", self._reset)
        app.router.add_post("/reload", self._reload)
        app.on_shutdown.append(self._stream.close)

    # -- how it is -------------------------------------------------------------------------

    async def _index(self, request: web.Request) -> web.Response:
        return answer({"pages": self.pages})

    async def _alive(self, request: web.Request) -> web.Response:
        return answer({"status": "alive"})

    async def _ready(self, request: web.Request) -> web.Response:
        found = await look(self.checks)
        is_ready = not any(trouble for name, trouble in found.items() if name not in SERVES_WITHOUT)
        return answer(
            {"ready": is_ready, "checks": {name: trouble or "ok" for name, trouble in found.items()}},
            200 if is_ready else 503,
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        if self._exposition is None:  # to import it takes longer than toys should wait for their next frame
            module = await asyncio.to_thread(importlib.import_module, "pommai.gateway.web.exposition")
            self._exposition = module.Exposition(self._gateway)
        now = asyncio.get_running_loop().time()
        if now - self._counted_at >= COUNT_AGAIN_SECONDS:
            self._counted_at = now
            self._items.clear()
            for count in await self._gateway.archive.counts():
                self._items[count.kind] += count.number
        body, content_type = self._exposition.write(self._items)
        return web.Response(body=body, headers={"Content-Type": content_type})

    # -- toys ------------------------------------------------------------------------------

    async def _sessions(self, request: web.Request) -> web.Response:
        words: dict[str, Any] = {}
        try:
            seats = await self._gateway.fleet.seats()
        except FleetError as caught:
            seats, words = self._gateway.fleet.seats_here, {"missing": f"the toys of other gateways: {caught}"}
        rows = [
            {"device": seat.device_id, "toy": seat.toy_id, "session": seat.session_id, "gateway": seat.gateway}
            for seat in seats
        ]
        return answer({"sessions": rows, **words})

    async def _config(self, request: web.Request) -> web.Response:
        """What toys say of themselves: their own words, which are a stranger's."""
        rows: list[dict[str, Any]] = []
        for session in self._gateway.sessions:
            row: dict[str, Any] = {"device": session.device_id, "toy": session.toy_id, "reported": False}
            if session.report is not None:
                refused = [{"key": each.key, "reason": each.reason} for each in session.report.refused]
                row |= {"reported": True, "applied": dict(session.report.applied), "refused": refused}
            rows.append(row)
        return answer({"toys": rows})

    async def _alerts(self, request: web.Request) -> web.Response:
        limit = read_number(request, "limit", ALERTS, MOST_ALERTS)
        device, words = request.query.get("device"), {}
        found = list(await self._gateway.archive.alerts(limit, device))
        try:
            elsewhere = await self._gateway.fleet.alerts()
        except FleetError as caught:
            elsewhere, words = (), {"missing": f"those of other gateways: {caught}"}
        known = {(alert.received, alert.device_id) for alert in found}  # they may share a data file
        found += [
            alert
            for alert in elsewhere
            if device in (None, alert.device_id) and (alert.received, alert.device_id) not in known
        ]
        newest = sorted(found, key=lambda alert: alert.received)[-limit:]
        return answer({"alerts": [alert_json(alert) for alert in newest], **words})

    # -- personas --------------------------------------------------------------------------

    async def _personas(self, request: web.Request) -> web.Response:
        for_all, for_one = self._set()
        rows = [
            {
                "id": persona.toy_id,
                "name": persona.profile.name,
                "activeForAll": persona.toy_id == for_all,
                "activeFor": sorted(device for device, toy_id in for_one.items() if toy_id == persona.toy_id),
            }
            for persona in self._gateway.active.personas.values()
        ]
        return answer({"personas": rows})

    async def _persona(self, request: web.Request) -> web.Response:
        persona = self._gateway.persona(request.match_info["id"])
        return answer(_all_of(persona))

    async def _set_persona(self, request: web.Request) -> web.Response:
        order = await read_order(request, "toyId", toyId=str, deviceId=str)
        toy_id, device_id = order["toyId"], order.get("deviceId")
        asked = await self._orders.switch(toy_id, device_id)
        return answer({"toyId": toy_id, "deviceId": device_id, "asked": asked})

    def _set(self) -> tuple[str | None, dict[str, str]]:
        """Whom all toys are to be, if somebody has set that, and those for which something else was set."""
        set_ = {where: entry.toy_id for where, entry in self._gateway.fleet.wanted}
        return set_.pop(ALL, None), set_

    # -- orders ----------------------------------------------------------------------------

    async def _pause(self, request: web.Request) -> web.Response:
        order = await read_order(request, time=str, message=str)
        return answer({"asked": await self._orders.pause(order.get("time"), order.get("message", ""))})

    async def _resume(self, request: web.Request) -> web.Response:
        await read_order(request)
        return answer({"asked": await self._orders.resume()})

    async def _volume(self, request: web.Request) -> web.Response:
        order = await read_order(request, "percent", percent=int, deviceId=str)
        told = await self._orders.set_volume(str(order["percent"]), order.get("deviceId"))
        return answer({"percent": order["percent"], "told": told})

    async def _restart(self, request: web.Request) -> web.Response:
        order = await read_order(request, "deviceId", deviceId=str)
        return answer({"asked": await self._orders.restart(order["deviceId"])})

    async def _reset(self, request: web.Request) -> web.Response:
        order = await read_order(request, "deviceId", deviceId=str)
        return answer({"asked": await self._orders.reset(order["deviceId"])})

    async def _reload(self, request: web.Request) -> web.Response:
        await read_order(request)
        return answer({"file": str(self._orders.personas), "told": await self._orders.reload()})


def _all_of(persona: Persona) -> dict[str, Any]:
    """A persona as toys are told of it, and what it sets on them."""
    profile: dict[str, Any] = json.loads(encode_message(m.ToyConfig(persona.profile)))["config"]
    return {"id": persona.toy_id, "profile": profile, "pi_config": dict(persona.pi_config)}
