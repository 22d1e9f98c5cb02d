"""The server's time for lifetimes and ages: a clock that never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
"""Milliseconds."""


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000_000


class ServerClock:
    """Milliseconds since 1970, never earlier than what it or the data file has seen before.

    A token that was issued for an hour must not live for years because somebody has set the machine's clock back. So
    when the wall clock is behind, this one goes on by itself at the pace of the monotonic clock, until the wall clock
    has caught up; the latest time is kept in the data file, so that a restart does not undo it. What is left: while the
    gateway is off and the wall clock is behind, no time passes. A clock that leaps ahead ends tokens early, and toys
    authenticate anew.
    """

    def __init__(self, wall: Callable[[], int] = _wall, monotonic: Callable[[], int] = _monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._latest = wall()
        self._at = monotonic()

    def now(self) -> int:
        """Milliseconds since 1970."""
        at = self._monotonic()
        self._latest = max(self._wall(), self._latest + at - self._at)
        self._at = at
        return self._latest

    def at_least(self, moment: int) -> None:
        """It is this late already: the data file has seen that time."""
        self._latest = max(self.now(), moment)


def as_iso(moment: int) -> str:
    """A time in milliseconds since 1970 as text: UTC, ISO 8601."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")
