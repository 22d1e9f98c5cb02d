"""Where sound is made into packets and back: threads of their own, and a rule for who comes first."""

from __future__ import annotations

import asyncio
import heapq
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

MARGIN: Final = 0.2
"""Seconds of sound a toy should have left: one that has less comes before answers that have not begun."""


class Bench:
    """Runs pieces of work on as many threads as there are cores. A piece is short: a few milliseconds.

    When there is more to do than can be done, answers that have begun go on without a gap, and others begin later:
    first come the toys that will soon have nothing to play, the most pressing of them first; then answers that have
    not begun, in the order they came; then whoever has plenty.
    """

    def __init__(self, workers: int | None = None) -> None:
        """As many workers as there are cores for this process, when no number is given."""
        self._free = workers or _cores()
        self._pool = ThreadPoolExecutor(self._free, thread_name_prefix="bench")
        self._new: deque[_Job] = deque()
        self._begun: list[tuple[float, int, _Job]] = []
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more work. What is being worked on ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def is_behind(self) -> bool:
        """Whether work is waiting: all threads are busy."""
        return bool(self._new or self._begun)

    async def do(self, work: Callable[[], T], due: float | None = None) -> T:
        """Have a piece of work done, and its result, or what it raises. `due` is the loop's time at which a toy will
        have nothing left to play; None for an answer that has not begun."""
        job = _Job(work, asyncio.get_running_loop().create_future())
        if due is None:
            self._new.append(job)
        else:
            heapq.heappush(self._begun, (due, next(self._numbers), job))
        self._start()
        result: T = await job.result
        return result

    def _start(self) -> None:
        while self._free and (job := self._next()) is not None:
            self._free -= 1
            asyncio.get_running_loop().run_in_executor(self._pool, job.work).add_done_callback(job.done)
            job.then = self._ended

    def _ended(self) -> None:
        self._free += 1
        self._start()

    def _next(self) -> _Job | None:
        """Whoever is next and still wants it."""
        while self._begun or self._new:
            pressing = self._begun and self._begun[0][0] - MARGIN <= asyncio.get_running_loop().time()
            job = heapq.heappop(self._begun)[2] if pressing or not self._new else self._new.popleft()
            if not job.result.done():
                return job
        return None


def _cores() -> int:
    """Cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # macOS knows of none
    return os.cpu_count() or 1 if allowed is None else len(allowed(0))


class _Job:
    """A piece of work, and who waits for it."""

    __slots__ = ("result", "then", "work")

    def __init__(self, work: Callable[[], Any], result: asyncio.Future[Any]) -> None:
        self.work = work
        self.result = result
        self.then: Callable[[], None] = lambda: None

    def done(self, outcome: asyncio.Future[Any]) -> None:
        """Pass the outcome on, unless nobody waits any more, and let the next begin."""
        if not outcome.cancelled():
            error = outcome.exception()
            if self.result.done():
                pass
            elif error is not None:
                self.result.set_exception(error)
            else:
                self.result.set_result(outcome.result())
        self.then()
