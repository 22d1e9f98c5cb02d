"""The cloud functions of a gateway over real HTTP: in a thread of its own, with a clock that tests turn forward."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from aiohttp import web
from msgspec import structs

from pommai.errors import ProtocolError
from pommai.gateway.archive import Archive
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Devices
from pommai.gateway.functions.functions import Functions
from pommai.gateway.functions.parts import Parts
from pommai.gateway.functions.web import add_function_routes
from pommai.gateway.personas import Persona, Personas, load_personas
from pommai.gateway.server_clock import ServerClock
from pommai.gateway.uploads import Uploads

T = TypeVar("T")
CONTRACT: Mapping[str, Any] = json.loads((Path(__file__).parents[1] / "cloud" / "contract.json").read_text())


class Turned:
    """The machine's clock, turned forward or back."""

    def __init__(self) -> None:
        self.by = 0

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.by


class Toys:
    """Personas whose guardians change their mind."""

    def __init__(self, personas: Personas) -> None:
        self.personas = dict(personas)

    def persona(self, toy_id: str) -> Persona:
        if toy_id not in self.personas:
            raise ProtocolError(f"there is no toy '{toy_id}'", "TOY_NOT_FOUND")
        return self.personas[toy_id]

    def consent(self, toy_id: str, allow: bool) -> None:
        persona = self.personas[toy_id]
        settings = structs.replace(persona.profile.guardian_settings, allow_uploads=allow)
        self.personas[toy_id] = replace(persona, profile=structs.replace(persona.profile, guardian_settings=settings))


def toys_of(toys: Mapping[str, Any]) -> Toys:
    """The toys of a contract, read as any personas are."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "personas.yaml"
        file.write_text(json.dumps({"personas": toys}))  # JSON is YAML
        return Toys(load_personas(file))


@asynccontextmanager
async def parts_in_memory() -> AsyncIterator[Parts]:
    """What functions work with, with the toys of the contract and no device."""
    async with await DataFile.open() as data:
        toys = toys_of(CONTRACT["toys"])
        yield Parts(Devices(data), Archive(data), Uploads(data), toys.persona)


class FunctionServer:
    """What a test has of a running server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, parts: Parts, toys: Toys, clock: Turned) -> None:
        self._loop = loop
        self.parts = parts
        self.toys = toys
        self.clock = clock
        self.url = ""
        self.secrets: dict[str, str] = {}
        self.old_secrets: dict[str, str] = {}
        self.service_key = ""

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def set_up(self, devices: list[str]) -> None:
        for device_id in devices:
            self.secrets[device_id] = await self.parts.devices.register(device_id)
        self.service_key = await self.parts.devices.new_service_key()

    def rotate(self, device_id: str) -> None:
        self.old_secrets[device_id] = self.secrets[device_id]
        self.secrets[device_id] = self.do(self.parts.devices.rotate(device_id))

    def count(self, device_id: str) -> dict[str, int]:
        numbers = dict.fromkeys(("conversations", "safety_events", "metrics", "logs"), 0)
        for count in self.do(self.parts.archive.counts()):
            if count.device_id == device_id:
                numbers[count.kind] = count.number
        return numbers | {"audio": self.do(self.parts.uploads.count(device_id))}


@contextmanager
def function_server(path: Path | None = None) -> Iterator[FunctionServer]:
    """A server with the devices and toys of the contract, on a free port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="function server")
    thread.start()
    clock = Turned()

    async def begin() -> tuple[FunctionServer, web.AppRunner]:
        data = await DataFile.open(path, ServerClock(clock.now))
        toys = toys_of(CONTRACT["toys"])
        parts = Parts(Devices(data), Archive(data), Uploads(data), toys.persona)
        server = FunctionServer(loop, parts, toys, clock)
        app = web.Application()
        add_function_routes(app, Functions(parts))
        runner = web.AppRunner(app, shutdown_timeout=0.4)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await server.set_up(CONTRACT["devices"])
        return server, runner

    async def end(server: FunctionServer, runner: web.AppRunner) -> None:
        await runner.cleanup()
        await server.parts.archive.close()

    try:
        server, runner = asyncio.run_coroutine_threadsafe(begin(), loop).result(20)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(end(server, runner), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
