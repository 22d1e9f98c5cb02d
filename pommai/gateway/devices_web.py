"""Registered devices for operators, by HTTP: see them, add one, give it a new secret, keep it out."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

from aiohttp import web

from pommai.errors import RegistryError
from pommai.gateway.devices import Devices
from pommai.gateway.web.answers import RequestError, answer, read_order

T = TypeVar("T")

PAGES: Final = {
    "GET /devices": "the devices that are registered, and those that were revoked",
    "POST /devices": 'register one: {"deviceId"}; its secret is in the answer, this once',
    "POST /devices/{id}/rotate": "give it a new secret, which is in the answer, this once",
    "POST /devices/{id}/revoke": "keep it out from now on",
    "DELETE /devices/{id}": "keep it out, and forget it",
}
"""Method and path, and what it is for."""


def add_device_routes(app: web.Application, devices: Devices) -> None:
    """Mount the pages. Who may see them is the application's matter: they are for operators."""
    pages = _Pages(devices)
    app.router.add_get("/devices", pages.list)
    app.router.add_post("/devices", pages.add)
    app.router.add_post("/devices/{id}/rotate", pages.rotate)
    app.router.add_post("/devices/{id}/revoke", pages.revoke)
    app.router.add_delete("/devices/{id}", pages.remove)


class _Pages:
    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    async def list(self, request: web.Request) -> web.Response:
        return answer({"devices": [device.as_json() for device in await self._devices.devices()]})

    async def add(self, request: web.Request) -> web.Response:
        order = await read_order(request, "deviceId", deviceId=str)
        secret = await _obeyed(self._devices.register(order["deviceId"]), 409)
        return _shown_once({"deviceId": order["deviceId"], "deviceSecret": secret}, 201)

    async def rotate(self, request: web.Request) -> web.Response:
        secret = await _obeyed(self._devices.rotate(request.match_info["id"]))
        return _shown_once({"deviceId": request.match_info["id"], "deviceSecret": secret})

    async def revoke(self, request: web.Request) -> web.Response:
        await _obeyed(self._devices.revoke(request.match_info["id"]))
        return answer({"deviceId": request.match_info["id"], "revoked": True})

    async def remove(self, request: web.Request) -> web.Response:
        await _obeyed(self._devices.remove(request.match_info["id"]))
        return answer({"deviceId": request.match_info["id"], "removed": True})


async def _obeyed(order: Awaitable[T], status: int = 404) -> T:
    try:
        return await order
    except RegistryError as caught:
        raise RequestError(status, str(caught)) from caught


def _shown_once(value: dict[str, object], status: int = 200) -> web.Response:
    return answer(value, status, {"Cache-Control": "no-store"})
