"""What a soak came to, and whether it went well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import Any, Final, NamedTuple

from pommai.qa.soak_kept import Ledger
from pommai.qa.soak_plan import KINDS, Fault
from pommai.qa.soak_watch import Look

WARM_S: Final = 300.0
"""By then whatever is made once has been made, and nothing grows any more."""
WARM_SHARE: Final = 1 / 3
"""Of a soak that is too short for that."""
FEWEST: Final = 3
"""Looks at each end that a growth is told from."""
MOST_SEEN: Final = 300
"""About so many looks tell a trend, of however many."""


class Bound(NamedTuple):
    """How much more of something there may be in the end: so many, or this share, whichever is more."""

    words: str
    more: float
    share: float


GROWTH: Final[dict[str, Bound]] = {
    "memory_mb": Bound("MB of memory", 4.0, 0.06),
    "handles": Bound("open files", 2.0, 0.0),
    "threads": Bound("threads", 3.0, 0.0),  # pools fill up as it happens; each ends at a few
    "tasks": Bound("tasks", 1.0, 0.0),
    "objects": Bound("objects", 1500.0, 0.02),
    "wakeups": Bound("wakeups a second", 8.0, 0.25),
}
"""Of each process, looked at while the toy rests."""
TOY_FILE_MB: Final = 12.0
"""What the toy remembers, with SQLite's journal: a hundred conversations and some thousand figures come to less."""
GATEWAY_ITEM_KB: Final = 6.0
GATEWAY_FILE_MB: Final = 6.0
"""The gateway keeps everything: so much an item, and so much besides, most of it SQLite's journal."""
LINES_A_MINUTE: Final = 600.0
"""Of a log, when something goes wrong all the time. A toy that complains of each frame writes 3,000."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """A fault, and how the toy came out of it. Times are seconds: of the soak, and after the fault was over; None is
    never within its bounds.
    """

    fault: Fault
    words: str
    began: float
    ended: float
    rest_s: float | None
    online_s: float | None
    answered: bool
    """The toy's event loop said that it is alive."""

    def wrongs(self) -> list[str]:
        """In words."""
        kind = KINDS[self.fault.kind]
        name = f"fault {self.fault.number}, {self.fault.kind}, over at {self.ended:.0f} s"
        found = []
        if self.rest_s is None:
            found.append(f"{name}: the toy did not rest within {kind.rest_s:g} s")
        if self.online_s is None:
            found.append(f"{name}: the toy was not online within {kind.online_s:g} s")
        if not self.answered:
            found.append(f"{name}: the toy's event loop did not answer")
        return found


@dataclass(slots=True)
class Soak:
    """All that was seen. It fills while the soak goes on."""

    seed: int
    hasty: bool
    ledger: Ledger
    seconds: float = 0.0
    looks: list[Look] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    stills: list[float] = field(default_factory=list)
    """When all left the toy alone, and it came to rest."""
    busy: int = 0
    """At how many of these others kept the machine busy."""
    wrongs: list[str] = field(default_factory=list)
    """What was noticed on the way."""
    troubles: list[str] = field(default_factory=list)
    lives: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    """How often each process was started, and was to be."""
    did: dict[str, dict[str, int]] = field(default_factory=dict)
    """What who did, how often."""
    ended: str = ""
    """Why it ended early; empty when it did not."""
    interrupted: bool = False
    no_disks: str = ""
    """Why no real disk could be full, if none could."""

    @property
    def warm_s(self) -> float:
        """From this second on nothing may grow."""
        return WARM_S if self.seconds >= 2 * WARM_S else WARM_SHARE * self.seconds

    @property
    def verdict(self) -> list[str]:
        """What went wrong, in words; empty when all is well."""
        found = [f"ended early: {self.ended}"] if self.ended else []
        found += self.wrongs
        for recovery in self.recoveries:
            found += recovery.wrongs()
        found += [f"in a log: {words}" for words in self.troubles]
        found += [
            f"the {name} was started {lives} times, and should have been {self.planned.get(name, 1)} times"
            for name, lives in self.lives.items()
            if lives != self.planned.get(name, 1)
        ]
        found += [growth.sentence for growth in self.growths() if growth.too_much]
        found += self._bounds()
        if not self.interrupted and not self.ended:
            found += self.ledger.wrongs()
        return found

    def growths(self) -> list[Growth]:
        """How much everything has grown since it was warm; what there are too few looks for is left out."""
        found = []
        for who in sorted({look.who for look in self.looks}):
            rested = [look for look in self.looks if look.who == who and look.rests]
            for name in GROWTH:
                seen = [(look.at, value) for look in rested if (value := getattr(look, name)) is not None]
                since = [(at, value) for at, value in seen if at >= self.warm_s]
                warm = [value for _, value in since]
                third = len(warm) // 3
                if third < FEWEST:
                    continue
                if self.lives.get(who, 1) == 1:  # speech models come and go, and what leaks stays: the least counts
                    found.append(Growth(who, name, min(warm[:third]), min(warm[-third:]), trend(since)))
                else:  # lives are of any length, and each gets warm anew: the most of all counts
                    values = [value for _, value in seen]
                    found.append(Growth(who, name, max(values[:-third]), max(values[-third:])))
        return found

    def _bounds(self) -> Iterable[str]:
        for who in sorted({look.who for look in self.looks}):
            looks = [look for look in self.looks if look.who == who]
            most, items = max(look.file_mb for look in looks), self.ledger.archived.total()
            allowed = TOY_FILE_MB if who == "toy" else GATEWAY_FILE_MB + items * GATEWAY_ITEM_KB / 1000
            if most > allowed:
                yield f"the {who}'s database grew to {most:.1f} MB, and {allowed:.1f} MB are enough"
            minutes = max(looks[-1].at / 60, 1.0)
            if (rate := looks[-1].log_lines / minutes) > LINES_A_MINUTE:
                yield f"the {who} wrote {rate:,.0f} lines a minute into its log"

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "well": not self.verdict,
            "verdict": self.verdict,
            "interrupted": self.interrupted,
            "no_disks": self.no_disks,
            "still_moments": {"all": len(self.stills), "machine_busy": self.busy},
            "faults": [
                {
                    "number": recovery.fault.number,
                    "kind": recovery.fault.kind,
                    "words": recovery.words,
                    "began": round(recovery.began, 2),
                    "ended": round(recovery.ended, 2),
                    "rest_s": recovery.rest_s and round(recovery.rest_s, 2),
                    "online_s": recovery.online_s and round(recovery.online_s, 2),
                }
                for recovery in self.recoveries
            ],
            "growth": [
                {
                    "who": each.who,
                    "what": each.name,
                    "before": each.before,
                    "after": each.after,
                    "trend": None if math.isinf(each.trend) else round(each.trend, 2),
                }
                for each in self.growths()
            ],
            "conversations": {"toy": len(self.ledger.seen), "gateway": self.ledger.archived.total()},
            "starts": self.lives,
            "did": self.did,
            "looks": [look.as_json() for look in self.looks],
        }


class Growth(NamedTuple):
    """The least at rest, in the first and the last third of the time since a process was warm. Of a process that was
    started several times, the most in the last third, and before that."""

    who: str
    name: str
    before: float
    after: float
    trend: float = math.inf
    """By how much it has grown as its usual course goes. The least alone may be low once, by chance; what leaks makes
    more of both."""

    @property
    def too_much(self) -> bool:
        """It is more than chance explains."""
        bound = GROWTH[self.name]
        return min(self.after - self.before, self.trend) > max(bound.more, bound.share * self.before)

    @property
    def sentence(self) -> str:
        """In words."""
        return f"the {self.who} grew from {self.before:,.1f} to {self.after:,.1f} {GROWTH[self.name].words}"


def trend(seen: Sequence[tuple[float, float]]) -> float:
    """By how much values, each with its time, grow from the first to the last: along the median of the slopes between
    any two of them (Theil and Sen), which a few that are out of line do not bend."""
    some = seen[:: max(1, len(seen) // MOST_SEEN)]
    slopes = [(after - before) / (then - at) for (at, before), (then, after) in combinations(some, 2) if then > at]
    return median(slopes) * (seen[-1][0] - seen[0][0]) if slopes else 0.0


def slowest(recoveries: Sequence[Recovery], kind: str) -> tuple[int, float, float]:
    """How many faults of a kind there were, and the longest until the toy rested, and until it was online again."""
    those = [recovery for recovery in recoveries if recovery.fault.kind == kind]
    rests = [each.rest_s for each in those if each.rest_s is not None]
    onlines = [each.online_s for each in those if each.online_s is not None]
    return len(those), max(rests, default=float("nan")), max(onlines, default=float("nan"))
