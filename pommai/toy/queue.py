"""The one queue of the toy: bounded, and honest about what it drops."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from pommai.events import EVENTS, Event

logger = logging.getLogger(__name__)

CAPACITY = 256
"""Events that may wait. A toy that is this far behind is not coming back by remembering more."""


class EventQueue:
    """Events in order, errors first.

    When `capacity` events wait, another one is dropped and counted, unless it is vital (a button release, a safety
    event, an error) or a timer's; those are always taken: at most one per press, override, action or active timer.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.dropped = 0
        """Events dropped so far."""
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self._urgent: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._dropping = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._events) + len(self._urgent)

    def put(self, event: Event) -> bool:
        """Queue an event; false when it was dropped."""
        if event.name.startswith("error."):
            self._urgent.append(event)
        elif len(self._events) >= self._capacity and not _is_kept(event.name):
            self.dropped += 1
            if not self._dropping:
                self._dropping = True
                logger.warning("queue full, dropping events", extra={"first": event.name, "dropped": self.dropped})
            return False
        else:
            self._events.append(event)
        self._arrived.set()
        return True

    def close(self) -> None:
        """Let `get` come to an end. What is queued is still given out."""
        self._closed = True
        self._arrived.set()

    async def get(self) -> Event | None:
        """The next event; waits for one. None when the queue is closed and empty."""
        while not self:
            if self._closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self.pop()

    def pop(self) -> Event:
        """The next event. Raises IndexError when there is none."""
        event = self._urgent.popleft() if self._urgent else self._events.popleft()
        if self._dropping and len(self._events) < self._capacity // 2:
            self._dropping = False
            logger.warning("queue has room again", extra={"dropped": self.dropped})
        return event


def _is_kept(name: str) -> bool:
    spec = EVENTS.get(name)
    return name.startswith("timer.") or (spec is not None and spec.vital)
