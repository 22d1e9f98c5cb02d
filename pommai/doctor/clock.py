"""The clock: whether it is to be believed, and whether servers agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pommai.doctor.finding import Finding, broken, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.io.clock import AGREEMENT_SECONDS, FLOOR_YEAR, is_before_this_make, is_synchronised

_MEND = "timedatectl set-ntp true; behind a strict firewall name a time server in /etc/systemd/timesyncd.conf"


async def clock(surroundings: Surroundings, synchronised: Callable[[], bool] = is_synchronised) -> Finding:
    """Own time against the servers', and whether a time server has set it."""
    wall = surroundings.wall()
    try:
        shown = f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        shown = "a time that is none"
    set_by_server = synchronised()
    ahead = max(surroundings.server_minus_own, key=abs, default=None)
    figures = {"time": shown, "synchronised": set_by_server, "server_minus_own_s": ahead and round(ahead, 1)}
    if is_before_this_make(int(wall * 1000)):
        words = f"{shown}: before {FLOOR_YEAR}, so it has not been set since power-up"
        step = f"{_MEND}; until then no certificate is valid"
        secure = surroundings.settings.url.startswith("wss")
        return broken(words, step, **figures) if secure else wrong(words, _MEND, **figures)
    if ahead is not None and abs(ahead) > AGREEMENT_SECONDS:
        way = "behind" if ahead > 0 else "ahead of"
        return wrong(f"{shown}, {abs(ahead) / 60:.0f} minutes {way} the server", _MEND, **figures)
    if set_by_server:
        return ok(f"{shown}, set by a time server", **figures)
    if ahead is not None:
        return ok(f"{shown}, and the server agrees within {max(1.0, abs(ahead)):.0f} s", **figures)
    return note(f"{shown}, and nobody vouches for it: no time server has been heard", _MEND, **figures)
