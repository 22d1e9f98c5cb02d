"""The time of day, and whether it is to be believed.

A toy has no clock that survives power-off: after a power-up it is 1970 (or the day its system was last shut down),
until a time server has answered. So every stamp says whether it is **trusted**. It is when the year is not before
`FLOOR_YEAR` and one of these has spoken:

- the kernel: something disciplines its clock (adjtimex(2): the state is not TIME_ERROR, STA_UNSYNC is not set);
- systemd-timesyncd, which has been answered since this power-up (`/run/systemd/timesync/synchronized`);
- a server of ours, whose time was within `AGREEMENT_SECONDS` of this clock's (`SystemClock.hint`), and nobody has
  set this clock differently since.

Nothing is ever ordered or timed by this clock; for that there is `uptime`, which never jumps.
"""

from __future__ import annotations

import ctypes
import functools
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pommai.io.ports import Stamp

FLOOR_YEAR = 2026
"""No toy of this make ran before: a clock that says so is wrong, whoever vouches for it."""
AGREEMENT_SECONDS = 300.0
TIMESYNCD = Path("/run/systemd/timesync/synchronized")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLOOR_MS = (datetime(FLOOR_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LATEST_MS = 253_402_300_799_999
"""The last millisecond that ISO 8601 writes with a year of four digits."""


def to_text(milliseconds: int) -> str:
    """UTC, ISO 8601 with milliseconds, of milliseconds since 1970: 2026-03-01T12:03:04.567Z."""
    moment = _EPOCH + timedelta(milliseconds=max(0, min(milliseconds, _LATEST_MS)))
    return moment.isoformat("T", "milliseconds").replace("+00:00", "Z")


def to_milliseconds(text: object) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 time, UTC where it names no zone; None when it is no such thing."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def is_before_this_make(milliseconds: int) -> bool:
    """Whether a clock that says this cannot be right."""
    return milliseconds < _FLOOR_MS


def uptime() -> float:
    """Seconds since the machine started, asleep or not. Never jumps; the same in every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Tells one run of the machine from another: times of `uptime` can be compared within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return uuid.uuid4().hex


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>. The kernel fills it, padding and all."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "seconds", "fraction", "tick")),
        *((name, ctypes.c_long) for name in ("ppsfreq", "jitter")),
        ("shift", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
        ("tai", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    )


@functools.cache
def _system_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


_TIME_ERROR = 5
_STA_UNSYNC = 0x0040


def is_synchronised() -> bool:
    """Whether the system says that its clock has been set by a time server. Some microseconds; never raises."""
    try:
        timex = _Timex(modes=0)  # only ask
        state = _system_library().adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        state = -1
    if 0 <= state < _TIME_ERROR and not timex.status & _STA_UNSYNC:
        return True
    return TIMESYNCD.exists()


class SystemClock:
    """The machine's clock. See above for what makes it trusted."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = uptime,
        synchronised: Callable[[], bool] = is_synchronised,
    ) -> None:
        """`wall`: seconds since 1970; `monotonic`: seconds that never jump; `synchronised`: what the system says."""
        self._wall = wall
        self._monotonic = monotonic
        self._synchronised = synchronised
        self._agreed: float | None = None
        """`wall` less `monotonic` when a server's time agreed with ours: it changes when the clock is set."""

    def now(self) -> Stamp:
        wall = self._wall()
        milliseconds = int(wall * 1000)
        agreed = self._agreed is not None and abs(wall - self._monotonic() - self._agreed) <= AGREEMENT_SECONDS
        trusted = not is_before_this_make(milliseconds) and (agreed or self._synchronised())
        return Stamp(to_text(milliseconds), trusted)

    def hint(self, server_time: str | None) -> bool:
        """A server of ours says what time it is; whether this clock agrees. It is never set by it."""
        told = to_milliseconds(server_time)
        wall = self._wall()
        if told is None or abs(told / 1000 - wall) > AGREEMENT_SECONDS:
            return False
        self._agreed = wall - self._monotonic()
        return True


class SimulatedClock:
    """A clock that shows what a test says: it goes on with `monotonic`, from 1970, until somebody sets it."""

    def __init__(self, monotonic: Callable[[], float], *, start: str = "1970-01-01T00:00:00Z", trusted: bool = False):
        """`start` is the time when `monotonic` gives 0 seconds."""
        self._monotonic = monotonic
        self._at_zero = _milliseconds(start)
        self.trusted = trusted

    def now(self) -> Stamp:
        return Stamp(to_text(self._at_zero + round(self._monotonic() * 1000)), self.trusted)

    def hint(self, server_time: str | None) -> bool:
        """Nobody is believed but `set`."""
        return False

    def set(self, text: str, *, trusted: bool = True) -> None:
        """It is this time now, as when a time server has answered."""
        self._at_zero = _milliseconds(text) - round(self._monotonic() * 1000)
        self.trusted = trusted


def _milliseconds(text: str) -> int:
    found = to_milliseconds(text)
    if found is None:
        raise ValueError(f"not an ISO 8601 time: {text}")
    return found
