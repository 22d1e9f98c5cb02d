"""Figures about the toy for whoever looks after it: taken each minute, kept in its memory every ten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pommai.actions.body import Body
from pommai.io.vitals import Summary, Vitals

SAMPLE_SECONDS: Final = 60.0
SAMPLES: Final = 10
"""As many are kept as one."""


async def keep_vitals(
    body: Callable[[], Body], vitals: Vitals | None = None, gaps: Callable[[], int] = lambda: 0
) -> None:
    """Look at the machine and at what waits for the server, until cancelled.

    `gaps` tells how often sound was lost so far, in either direction.
    """
    vitals = vitals or Vitals()
    summary = Summary()
    taken = drops = lost = 0
    while True:
        summary.add(await asyncio.to_thread(vitals.sample))
        toy = body()
        summary.add({"waiting_items": float(toy.memory.unsent)})
        taken += 1
        if taken % SAMPLES == 0:
            figures = summary.take()
            figures["link_drops"], drops = float(toy.drops - drops), toy.drops
            now = gaps()
            figures["sound_gaps"], lost = float(now - lost), now
            for name, value in figures.items():
                toy.memory.keep_metric(name, value)
        await asyncio.sleep(SAMPLE_SECONDS)
