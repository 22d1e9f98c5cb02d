"""How often strangers may try: a limit for each of many, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from pommai.protocol.limits import RateLimit

MOST_KEPT: Final = 10_000
"""Keys counted at a time. Beyond, the one that was quiet longest is forgotten."""


class Attempts:
    """At most `count` in any `seconds`, for each key. Without a clock: the caller says what time it is.

    >>> attempts = Attempts(2, 60.0)
    >>> [attempts.allow(name, 0.0) for name in ("a", "a", "a", "b")]
    [True, True, False, True]
    """

    def __init__(self, count: int, seconds: float = 60.0, most_kept: int = MOST_KEPT) -> None:
        self._count = count
        self._seconds = seconds
        self._most_kept = most_kept
        self._limits: OrderedDict[Hashable, RateLimit] = OrderedDict()

    def allow(self, key: Hashable, now: float) -> bool:
        """True, and counted, when one more is allowed at `now` (seconds of a clock that never goes back)."""
        return self._limit(key).allow(now)

    def retry_after(self, key: Hashable, now: float) -> float:
        """Seconds until one more is allowed; 0.0 when it is now. Counts nothing."""
        limit = self._limits.get(key)
        return 0.0 if limit is None else limit.retry_after(now)

    def _limit(self, key: Hashable) -> RateLimit:
        limit = self._limits.get(key)
        if limit is None:
            limit = self._limits[key] = RateLimit(self._count, self._seconds)
            if len(self._limits) > self._most_kept:
                self._limits.popitem(last=False)
        self._limits.move_to_end(key)
        return limit
