from __future__ import annotations

import asyncio
import time

from gateway_material import run

from pommai.gateway.loop_lag import watch_loop
from pommai.gateway.metrics import Metrics


def test_a_loop_that_is_held_up_is_late_and_one_that_is_not_is_hardly() -> None:
    async def test() -> None:
        metrics = Metrics()
        watching = asyncio.create_task(watch_loop(metrics, every=0.005))
        while metrics.loop_lag.count < 3:
            await asyncio.sleep(0.001)
        before = metrics.loop_lag.total
        time.sleep(0.2)  # noqa: ASYNC251 - somebody blocks it
        count = metrics.loop_lag.count
        while metrics.loop_lag.count == count:
            await asyncio.sleep(0.001)
        assert metrics.loop_lag.total - before >= 0.15
        watching.cancel()
        await asyncio.wait([watching])

    run(test())
