"""What tests of the memory share: a machine with a clock and an uptime, and memories on it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pommai.io.clock import SimulatedClock
from pommai.io.memory import SqliteMemory
from pommai.io.memory_simulated import SimulatedMemory
from pommai.protocol.messages import Conversation, SyncAck, SyncBatch

NOW = "2026-09-21T12:00:00.000Z"
DAY = 86_400.0

AnyMemory = SqliteMemory | SimulatedMemory


class Machine:
    """A machine that was switched on: its uptime goes on when a test says so."""

    def __init__(self, boot: str = "first", *, start: str = NOW, trusted: bool = True) -> None:
        self.boot = boot
        self.seconds = 0.0
        self.clock = SimulatedClock(lambda: self.seconds, start=start, trusted=trusted)

    async def open(self, path: Path, **more: object) -> SqliteMemory:
        """A memory that a test closes itself."""
        return await SqliteMemory.open(path, self.clock, boot=self.boot, uptime=lambda: self.seconds, **more)  # type: ignore[arg-type]

    @asynccontextmanager
    async def memory(self, path: Path, **more: object) -> AsyncIterator[SqliteMemory]:
        """A memory that is closed at the end."""
        memory = await self.open(path, **more)
        async with contextlib.aclosing(_Closes(memory)):
            yield memory

    def simulated(self) -> SimulatedMemory:
        return SimulatedMemory(self.clock, uptime=lambda: self.seconds)


class _Closes:
    def __init__(self, memory: AnyMemory) -> None:
        self._memory = memory

    async def aclose(self) -> None:
        await self._memory.close()


def said(name: str, words: str = "hello", answer: str = "Hi there!", *, offline: bool = False) -> Conversation:
    return Conversation(name, "bear", words, answer, NOW, offline)


def incident(name: str, severity: str = "medium") -> dict[str, object]:
    return {"id": name, "reason": "a bad word", "severity": severity, "timestamp": NOW}


def ids(batch: SyncBatch | None) -> list[str]:
    """Ids of a batch, list by list."""
    if batch is None:
        return []
    lists = (batch.safety_events, batch.conversations, batch.metrics, batch.logs)
    return [str(item["id"]) for items in lists for item in items]


async def sync(memory: AnyMemory, *, safety: bool = False) -> list[str]:
    """Send one batch to a server that takes everything; gives the ids."""
    batch = await memory.batch(safety=safety)
    if batch is None:
        return []
    await memory.settle(SyncAck(batch.batch, tuple(ids(batch))))
    return ids(batch)


def raw(path: Path) -> bytes:
    """Every byte of the files of a database."""
    return b"".join(
        file.read_bytes() for file in sorted(path.parent.glob(path.name + "*")) if not file.name.endswith(".lock")
    )
