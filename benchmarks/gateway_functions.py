"""The cloud functions of the gateway, on a file: what a call costs, and how soon a crowd of toys is let in."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from benchmarks.figures import Figure, figure
from pommai.gateway.archive import Archive
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Devices
from pommai.gateway.functions.functions import Functions
from pommai.gateway.functions.parts import Parts
from pommai.gateway.functions.web import add_function_routes
from pommai.gateway.uploads import Uploads
from pommai.protocol import messages as m

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from functions_material import CONTRACT, toys_of

CALLS = 300
TOYS = 300
OLD_ITEMS = 50_000


def measure() -> list[Figure]:
    """Milliseconds a call over loopback HTTP, one after the other; and the crowd."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    async with await DataFile.open(folder / "toys.db") as data:
        parts = Parts(Devices(data), Archive(data), Uploads(data), toys_of(CONTRACT["toys"]).persona)
        secrets = {f"toy-{n}": await parts.devices.register(f"toy-{n}") for n in range(TOYS)}
        tokens = {name: await parts.devices.authenticate(name, secret) for name, secret in secrets.items()}
        async with _served(parts) as client:
            config = [await _call(client, "query", "toys:getConfiguration", n, tokens, {}) for n in range(CALLS)]
            talk = {"transcript": "hello", "response": "hello you", "timestamp": "now", "wasOffline": False}
            talks = [
                await _call(client, "mutation", "conversations:create", n, tokens, {**talk, "id": f"c{n}"})
                for n in range(CALLS)
            ]
            many = [{"id": f"m{n}", "name": "cpu_percent", "value": 1.5} for n in range(500)]
            batches = [
                await _call(client, "mutation", "metrics:batchRecord", n, tokens, {"timestamp": "now", "metrics": many})
                for n in range(30)
            ]
        return [
            figure("functions: toys:getConfiguration", config, "ms"),
            figure("functions: conversations:create, on the disk", talks, "ms"),
            figure("functions: metrics:batchRecord of 500, on the disk", batches, "ms"),
            figure("devices: a token looked up for the socket", await _admitted(parts.devices, tokens), "ms"),
            figure("devices: 300 toys authenticate at once", [await _crowd(parts.devices, secrets)], "ms"),
            figure("archive: a toy waits while 50,000 old items are forgotten", await _forgetting(parts.archive), "ms"),
        ]


@asynccontextmanager
async def _served(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    app = web.Application()
    add_function_routes(app, Functions(parts))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
    finally:
        await runner.cleanup()


async def _call(client: httpx.AsyncClient, kind: str, path: str, n: int, tokens: Any, args: dict[str, Any]) -> float:
    """One call by one of the toys, in turn."""
    device_id = f"toy-{n % TOYS}"
    body = {"path": path, "args": {"deviceId": device_id, "toyId": "bear", **args}}
    began = time.perf_counter()
    reply = await client.post(
        f"/api/{kind}", json=body, headers={"Authorization": f"Bearer {tokens[device_id].convex}"}
    )
    took = 1000 * (time.perf_counter() - began)
    assert reply.json()["status"] == "success", reply.text
    return took


async def _admitted(devices: Devices, tokens: Any) -> list[float]:
    samples = []
    for device_id, given in tokens.items():
        began = time.perf_counter()
        assert await devices.admits(device_id, given.websocket)
        samples.append(1000 * (time.perf_counter() - began))
    return samples


async def _crowd(devices: Devices, secrets: dict[str, str]) -> float:
    began = time.perf_counter()
    given = await asyncio.gather(*(devices.authenticate(name, secret) for name, secret in secrets.items()))
    assert all(given)
    return 1000 * (time.perf_counter() - began)


async def _forgetting(archive: Archive) -> list[float]:
    """How long one item takes to be kept, each after the other, while old ones are forgotten."""
    for start in range(0, OLD_ITEMS, 500):
        items = tuple({"id": f"old-{n}", "event": "hello"} for n in range(start, start + 500))
        await archive.take("toy-0", "bear", m.SyncBatch("b", logs=items))
    await asyncio.sleep(0.01)
    forgetting = asyncio.create_task(archive.forget(lambda toy, kind: 0 if toy == "bear" else 30))
    samples = []
    while not forgetting.done():
        began = time.perf_counter()
        item = {"id": f"new-{len(samples)}", "event": "hello"}
        await archive.take("toy-1", "rex", m.SyncBatch("b", logs=(item,)))
        samples.append(1000 * (time.perf_counter() - began))
    assert await forgetting >= OLD_ITEMS
    return samples
