"""Virtual time: hours in a moment, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import time

import pytest

from pommai.qa.virtual_time import VirtualTimeLoop, run


def test_hours_pass_in_a_moment() -> None:
    async def scene() -> float:
        await asyncio.sleep(36_000)
        return asyncio.get_running_loop().time()

    begun = time.monotonic()
    assert run(scene()) == pytest.approx(36_000)
    assert time.monotonic() - begun < 3_600


def test_timers_fire_in_their_order_each_at_its_time() -> None:
    async def scene() -> list[float]:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        for seconds in (3.0, 1.0, 2.0):
            loop.call_later(seconds, lambda: times.append(loop.time()))
        await asyncio.sleep(4)
        return times

    assert run(scene()) == pytest.approx([1.0, 2.0, 3.0])


def test_what_is_due_in_a_freeze_is_late() -> None:
    async def scene() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        task = asyncio.create_task(asyncio.sleep(1, loop.time))
        await asyncio.sleep(0)
        loop.freeze(60)
        await task
        return loop.time()

    assert run(scene()) == pytest.approx(60)


def test_a_call_from_elsewhere_is_taken() -> None:
    async def scene() -> str:
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon_threadsafe(done.set_result, "called")
        return await done

    assert run(scene()) == "called"


def test_waiting_for_what_never_comes_is_an_error() -> None:
    async def scene() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="everybody waits, and nothing will ever happen"):
        run(scene())


def test_a_quiet_moment_comes_when_all_that_can_happen_now_has_happened() -> None:
    seen: list[tuple[float, int]] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        count = 0

        async def busy() -> None:
            nonlocal count
            for _ in range(5):
                await asyncio.sleep(0)
                count += 1

        loop.call_when_quiet(lambda: seen.append((loop.time(), count)))
        tasks = [asyncio.create_task(busy()) for _ in range(2)]
        await asyncio.sleep(1)
        await asyncio.gather(*tasks)
        tasks = [asyncio.create_task(busy())]
        await asyncio.sleep(1)
        await asyncio.gather(*tasks)
        loop.call_when_quiet(lambda: None)

    run(scene())
    assert seen == [(0.0, 10), (1.0, 15)]
