"""Activities: long-running work that belongs to a state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pommai.actions.body import Body
from pommai.actions.registry import Activity
from pommai.errors import PommaiError
from pommai.events import Event

if TYPE_CHECKING:
    from pommai.chart.model import Value

logger = logging.getLogger(__name__)

LEAVE_LIMIT = 10.0
"""Seconds an activity may take to finish after it was cancelled, before it is cancelled again."""
RESTART_SECONDS = 5.0
"""Pause before an activity that failed is begun anew: a toy must not stay deaf or offline because of one bad moment."""


class Activities:
    """Starts and stops activities, and knows every task it ever started until that is over."""

    def __init__(self, body: Body, known: Mapping[str, Activity]) -> None:
        self._body = body
        self._known = known
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._all: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the activities that are running, in the order they were started."""
        return tuple(name for (_, name), task in self._running.items() if not task.done())

    @property
    def tasks(self) -> int:
        """Tasks not over yet, those that are finishing included."""
        return len(self._all)

    def start(self, state: str, name: str, args: Mapping[str, Value]) -> None:
        """Start an activity for a state."""
        task = asyncio.get_running_loop().create_task(self._run(name, args), name=f"{state}.{name}")
        self._running[state, name] = task
        self._all.add(task)
        task.add_done_callback(self._all.discard)

    def stop(self, state: str, name: str) -> None:
        """Cancel it. It may still finish what it began, in LEAVE_LIMIT seconds."""
        task = self._running.pop((state, name), None)
        if task is not None and not task.done():
            task.cancel()
            timer = asyncio.get_running_loop().call_later(LEAVE_LIMIT, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())

    async def close(self, limit: float) -> None:
        """Cancel everything and wait until it is over; after `limit` seconds cancel again, three times in all."""
        self._running.clear()
        for _ in range(3):
            if not self._all:
                return
            for task in self._all:
                task.cancel()
            await asyncio.wait(self._all, timeout=limit)
        for task in self._all:
            logger.error("activity does not end", extra={"activity": task.get_name()})

    async def _run(self, name: str, args: Mapping[str, Value]) -> None:
        """Run it until it is over; when it fails, tell the chart, which may leave the state, and else begin it anew."""
        task = asyncio.current_task()
        assert task is not None
        while True:
            try:
                await self._known[name](self._body, **args)
                return
            except Exception as caught:
                # A device that is gone is nothing to look for in the code.
                trace = None if isinstance(caught, PommaiError) else caught
                logger.error("activity failed", extra={"activity": name, "reason": str(caught)}, exc_info=trace)
                if task.cancelling():  # it has been stopped: nobody waits for it any more
                    return
                self._body.post(Event("error.activity", {"activity": name, "error": str(caught)}))
            await asyncio.sleep(RESTART_SECONDS)
