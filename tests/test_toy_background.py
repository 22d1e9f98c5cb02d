"""What goes on beside the chart ends with the toy, and does not end it."""

import asyncio
import logging
from contextlib import AsyncExitStack

from pommai.toy.background import keep_running


def test_work_runs_until_the_stack_ends():
    async def scene():
        began, ended = asyncio.Event(), asyncio.Event()

        async def work():
            began.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()

        async with AsyncExitStack() as stack:
            keep_running(stack, work(), "work")
            await began.wait()
            assert not ended.is_set()
        assert ended.is_set()

    asyncio.run(scene())


def test_a_fault_is_logged_and_nothing_else(caplog):
    async def scene():
        async def work():
            raise ValueError("a mistake")

        async with AsyncExitStack() as stack:
            keep_running(stack, work(), "tokens")
            await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(scene())
    assert caplog.records[0].work == "tokens"
    assert "a mistake" in caplog.text
