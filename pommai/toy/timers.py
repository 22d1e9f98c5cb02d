"""Timers of the chart, on the loop's monotonic clock."""

from __future__ import annotations

import asyncio

from pommai.events import Event
from pommai.io.ports import Emit


class Timers:
    """Timers by the name of the event they post. Cancelled means cancelled, even when the event is queued already."""

    def __init__(self, post: Emit) -> None:
        self._post = post
        self._pending: dict[str, tuple[Event, asyncio.TimerHandle]] = {}

    @property
    def pending(self) -> tuple[str, ...]:
        """Events of the timers that are running, or whose event is queued."""
        return tuple(self._pending)

    def start(self, name: str, seconds: float) -> None:
        """Post the event `name` after `seconds`; a timer of that name that runs already starts anew."""
        self.cancel(name)
        event = Event(name)
        self._pending[name] = event, asyncio.get_running_loop().call_later(seconds, self._post, event)

    def cancel(self, name: str) -> None:
        """Cancel a timer. Harmless when there is none."""
        if name in self._pending:
            self._pending.pop(name)[1].cancel()

    def fired(self, event: Event) -> bool:
        """Whether this is the event of a timer that nobody has cancelled; the timer is over then."""
        if event.name not in self._pending or self._pending[event.name][0] is not event:
            return False
        del self._pending[event.name]
        return True

    def close(self) -> None:
        """Cancel all."""
        for name in self.pending:
            self.cancel(name)
