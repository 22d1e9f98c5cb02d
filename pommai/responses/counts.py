"""How much is enough: counts what was said against the limits of the file."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from pommai.responses.model import CONVERSATIONS, SESSION, Limits, Replies


class Rest(NamedTuple):
    """The toy is to rest: because of which limit, for how many seconds, and what it says."""

    name: str
    seconds: float
    replies: Replies


class Counts:
    """What counts so far. All times are seconds of a clock that never goes back."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._conversations: deque[float] = deque(maxlen=limits.conversations.count)
        self._violations: deque[float] = deque(maxlen=limits.violations.count)
        self._session_began = 0.0
        self._last: float | None = None
        self._missed = 0
        self._resting: tuple[Rest, float] | None = None

    def conversation(self, now: float) -> Rest | None:
        """Count a sentence that is about to be answered; or say that it is time to rest, and count nothing."""
        self._missed = 0
        if self._resting is not None:
            rest, began = self._resting
            if now - began < rest.seconds:
                return rest._replace(seconds=rest.seconds - (now - began))
            self._resting = self._last = None
        reached = self._limit_reached(now)
        if reached is None:
            self._last = now
            self._conversations.append(now)
        return reached

    def not_understood(self) -> bool:
        """Count a sentence that was not understood. True when these are too many in a row; counting starts anew."""
        self._missed = (self._missed + 1) % self._limits.not_understood.in_a_row
        return self._missed == 0

    def understood(self) -> None:
        """Something was understood, whatever comes of it."""
        self._missed = 0

    def violation(self, now: float) -> bool:
        """Count a violation. True when it is one too many; counting starts anew."""
        limit, times = self._limits.violations, self._violations
        times.append(now)
        if len(times) < limit.count or now - times[0] > limit.within:
            return False
        times.clear()
        return True

    def _limit_reached(self, now: float) -> Rest | None:
        session, hour, times = self._limits.session, self._limits.conversations, self._conversations
        if self._last is None or now - self._last >= session.rest:
            self._session_began = now
        rest = None
        if now - self._session_began >= session.longest:
            rest = Rest(SESSION, session.rest, session.replies)
        elif len(times) == hour.count and now - times[0] < hour.within:
            rest = Rest(CONVERSATIONS, hour.rest, hour.replies)
        if rest is not None:
            self._resting = (rest, now)
        return rest
