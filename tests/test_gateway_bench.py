from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from gateway_material import run

from pommai.gateway.bench import MARGIN, Bench


class Held:
    """A worker that is busy until it is let go; meanwhile others queue up."""

    def __init__(self, bench: Bench) -> None:
        self._go = threading.Event()
        self._task = asyncio.create_task(bench.do(self._wait))

    def _wait(self) -> None:
        assert self._go.wait(20)

    async def let_go(self) -> None:
        self._go.set()
        await self._task


async def order_of(jobs: list[tuple[str, float | None]]) -> list[str]:
    """The order in which jobs are done that all wait for one worker; `due` is from now, in seconds."""
    done: list[str] = []

    def noting(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    with Bench(workers=1) as bench:
        held = Held(bench)
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        tasks = [asyncio.create_task(bench.do(noting(name), None if due is None else now + due)) for name, due in jobs]
        await asyncio.sleep(0)
        await held.let_go()
        await asyncio.gather(*tasks)
    return done


def test_results_and_errors_come_back() -> None:
    async def test() -> None:
        with Bench() as bench:
            assert await asyncio.gather(*(bench.do(lambda n=n: n * n) for n in range(50))) == [  # type: ignore[misc]
                n * n for n in range(50)
            ]
            with pytest.raises(ZeroDivisionError):
                await bench.do(lambda: 1 // 0)
            assert await bench.do(threading.get_ident) != threading.get_ident()

    run(test())


def test_who_will_soon_have_nothing_to_play_comes_before_answers_that_have_not_begun() -> None:
    jobs = [("new", None), ("plenty", 60.0), ("soon", -1.0), ("newer", None), ("dry", -5.0)]
    assert run(order_of(jobs)) == ["dry", "soon", "new", "newer", "plenty"]


def test_who_has_plenty_becomes_pressing_as_time_passes() -> None:
    assert run(order_of([("new", None), ("in time", MARGIN)])) == ["in time", "new"]


def test_answers_that_have_not_begun_go_in_the_order_they_came() -> None:
    assert run(order_of([(str(number), None) for number in range(20)])) == [str(number) for number in range(20)]


def test_work_that_nobody_waits_for_any_more_is_not_begun() -> None:
    async def test() -> None:
        begun: list[str] = []
        with Bench(workers=1) as bench:
            held = Held(bench)
            await asyncio.sleep(0)
            tasks = [
                asyncio.create_task(bench.do(lambda name=name: begun.append(name), due))  # type: ignore[misc]
                for name, due in (("a", None), ("b", None), ("c", 1.0), ("d", 1.0))
            ]
            await asyncio.sleep(0)
            for task in (tasks[0], tasks[2]):
                task.cancel()
            await held.let_go()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert begun == ["d", "b"], "and who is late comes first"

    run(test())


def test_who_stops_waiting_for_work_under_way_does_not_hold_up_the_next() -> None:
    async def test() -> None:
        with Bench(workers=1) as bench:
            go = threading.Event()
            task = asyncio.create_task(bench.do(lambda: go.wait(20)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            go.set()
            assert await bench.do(lambda: "next") == "next"

    run(test())


def test_it_is_behind_while_work_waits_and_not_before() -> None:
    async def test() -> None:
        with Bench(workers=1) as bench:
            assert not bench.is_behind
            held = Held(bench)
            await asyncio.sleep(0)
            assert not bench.is_behind, "somebody is at work, and nobody waits"
            waiting = asyncio.create_task(bench.do(lambda: None, 1.0))
            await asyncio.sleep(0)
            assert bench.is_behind
            await held.let_go()
            await waiting
            assert not bench.is_behind

    run(test())
