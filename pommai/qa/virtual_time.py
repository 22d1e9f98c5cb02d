"""An event loop whose clock jumps to the next timer instead of waiting: hours of a toy's life in a moment.

Libraries for this (looptime, aiotools) are made for the fixtures of tests; a campaign needs a loop of its own, a clock
that can stand still, and no system call between two timers.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Waits for nothing: the time asked for is added to the clock. The system is asked only when nothing else is left,
    for a signal or another thread may have woken the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.on_quiet: Callable[[], None] = _nothing

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self.on_quiet()
        if timeout is not None:
            self.now += timeout
            return []
        ready = super().select(0)
        if not ready:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        return ready


def _nothing() -> None:
    pass


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()` is virtual. For tasks without threads and sockets."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def call_when_quiet(self, callback: Callable[[], None]) -> None:
        """Call this, and nothing else, whenever all that can happen now has happened and time is about to go on."""
        self._virtual.on_quiet = callback

    def freeze(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as in a process that was stopped: all that was due is late."""
        self._virtual.now += seconds


def run(scene: Coroutine[Any, Any, T]) -> T:
    """asyncio.run on virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(scene)
