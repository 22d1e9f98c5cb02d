"""What the wire allows. Both ends refuse what goes beyond, and neither sends it."""

from __future__ import annotations

from collections import deque

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 1 << 20
"""Largest WebSocket message, text or binary."""
MAX_PACKET_BYTES = 1275
"""Largest Opus packet of one frame (RFC 6716, section 3.4)."""
MAX_NUMBER = 2**32 - 1
"""Largest turn and sequence number: 32 bits in the binary frame."""
MAX_INTEGER = 2**53 - 1
"""Largest whole number elsewhere: beyond it, JSON readers disagree (RFC 8259, section 6)."""
MAX_DEPTH = 16
"""Deepest nesting of the values whose meaning the protocol leaves open."""
MAX_LISTS = 5_000
"""Most brackets that open a list or an object in one message, those in its texts included: a list costs the reader far
more than the two bytes it is written in."""
MAX_ITEMS = 40_000
"""Most commas in one message, those in its texts included."""
MESSAGES_PER_MINUTE = 100
"""Messages other than audio, in any 60 s."""
FRAMES_PER_SECOND = 75.0
"""Frames of sound that a toy may send in the long run: real time is 50, and no clock is half as fast again."""
FRAMES_AT_ONCE = 3_000
"""Frames that may come faster than that: the longest turn there is, after a network that had stopped."""
TURNS_PER_MINUTE = 60
"""Turns of one toy that are answered in any 60 s."""
SENDER_SECONDS = 70.0
"""A sender counts over this window instead of 60 s. A network that hesitates bunches messages, and the receiver
counts arrivals: with 10 s to spare, an honest sender is not refused for a pause of the Wi-Fi."""


class RateLimit:
    """At most `count` in any `seconds`. Exact (a sliding window), and without a clock: the caller says what time it is.

    >>> limit = RateLimit(2, 60.0)
    >>> limit.allow(0.0), limit.allow(1.0), limit.allow(59.9), limit.allow(60.0)
    (True, True, False, True)
    """

    def __init__(self, count: int = MESSAGES_PER_MINUTE, seconds: float = 60.0) -> None:
        self.count = count
        self.seconds = seconds
        self._times: deque[float] = deque()

    def allow(self, now: float) -> bool:
        """True, and counted, when one more is allowed at `now` (seconds of a clock that never goes back)."""
        self._forget(now)
        if len(self._times) >= self.count:
            return False
        self._times.append(now)
        return True

    def retry_after(self, now: float) -> float:
        """Seconds until one more is allowed; 0.0 when it is now. For `details.retry_after` of RATE_LIMITED."""
        self._forget(now)
        if len(self._times) < self.count:
            return 0.0
        return self._times[0] + self.seconds - now

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()


class Flow:
    """At most `rate` a second in the long run, and `burst` at once. Without a clock: the caller says what time it is.

    >>> flow = Flow(rate=2.0, burst=3)
    >>> [flow.allow(0.0) for _ in range(4)], flow.allow(0.4), flow.allow(0.5)
    ([True, True, True, False], False, True)
    """

    __slots__ = ("_left", "_then", "burst", "rate")

    def __init__(self, rate: float = FRAMES_PER_SECOND, burst: int = FRAMES_AT_ONCE) -> None:
        self.rate = rate
        self.burst = burst
        self._left = float(burst)
        self._then = 0.0

    def allow(self, now: float) -> bool:
        """True, and counted, when one more is allowed at `now` (seconds of a clock that never goes back)."""
        self._left = min(float(self.burst), self._left + (now - self._then) * self.rate)
        self._then = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def retry_after(self, now: float) -> float:
        """Seconds until one more is allowed; 0.0 when it is now."""
        return max(0.0, (1.0 - self._left) / self.rate - (now - self._then))
