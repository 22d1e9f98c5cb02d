"""How soon all toys are somebody else when an operator says so: of three gateways with a Redis between them, and of one
that is alone.

Gateways and toys are one process, so everybody's work counts; Redis is a real one, on loopback.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.desk import ROOT, TOKEN
from benchmarks.figures import Figure, figure
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import Fleet
from pommai.gateway.fleet.redis_fleet import RedisFleet
from pommai.gateway.personas import load_personas
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.protocol import messages as m
from pommai.protocol.wire import decode, encode_message

sys.path.append(str(ROOT / "tests"))

TOYS: Final = 300
CHANGES: Final = 100


def measure() -> list[Figure]:
    from redis_server import RedisProcess

    with tempfile.TemporaryDirectory() as folder, RedisProcess(Path(folder)) as redis:

        def members() -> list[Fleet]:
            return [RedisFleet(redis.url, name) for name in ("one", "two", "three")]

        shared = asyncio.run(_changes(members, TOYS))
        few = asyncio.run(_changes(members, 3))
    alone = asyncio.run(_changes(lambda: [EmbeddedFleet()], TOYS))
    one = asyncio.run(_changes(lambda: [EmbeddedFleet()], 3))
    note = f"{TOYS} toys, all in one process"
    return [
        figure("fleet: persona changed for all, three gateways with Redis", shared, "ms", goal=1000.0, note=note),
        figure("fleet: the same, one gateway alone", alone, "ms", note=note),
        figure("fleet: three gateways with Redis, a toy each", few, "ms"),
        figure("fleet: the same three toys, one gateway alone", one, "ms"),
    ]


async def _changes(members: Callable[[], list[Fleet]], number: int) -> list[float]:
    """Milliseconds from an operator's word until the last toy has read it."""
    personas = load_personas(ROOT / "personas.yaml")
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(Gateway(GatewaySettings(personas, TOKEN, port=0), fleet=fleet))
            for fleet in members()
        ]
        toys = [_Toy(gateways[each % len(gateways)].url, each) for each in range(number)]
        for toy in toys:
            await stack.enter_async_context(toy)
        times = []
        for change in range(CHANGES):
            toy_id = ("robo-rex", "pommai-bear")[change % 2]
            began = time.perf_counter()
            told, *_ = await asyncio.gather(gateways[0].switch_toy(toy_id), *(toy.becomes(toy_id) for toy in toys))
            assert told == number, told
            times.append(1000 * (max(toy.at for toy in toys) - began))
        return times


class _Toy:
    """Connected while it is entered."""

    def __init__(self, url: str, number: int) -> None:
        self._device = f"desk-{number}"
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": self._device}
        self._connecting = connect(url, additional_headers=headers, proxy=None, compression=None)
        self._connection: ClientConnection | None = None
        self.at = 0.0

    async def __aenter__(self) -> None:
        self._connection = await self._connecting.__aenter__()
        await self._connection.send(encode_message(m.Handshake(self._device, "pommai-bear", capabilities={})))
        while not isinstance(decode(await self._connection.recv()), m.PiConfigUpdate):
            pass

    async def __aexit__(self, *_: object) -> None:
        assert self._connection is not None
        self._connection.transport.abort()

    async def becomes(self, toy_id: str) -> None:
        """Read until it is told to become this one."""
        assert self._connection is not None
        while True:
            message = decode(await self._connection.recv())
            if isinstance(message, m.SwitchToy) and message.toy_id == toy_id:
                self.at = time.perf_counter()
                return
