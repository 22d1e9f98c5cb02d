"""What goes wrong in a soak, in which order and for how long: drawn from a seed, without end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: it lasts `least` to `most` seconds; afterwards the toy is to rest and to be online again within
    so many seconds."""

    about: str
    least: float
    most: float
    rest_s: float
    online_s: float


_REST: Final = 60.0
"""Seconds. The longest way back to rest that a child may start at any time: it talks for 30 s at most, and an answer
begins within 20 s."""
_ONLINE: Final = 20.0
"""Where the connection need not suffer at all, but may."""
_AGAIN: Final = 75.0
"""A toy may have waited 10 s for a server that accepts and says nothing, and then waits up to as long as it was alone
twice over, before it calls again."""
_NOTICED: Final = 30.0
"""Until a toy notices that nothing comes any more: it asks every 20 s and waits for 10."""

KINDS: Final[dict[str, Kind]] = {
    "link cut": Kind("every connection is reset", 0.0, 0.0, _REST, _AGAIN),
    "link refused": Kind("connections are reset, and nobody gets through", 1.0, 12.0, _REST, _AGAIN),
    "link slow": Kind("whatever is sent comes up to 1.5 s late", 2.0, 10.0, _REST, _AGAIN),
    "link half open": Kind("connections deliver nothing and stay open", 2.0, 45.0, _REST, _NOTICED + _AGAIN),
    "gateway ended": Kind("SIGTERM; started again afterwards", 0.0, 6.0, _REST, _AGAIN),
    "gateway killed": Kind("SIGKILL; started again afterwards", 0.0, 6.0, _REST, _AGAIN),
    "gateway stopped": Kind("SIGSTOP, as a machine that hangs", 1.0, 8.0, _REST, _AGAIN),
    "gateway disk full": Kind("the disk with its data is full", 2.0, 10.0, _REST, _AGAIN),
    "toy stopped": Kind("SIGSTOP, as an event loop that hangs", 0.5, 6.0, _REST, _AGAIN),
    "toy disk full": Kind("the disk with its memory is full", 2.0, 15.0, _REST, _ONLINE),
    "clock": Kind("the toy's time of day jumps", 1.0, 10.0, _REST, _ONLINE),
    "card lost": Kind("the sound card is pulled out, and put in again", 0.5, 8.0, _REST, _ONLINE),
    "memory short": Kind("what can be read again is taken from the toy's memory", 0.5, 3.0, _REST, _ONLINE),
    "model damaged": Kind("a file of the speech model is damaged, and mended", 2.0, 10.0, _REST, _ONLINE),
}

CLOCK_JUMPS: Final = (-1.6e9, -86_400.0, -3_600.0, 3_600.0, 12 * 86_400.0)
"""Seconds: to the seventies, as after a power-off; by a day and an hour; and by some days into the future, yet not so
far that what is remembered is too old to be kept."""
LONGEST_DELAY: Final = 1.5
PAUSE: Final = (1.0, 6.0)
"""Seconds between the end of one fault, when all is well again, and the next."""
HASTE: Final = 0.12
"""A short soak's faults last so much of their time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: how long it lasts, then how long all is left in peace."""

    number: int
    kind: str
    seconds: float
    pause: float
    dose: float
    """0.0..1.0, for those kinds of which there can be more or less."""


def faults(seed: int, *, hasty: bool = False, kinds: Collection[str] = KINDS.keys()) -> Iterator[Fault]:
    """All these kinds in a random order, then all again, without end."""
    random, number = Random(f"soak {seed}"), 0
    shorter = HASTE if hasty else 1.0
    while True:
        for kind in random.sample(sorted(kinds), len(kinds)):
            number += 1
            about = KINDS[kind]
            seconds = random.uniform(about.least, about.most) * shorter
            yield Fault(number, kind, seconds, random.uniform(*PAUSE) * shorter, random.random())
