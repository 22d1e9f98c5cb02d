"""The turns that were heard and have no sound yet: how long who comes now would have to wait, and who had better not.

A toy waits 20 s for an answer, and then says that it is sorry. A child has gone by then; and an answer that comes too
late has taken the time of those who came after it, whose answers then come too late as well. So who would wait too
long is told at once, and whoever has waited too long is given up.
"""

from __future__ import annotations

from collections import deque
from typing import Final

ANSWER_SECONDS: Final = 18.0
"""Longest time from a turn's last frame to the first of its answer: the toy's 20 s, less what the network takes."""
MOST_SECONDS: Final = 12.0
"""Who would wait longer than this is told at once that there is no answer now."""
CROWD: Final = 16
"""Turns that wait. Fewer are no crowd: when they wait long, a service is slow, and one more does not make it slower."""
LOOK_SECONDS: Final = 4.0
"""How long there has to be a crowd before it is known how quickly it is served: its first answers take a while ..."""
LATELY_SECONDS: Final = 8.0
"""... and how far back that counts."""


class Waiting:
    """Counts the turns that wait. Times are seconds of the loop's clock."""

    def __init__(self) -> None:
        self._count = 0
        self._crowd_since = 0.0
        self._served: deque[float] = deque()
        """When there were answers, since there is a crowd, lately: as many as there can be."""

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def expected(self, now: float) -> float:
        """Seconds that who comes now will probably wait: until all before it are served, as quickly as the last ones
        were. 0.0 while there is no crowd, and when it is not known."""
        while self._served and self._served[0] < now - LATELY_SECONDS:
            self._served.popleft()
        looked = min(now - self._crowd_since, LATELY_SECONDS)
        if self._count < CROWD or looked < LOOK_SECONDS or not self._served:
            return 0.0
        return self._count * looked / len(self._served)

    def join(self, now: float) -> Place:
        """One more waits."""
        self._count += 1
        if self._count == CROWD:
            self._crowd_since = now
            self._served.clear()
        return Place(self)

    def _leave(self, served_at: float | None) -> None:
        self._count -= 1
        if served_at is not None and self._count >= CROWD - 1:
            self._served.append(served_at)


class Place:
    """A turn that waits, until it is served or gives up."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting: Waiting | None = waiting

    def served(self, now: float) -> None:
        """It has its first sound. Harmless when it waits no more."""
        self._end(now)

    def give_up(self) -> None:
        """It waits no more, and has got nothing. Harmless when it waits no more."""
        self._end(None)

    def _end(self, served_at: float | None) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting._leave(served_at)
