"""A cloud without a network: tests and campaigns say whether it is there, and read what it was brought."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pommai.protocol.messages import SyncAck, SyncBatch, ToyProfile


class SimulatedCloud:
    """The port Cloud in memory. It takes one item at a time, each after `delay` seconds."""

    def __init__(self, *, delay: float = 0.0) -> None:
        self.there = True
        self.delay = delay
        self.profiles: dict[str, ToyProfile] = {}
        self.asked: list[str] = []
        """Toys whose configuration was asked for."""
        self.brought: list[str] = []
        """Ids of items, in the order they came; twice what came twice."""
        self.tries = 0

    async def reachable(self) -> None:
        """Whether it is, a try tells."""

    async def deliver(self, batch: SyncBatch, seconds: float, go_on: Callable[[], bool]) -> SyncAck | None:
        self.tries += 1
        kept: list[str] = []
        for item in (*batch.safety_events, *batch.conversations, *batch.metrics, *batch.logs):
            if not go_on():
                break
            await asyncio.sleep(self.delay)
            if not self.there:
                break
            kept.append(str(item["id"]))
        self.brought += kept
        return SyncAck(batch.batch, tuple(kept)) if kept else None

    async def configuration(self, toy_id: str) -> ToyProfile | None:
        self.asked.append(toy_id)
        await asyncio.sleep(self.delay)
        return self.profiles.get(toy_id) if self.there else None
