"""What the gateway counts: plain numbers, because most change with every frame. Who reads them is another's matter."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

FIRST_FRAME_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Bounds for the time a child waits for the first sound of an answer. A toy gives up after 20 s."""
LAG_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Bounds for how late the event loop is. A frame is 20 ms long."""
SEVERITIES: Final = ("low", "medium", "high")


class Histogram:
    """How many values there were up to each bound, and what they add up to.

    >>> waits = Histogram((0.1, 1.0))
    >>> for seconds in (0.05, 0.1, 0.5, 7.0):
    ...     waits.observe(seconds)
    >>> waits.up_to(), waits.count, round(waits.total, 2)
    ([2, 3, 4], 4, 7.65)
    """

    __slots__ = ("_counts", "bounds", "count", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Raises ValueError when the bounds do not grow."""
        if not bounds or list(bounds) != sorted(set(bounds)):
            raise ValueError("the bounds of a histogram grow")
        self.bounds = bounds
        self.count = 0
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self.count += 1
        self.total += value
        self._counts[bisect_left(self.bounds, value)] += 1

    def up_to(self) -> list[int]:
        """How many values were not above each bound; the last number is of all."""
        reached, sums = 0, []
        for count in self._counts:
            reached += count
            sums.append(reached)
        return sums


class Metrics:
    """The numbers of one gateway since it began. Only its event loop writes them."""

    __slots__ = (
        "alerts",
        "bytes_in",
        "bytes_out",
        "first_frame",
        "frames_in",
        "frames_out",
        "loop_lag",
        "operators_refused",
        "rate_limited",
        "refused",
        "turns_aborted",
        "turns_answered",
        "turns_begun",
        "turns_failed",
    )

    def __init__(self) -> None:
        self.turns_begun = 0
        self.turns_answered = 0
        """To the last frame, or with a rest that needs no sound."""
        self.turns_failed: Counter[str] = Counter()
        """By the code that the toy was told."""
        self.turns_aborted = 0
        """Stopped before their answer was out: by the child, by a newer turn, or because the toy has gone."""
        self.first_frame = Histogram(FIRST_FRAME_SECONDS)
        """Seconds from the last frame heard to the first one sent."""
        self.frames_in = 0
        self.frames_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        """Of messages, without what WebSocket, TLS and TCP add."""
        self.refused: Counter[str] = Counter()
        """Connections that were not let in, by reason: a few fixed words, never a stranger's."""
        self.rate_limited = 0
        """Messages that were too many."""
        self.alerts: Counter[str] = Counter()
        """By severity; one that we do not know is "other"."""
        self.loop_lag = Histogram(LAG_SECONDS)
        """Seconds by which the event loop came late to what it had promised itself."""
        self.operators_refused = 0
        """Requests with a wrong operator's token."""

    def alarmed(self, severity: str) -> None:
        """Count an alert. The severity is a stranger's word."""
        self.alerts[severity if severity in SEVERITIES else "other"] += 1
