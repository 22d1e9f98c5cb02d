"""How late the event loop is: what every toy would feel, were it late for long."""

from __future__ import annotations

import asyncio
from typing import Final

from pommai.gateway.metrics import Metrics

EVERY: Final = 0.25
"""Seconds between two looks."""


async def watch_loop(metrics: Metrics, every: float = EVERY) -> None:
    """Note again and again by how much the loop comes later than asked, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        asked = loop.time() + every
        await asyncio.sleep(every)
        metrics.loop_lag.observe(max(0.0, loop.time() - asked))
