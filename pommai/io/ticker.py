"""A regular beat on the event loop's clock, for devices that have no clock of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pommai.protocol.audio import FRAME_SECONDS

MAX_CATCH_UP: Final = 50
"""Most beats made up for at once (1 s of sound): after a longer stall the rest is skipped, as a sound card would."""


class Ticker:
    """Calls `tick` every `period` seconds without drift: a late beat does not make the next one late.

    Beats missed while the loop was busy are made up for at once. An exception of `tick` goes to the loop's
    exception handler and the beat goes on.
    """

    def __init__(self, tick: Callable[[], None], period: float = FRAME_SECONDS) -> None:
        self._tick = tick
        self._period = period
        self._next = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; the first beat comes one period from now. Harmless when running."""
        if self._handle is None:
            loop = asyncio.get_running_loop()
            self._next = loop.time() + self._period
            self._handle = loop.call_at(self._next, self._run, loop)

    def stop(self) -> None:
        """No beat comes afterwards. Harmless when stopped."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        this = self._handle
        now = loop.time()
        missed = int((now - self._next) / self._period)
        if missed > MAX_CATCH_UP:
            self._next += (missed - MAX_CATCH_UP) * self._period
        try:
            while self._handle is this and self._next <= now:
                self._next += self._period
                self._tick()
        finally:
            if self._handle is this:
                self._handle = loop.call_at(self._next, self._run, loop)
