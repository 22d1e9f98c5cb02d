from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from aiohttp import web

from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Devices
from pommai.gateway.devices_web import add_device_routes
from pommai.gateway.web.app import _errors_as_json


@asynccontextmanager
async def operator() -> AsyncIterator[tuple[httpx.AsyncClient, Devices]]:
    async with await DataFile.open() as data:
        devices = Devices(data)
        app = web.Application(middlewares=[_errors_as_json])
        add_device_routes(app, devices)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                yield client, devices
        finally:
            await runner.cleanup()


def test_an_operator_registers_rotates_revokes_and_removes_a_device() -> None:
    async def test() -> None:
        async with operator() as (client, devices):
            added = await client.post("/devices", json={"deviceId": "bear:7.a"})
            assert added.status_code == 201
            assert added.headers["Cache-Control"] == "no-store"
            assert await devices.authenticate("bear:7.a", added.json()["deviceSecret"])
            rotated = await client.post("/devices/bear:7.a/rotate")
            assert await devices.authenticate("bear:7.a", rotated.json()["deviceSecret"])
            assert await devices.authenticate("bear:7.a", added.json()["deviceSecret"]) is None
            (row,) = (await client.get("/devices")).json()["devices"]
            assert (row["device_id"], row["revoked"], row["tokens"]) == ("bear:7.a", None, 1)
            assert row["registered"].endswith("+00:00")
            assert (await client.post("/devices/bear:7.a/revoke")).json() == {"deviceId": "bear:7.a", "revoked": True}
            assert (await client.get("/devices")).json()["devices"][0]["revoked"] is not None
            assert (await client.delete("/devices/bear:7.a")).json()["removed"] is True
            assert (await client.get("/devices")).json() == {"devices": []}

    asyncio.run(test())


def test_what_makes_no_sense_is_refused_with_a_status_that_fits() -> None:
    async def test() -> None:
        async with operator() as (client, _):
            await client.post("/devices", json={"deviceId": "bear"})
            for request, status, words in (
                (client.post("/devices", json={"deviceId": "bear"}), 409, "registered already"),
                (client.post("/devices", json={"deviceId": "be ar"}), 409, "a device's id is"),
                (client.post("/devices", json={}), 400, "'deviceId' is missing"),
                (client.post("/devices", content=b"{"), 400, "no JSON"),
                (client.post("/devices/rex/rotate"), 404, "no device 'rex'"),
                (client.post("/devices/rex/revoke"), 404, "no device 'rex'"),
                (client.delete("/devices/rex"), 404, "no device 'rex'"),
            ):
                answer = await request
                assert answer.status_code == status, answer.text
                assert words in answer.json()["error"]

    asyncio.run(test())
