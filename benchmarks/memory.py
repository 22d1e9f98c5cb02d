"""What remembering costs: on the event loop, on the disk, and beside plain sqlite3 that does the same writes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, figure
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.memory_files import prepare
from pommai.io.memory_schema import set_up
from pommai.io.memory_simulated import SimulatedMemory
from pommai.protocol.messages import Conversation, SyncAck

WORDS = "Why does the moon follow our car when we drive home at night?"
ANSWER = "Because it is so very far away. Far things seem to move along with us, and near things rush past. " * 3


def measure() -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="pommai-memory-"))
    try:
        return asyncio.run(_measure(folder)) + _plain(folder)
    finally:
        shutil.rmtree(folder)


async def _measure(folder: Path) -> list[Figure]:
    path = folder / "memory.db"
    memory = await SqliteMemory.open(path, SystemClock())
    await memory.flush()
    keep_talk, keep_metric, commit, together, sync = [], [], [], [], []
    for number in range(500):
        began = time.perf_counter()
        memory.keep_conversation(_talk(f"a-{number}"))
        kept = time.perf_counter()
        memory.keep_metric("turn.seconds", 1.25)
        metric = time.perf_counter()
        await memory.flush()
        commit.append((time.perf_counter() - kept) * 1e3)
        keep_talk.append((kept - began) * 1e6)
        keep_metric.append((metric - kept) * 1e6)
    for group in range(40):
        for number in range(50):
            memory.keep_conversation(_talk(f"b-{group}-{number}"))
        began = time.perf_counter()
        await memory.flush()
        together.append((time.perf_counter() - began) / 50 * 1e3)
    while True:
        began = time.perf_counter()
        batch = await memory.batch(safety=False)
        if batch is None:
            break
        await memory.settle(
            SyncAck(batch.batch, tuple(str(item["id"]) for item in (*batch.conversations, *batch.metrics)))
        )
        sync.append((time.perf_counter() - began) * 1e3)
    for number in range(5000):
        memory.keep_conversation(_talk(f"c-{number}"))
        if number % 500 == 0:
            await memory.flush()
    await memory.close()
    opened = []
    for _ in range(20):
        began = time.perf_counter()
        memory = await SqliteMemory.open(path, SystemClock())
        opened.append((time.perf_counter() - began) * 1e3)
        await memory.close()
    return [
        figure("memory: keep a conversation, on the loop", keep_talk, "us", goal=200.0),
        figure("memory: keep a metric, on the loop", keep_metric, "us", goal=200.0),
        figure("memory: one conversation and one metric written", commit, "ms", goal=20.0, goal_on="p99"),
        figure("memory: 50 conversations written together, each", together, "ms"),
        figure("memory: batch of 50 and its settling", sync, "ms", goal=20.0),
        figure("memory: open with 100 conversations and 5,000 waiting", opened, "ms", goal=200.0),
        figure("memory, simulated: keep a conversation", _simulated(), "us"),
    ]


def _simulated() -> list[float]:
    memory = SimulatedMemory(SystemClock())
    samples = []
    for number in range(500):
        began = time.perf_counter()
        memory.keep_conversation(_talk(f"s-{number}"))
        samples.append((time.perf_counter() - began) * 1e6)
    return samples


def _plain(folder: Path) -> list[Figure]:
    """The same rows without any of it: what the disk and SQLite alone cost here."""
    path = prepare(folder / "plain.db").path
    database = sqlite3.connect(path, isolation_level=None)
    set_up(database)
    samples = []
    row = "INSERT INTO items (id, kind, priority, body, wall, source, boot, uptime) VALUES (?, ?, 5, ?, 0, 1, 'b', 0.0)"
    for number in range(500):
        began = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        database.execute(row, (f"a-{number}", "conversations", WORDS + ANSWER))
        database.execute(row, (f"m-{number}", "metrics", '{"name":"turn.seconds","value":1.25}'))
        database.execute("INSERT INTO asks (question, wall, source, boot, uptime) VALUES (?, 0, 1, 'b', 0.0)", (WORDS,))
        database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (WORDS, ANSWER))
        database.execute("COMMIT")
        samples.append((time.perf_counter() - began) * 1e3)
    database.close()
    return [figure("plain sqlite3: the same rows written, blocking", samples, "ms")]


def _talk(name: str) -> Conversation:
    return Conversation(name, "pommai-bear", WORDS, ANSWER, "2026-09-21T12:00:00.000Z", False)
