"""A toy that remembers and syncs as fast as it can, until it is killed: run by test_io_memory_killed.

It tells on standard output what it has been promised, a line each, in one write each: "written ID", when `flush` has
returned; "taken ID" when the server (here, in this process) has it; "settled ID" when `settle` has returned.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from memory_material import ids, incident, said

from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.protocol.messages import SyncAck


def tell(word: str, names: list[str]) -> None:
    os.write(1, "".join(f"{word} {name}\n" for name in names).encode())


async def talk(memory: SqliteMemory, start: int) -> None:
    number = start
    while True:
        names = []
        for _ in range(3):
            number += 1
            names.append(f"{number:08}")
            if number % 5 == 0:
                memory.keep_safety_event(incident(names[-1]))
            else:
                memory.keep_conversation(said(names[-1], f"words {number}"))
        if await memory.flush():
            tell("written", names)
        await asyncio.sleep(0.001)


async def sync(memory: SqliteMemory, *, safety: bool) -> None:
    while True:
        batch = await memory.batch(safety=safety)
        if batch is None:
            await memory.changed(safety=safety)
            continue
        names = ids(batch)[:7]  # the server is slow, and takes a part
        tell("taken", names)
        await memory.settle(SyncAck(batch.batch, tuple(names)))
        tell("settled", names)
        await asyncio.sleep(0.002)


async def live(path: Path, copy: Path, start: int) -> None:
    memory = await SqliteMemory.open(path, SystemClock(), persistent=copy, copy_every=0.02)
    tell("trouble", list(memory.trouble))
    await asyncio.gather(talk(memory, start), sync(memory, safety=True), sync(memory, safety=False))


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
