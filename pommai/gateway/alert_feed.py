"""Alerts as they come, for everybody who wants to hear of them; none of those who listen can hold up a toy."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from pommai.gateway.archive import Alert

MOST_WAITING: Final = 100
"""Alerts that wait for one who reads slowly. Then the oldest is dropped, and counted."""

OnAlert = Callable[[Alert], None]

_log = logging.getLogger(__name__)


class AlertFeed:
    """Tells each alert to all who listen."""

    def __init__(self) -> None:
        self._listeners: list[OnAlert] = []

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def listen(self, on_alert: OnAlert) -> None:
        """Have `on_alert` called with each alert, at once. It must not wait for anything."""
        self._listeners.append(on_alert)

    def ignore(self, on_alert: OnAlert) -> None:
        """Call it no more."""
        self._listeners.remove(on_alert)

    def tell(self, alert: Alert) -> None:
        """Tell everybody. What goes wrong with one is logged, and the others hear of it all the same."""
        for listener in tuple(self._listeners):
            try:
                listener(alert)
            except Exception:
                _log.exception("alert not passed on")

    def follow(self) -> Following:
        """The alerts from now on, to be taken one after the other."""
        return Following(self)


class Following:
    """Alerts that wait to be taken; listens while it is entered:

    with feed.follow() as following:
        while True:
            alert = await following.next()
    """

    def __init__(self, feed: AlertFeed) -> None:
        self.dropped = 0
        """How many were lost because nobody took them in time."""
        self._feed = feed
        self._waiting: deque[Alert] = deque(maxlen=MOST_WAITING)
        self._some = asyncio.Event()

    def __enter__(self) -> Self:
        self._feed.listen(self._put)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed.ignore(self._put)

    async def next(self) -> Alert:
        """The oldest that waits, or the next that comes."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        return self._waiting.popleft()

    def _put(self, alert: Alert) -> None:
        self.dropped += len(self._waiting) == MOST_WAITING
        self._waiting.append(alert)
        self._some.set()
