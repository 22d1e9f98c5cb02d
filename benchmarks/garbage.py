"""How long a full look for garbage holds a toy up, which Python takes when it has made a good deal: with all that was
there at the first rest set aside (pommai/toy/first_turn.py), and without.
"""

from __future__ import annotations

import asyncio
import signal

from benchmarks.desk import Desk, desk
from benchmarks.figures import Figure, figure

LIVES = 3
LOOKS = 5
SETTLED_SECONDS = 2.0
"""From the first rest until all is set aside."""
PROGRAM = """
import gc, runpy, signal, time

def look(*_signal):
    began = time.perf_counter()
    gc.collect()
    with open({out!r}, "a") as file:
        file.write(f"{{(time.perf_counter() - began) * 1e3}}\\n")

{before}
signal.signal(signal.SIGUSR1, look)
runpy.run_module("pommai", run_name="__main__", alter_sys=True)
"""
VARIANTS = {"set aside": "", "left to be looked through": "gc.freeze = lambda: None"}


def measure() -> list[Figure]:
    """Milliseconds of a toy at rest."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    found: dict[str, list[float]] = {name: [] for name in VARIANTS}
    async with desk(server=False) as made:
        for _ in range(LIVES):
            for name, before in VARIANTS.items():
                found[name] += await _looks(made, before)
    return [figure(f"full look for garbage, what was there {name}", taken, "ms") for name, taken in found.items()]


async def _looks(made: Desk, before: str) -> list[float]:
    out = made.folder / "looks"
    out.unlink(missing_ok=True)
    await made.start_toy(program=("-c", PROGRAM.format(out=str(out), before=before)))
    await made.until("idle")
    await asyncio.sleep(SETTLED_SECONDS)
    for _ in range(LOOKS):
        made.toy.send_signal(signal.SIGUSR1)
        await asyncio.sleep(0.5)
    await made.stop_toy()
    return [float(line) for line in out.read_text().splitlines()]
