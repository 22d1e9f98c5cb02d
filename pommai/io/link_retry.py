"""How long to wait before the server is called again."""

from __future__ import annotations

from random import Random


class Backoff:
    """1 s doubling to 60 s, with full jitter, without end.

    Full jitter (anything from 0 to the bound) because a server that comes back finds all its toys waiting: spread over
    the whole interval they do the least work in the least time (Brooker, "Exponential Backoff And Jitter", AWS, 2015).
    """

    def __init__(self, random: Random, *, first: float = 1.0, limit: float = 60.0) -> None:
        """`first` and `limit`: bounds of the first wait and of every wait, in seconds."""
        self._random = random
        self._first = first
        self._limit = limit
        self._bound = first

    def failed(self) -> float:
        """Seconds to wait after a failure: 0..bound; the bound doubles each time."""
        bound = self._bound
        self._bound = min(self._limit, bound * 2)
        return self._random.uniform(0.0, bound)

    def refused(self) -> float:
        """Seconds to wait after the server said no (a token it does not know): at least half the limit, at once.
        Asking more often changes nothing there and looks like an attack."""
        self._bound = self._limit
        return self._random.uniform(self._limit / 2, self._limit)

    def succeeded(self) -> None:
        """A connection was good: the next failure counts as the first."""
        self._bound = self._first
