"""One thread for calls that are not thread-safe and may never come back: in turn, with time limits."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from pommai.errors import DeviceError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Hang(NamedTuple):
    """A call that has not come back, and for how many seconds nobody has waited for it any more."""

    what: str
    seconds: float


class _Job(Generic[T]):
    """One call to make; `undo` takes back its result when nobody wants it any more."""

    def __init__(self, what: str, function: Callable[[], T], undo: Callable[[T], object] | None) -> None:
        self.what = what
        self.function = function
        self.undo = undo
        self.result: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.abandoned = False
        """Nobody waits for it, or does any more."""
        self.overdue_since = 0.0
        """Since when it is both abandoned and being made: one that waits behind another does not hang itself."""


class ControlThread:
    """Makes calls one after another, each for at most so long as its caller cares to wait.

    A call may hang for ever, as some drivers do. Then further ones are refused at once instead of piling up, and what
    it brings when it comes back late is undone.
    """

    def __init__(self, name: str) -> None:
        """`name`: the thread's, and what hangs in the words of an error."""
        self._name = name
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job[Any]] = queue.SimpleQueue()
        self._current: _Job[Any] | None = None
        self._thread: threading.Thread | None = None

    async def call(
        self, what: str, limit: float, function: Callable[[], T], undo: Callable[[T], object] | None = None
    ) -> T:
        """The result of `function`. Raises DeviceError after `limit` seconds, or at once while an older call hangs.

        A call with an `undo` is then not made, or taken back; one without is still made as soon as that is possible.
        """
        job = _Job(what, function, undo)
        with self._lock:
            if self._thread is None:  # a daemon, so that a hanging driver cannot keep the process alive
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            hanging = self._current if self._current is not None and self._current.abandoned else None
            job.abandoned = hanging is not None
            if hanging is None or undo is None:
                self._jobs.put(job)
        if hanging is not None:
            raise DeviceError(f"{self._name} hangs: {hanging.what} has not come back")
        try:
            async with asyncio.timeout(limit):
                return await asyncio.shield(asyncio.wrap_future(job.result))
        except TimeoutError as caught:
            self._abandon(job)
            raise DeviceError(f"{self._name} hangs: {what} took longer than {limit:g} s") from caught
        except asyncio.CancelledError:
            self._abandon(job)
            raise

    @property
    def hang(self) -> Hang | None:
        """The call that hangs, if one does. The thread that made it cannot be freed in this process."""
        with self._lock:
            job = self._current
            if job is None or not job.abandoned:
                return None
            return Hang(job.what, time.monotonic() - job.overdue_since)

    def call_last(self, limit: float, function: Callable[[], object]) -> None:
        """Make a call where there is no event loop; at most `limit` seconds are waited, and the outcome is lost."""
        job = _Job("the last call", function, None)
        self._jobs.put(job)
        with contextlib.suppress(Exception):
            job.result.result(limit)

    def _abandon(self, job: _Job[Any]) -> None:
        with self._lock:
            job.abandoned, job.overdue_since = True, time.monotonic()
            arrived = job.result.done() and job.result.exception() is None
        if arrived and job.undo is not None:
            undo, result = job.undo, job.result.result()
            undoing = _Job("undoing " + job.what, lambda: undo(result), None)
            undoing.abandoned = True
            self._jobs.put(undoing)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            with self._lock:
                if job.abandoned and job.undo is not None:
                    continue
                self._current = job
                job.overdue_since = time.monotonic()
            try:
                result = job.function()
            except BaseException as caught:
                with self._lock:
                    job.result.set_exception(caught)
                    self._current = None
                continue
            with self._lock:
                abandoned = job.abandoned
                if not abandoned:
                    job.result.set_result(result)
                    self._current = None
            if abandoned:
                try:
                    if job.undo is not None:
                        job.undo(result)
                except Exception:
                    logger.exception("taking back a late call failed", extra={"call": job.what})
                with self._lock:
                    self._current = None
