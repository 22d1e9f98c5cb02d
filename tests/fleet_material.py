"""What the fleet's tests share: gateways that only take note, in one process, with a real Redis between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from pommai.gateway.active import ActivePersonas
from pommai.gateway.archive import Alert
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import Order, Seat
from pommai.gateway.fleet.redis_fleet import RedisFleet
from pommai.gateway.personas import Personas


class Desk:
    """A gateway's hands, and its toys, which are lists of what they were told."""

    def __init__(self, personas: Personas, fleet: EmbeddedFleet) -> None:
        self.fleet = fleet
        self.active = ActivePersonas(personas, fleet)
        self.toys: dict[str, list[str]] = {}
        self.sessions: dict[str, str] = {}
        self.orders: list[Order] = []
        self.alerts: list[Alert] = []
        self.dropped: list[str] = []

    async def follow(self) -> int:
        told = 0
        for device_id, heard in self.toys.items():
            toy_id = self.active.due(device_id)
            if toy_id is not None:
                heard.append(toy_id)
                self.active.chose(device_id, toy_id)  # this toy becomes it at once
                told += 1
        return told

    async def obey(self, order: Order) -> int:
        self.orders.append(order)
        return len(self.toys) if order.device_id is None else int(order.device_id in self.toys)

    def drop(self, session_id: str) -> None:
        self.dropped.append(session_id)
        self.gone(self.sessions[session_id], session_id)

    def alarm(self, alert: Alert) -> None:
        self.alerts.append(alert)

    def comes(self, device_id: str, says: str, session_id: str) -> None:
        """A toy connects."""
        self.sessions[session_id] = device_id
        self.toys[device_id] = []
        self.fleet.seated(Seat(device_id, says, session_id))
        instead = self.active.met(device_id, says)
        if instead is not None:
            self.toys[device_id].append(instead)
            self.active.chose(device_id, instead)

    def gone(self, device_id: str, session_id: str) -> None:
        """A toy's connection ends."""
        self.toys.pop(device_id, None)
        self.active.left(device_id)
        self.fleet.left(session_id)


@asynccontextmanager
async def desks(url: str, personas: Personas, *names: str) -> AsyncIterator[list[Desk]]:
    """Gateways of one fleet, in touch with each other."""
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            desk = Desk(personas, RedisFleet(url, name))
            await desk.fleet.join(desk)
            stack.push_async_callback(desk.fleet.leave)
            found.append(desk)
        yield found


async def until(found: Callable[[], Any]) -> Any:
    """Wait for something that is true. The test's own limit ends what hangs."""
    while not (result := found()):
        await asyncio.sleep(0.01)
    return result


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Any]:
    """Somebody else who has to do with this Redis."""
    async with Redis.from_url(url, protocol=2, decode_responses=True) as redis:
        yield redis
