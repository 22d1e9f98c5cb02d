"""The turns that were heard and have no sound yet: how long who comes now would have to wait, and who had better not.

A toy waits 20 s for an answer, and then says that it is sorry. A child has gone by then; and an answer that comes too
late has taken the time of those who came after it, whose answers then come too late as well. So who would wait too
long is told at once, and whoever has waited too long is given up.
"""

from __future__ import annotations

from collections import deque
from statistics import fmean
from typing import Final

ANSWER_SECONDS: Final = 18.0
"""Longest time from a turn's last frame to the first of its answer: the toy's 20 s, less what the network takes."""
MOST_SECONDS: Final = 12.0
"""Who would wait longer than this is told at once that there is no answer now."""
CROWD: Final = 16
"""Turns that wait. Fewer are no crowd: when they wait long, a service is slow, and one more does not make it slower."""
LATELY_SECONDS: Final = 10.0
"""How long it counts what the last ones waited."""
_LAST: Final = 8


class Waiting:
    """Counts the turns that wait. Times are seconds of the loop's clock."""

    def __init__(self) -> None:
        self._count = 0
        self._lately: deque[tuple[float, float, int]] = deque(maxlen=_LAST)

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def expected(self, now: float) -> float:
        """Seconds that who comes now will probably wait: as long as the last ones, and longer by as much as there are
        more before it. 0.0 while there is no crowd, and when it is not known."""
        while self._lately and self._lately[0][0] < now - LATELY_SECONDS:
            self._lately.popleft()
        if self._count < CROWD or not self._lately:
            return 0.0
        return fmean(waited * self._count / max(before, CROWD) for _, waited, before in self._lately)

    def join(self, now: float) -> Place:
        """One more waits."""
        place = Place(self, now, self._count)
        self._count += 1
        return place

    def _leave(self, since: float, before: int, served_at: float | None) -> None:
        self._count -= 1
        if served_at is not None:
            self._lately.append((served_at, served_at - since, before))


class Place:
    """A turn that waits, until it is served or gives up."""

    def __init__(self, waiting: Waiting, since: float, before: int) -> None:
        self._waiting: Waiting | None = waiting
        self._since = since
        self._before = before

    def served(self, now: float) -> None:
        """It has its first sound. Harmless when it waits no more."""
        self._end(now)

    def give_up(self) -> None:
        """It waits no more, and has got nothing. Harmless when it waits no more."""
        self._end(None)

    def _end(self, served_at: float | None) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting._leave(self._since, self._before, served_at)
