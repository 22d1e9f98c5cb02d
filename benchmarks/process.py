"""The toy as a process: how soon it rests after it was started, what it needs, what it costs to do nothing."""

from __future__ import annotations

import asyncio

from benchmarks.desk import Desk, desk
from benchmarks.figures import Figure, figure

STARTS = 7
IDLE_SECONDS = 10.0


def measure() -> list[Figure]:
    """Start to idle (seconds), resident memory (MB), and CPU at rest (percent of one core)."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    starts, sizes, shares = [], [], []
    async with desk() as made:
        for i in range(STARTS + 1):
            await made.start_toy()
            lines = await made.until("idle")
            if i:  # the first start compiles the chart and fills the caches
                starts.append(lines[-1]["t_us"] / 1e6 - made.began)
            await asyncio.sleep(1.0)
            sizes.append(made.used()[1])
            if i == STARTS:
                shares = await _shares(made)
            await made.stop_toy()
    return [
        figure("start to idle, compiled chart", starts, "s", goal=0.5),
        figure("resident at rest", sizes, "MB", goal=60.0),
        figure("CPU at rest, LED breathing", shares, "% of a core", goal=2.0, note="microphone and speaker open"),
    ]


async def _shares(made: Desk) -> list[float]:
    shares = []
    for _ in range(3):
        before = made.used()[0]
        await asyncio.sleep(IDLE_SECONDS)
        shares.append((made.used()[0] - before) / IDLE_SECONDS * 100)
    return shares
