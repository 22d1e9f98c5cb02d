"""What closing the memory costs: at the start, for each talk, and for a memory that was in the clear before."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, figure
from benchmarks.memory import ANSWER, WORDS, _talk
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.seal import KeySeal, Seal

_IMPORT = """
import time
began = time.perf_counter()
from pommai.io.seal import KeySeal
KeySeal(bytes(32))
print(time.perf_counter() - began)
"""


def measure() -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="pommai-seal-"))
    try:
        return [*_one_value(), *asyncio.run(_memories(folder))]
    finally:
        shutil.rmtree(folder)


def _one_value() -> list[Figure]:
    seal, closing, opening, loading = KeySeal(bytes(32)), [], [], []
    for _ in range(2000):
        began = time.perf_counter()
        closed = seal.close(WORDS + ANSWER, "items/x")
        middle = time.perf_counter()
        seal.open(closed, "items/x")
        closing.append((middle - began) * 1e6)
        opening.append((time.perf_counter() - middle) * 1e6)
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
        loading.append(float(done.stdout) * 1e3)
    return [
        figure("seal: close a talk", closing, "us"),
        figure("seal: open a talk", opening, "us"),
        figure("seal: load cryptography, off the loop", loading, "ms"),
    ]


async def _memories(folder: Path) -> list[Figure]:
    figures = []
    for words, seal in (("in the clear", None), ("closed", KeySeal(bytes(32)))):
        written, opened = await _live(folder / f"{words}.db", seal)
        figures.append(figure(f"memory {words}: a talk written", written, "ms"))
        figures.append(figure(f"memory {words}: open with 1,000 waiting", opened, "ms"))
    began = time.perf_counter()
    memory = await SqliteMemory.open(folder / "in the clear.db", SystemClock(), seal=KeySeal(bytes(32)))
    migrated = (time.perf_counter() - began) * 1e3
    await memory.close()
    return [*figures, figure("memory: close one of 1,000 talks that was in the clear", [migrated], "ms")]


async def _live(path: Path, seal: Seal | None) -> tuple[list[float], list[float]]:
    written, opened = [], []
    memory = await SqliteMemory.open(path, SystemClock(), seal=seal)
    for number in range(1000):
        memory.keep_conversation(_talk(f"a-{number}"))
        if number >= 800:
            began = time.perf_counter()
            await memory.flush()
            written.append((time.perf_counter() - began) * 1e3)
    await memory.close()
    for _ in range(20):
        began = time.perf_counter()
        memory = await SqliteMemory.open(path, SystemClock(), seal=seal)
        opened.append((time.perf_counter() - began) * 1e3)
        await memory.close()
    return written, opened
