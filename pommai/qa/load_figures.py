"""What simulated toys measure, and what it comes to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from pommai.protocol.audio import FRAME_SECONDS
from pommai.protocol.jitter import PATIENCE, End, JitterBuffer, NotYet
from pommai.protocol.messages import DownAudio

LATE_S: Final = FRAME_SECONDS
"""A generator whose own clock ticks later than this, at the 99th percentile, measures itself: it is a whole frame."""
DISTURBING: Final = 0.25
"""Processors that other programs may take without being a reason for what the gateway does."""
MOST_REASONS: Final = 20
"""Reasons that are told apart; one that is made up anew each time does not fill the report."""


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that so many of all do not exceed (the nearest rank); nan when there are none.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    if not samples:
        return math.nan
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


@dataclass(frozen=True, slots=True)
class Playback:
    """How an answer would have sounded: `dry` is how often it broke off, `dry_s` for how long in all; `seconds` is how
    long it took from its first frame to the end; `longest_gap_s` the longest time between two frames coming in."""

    dry: int
    dry_s: float
    seconds: float
    longest_gap_s: float


def play(arrivals: Sequence[tuple[float, DownAudio]]) -> Playback:
    """Play an answer through the toy's own jitter buffer, after the event: frames, each with the second it came at."""
    buffer = JitterBuffer()
    began = now = arrivals[0][0]
    taken, dry, dry_frames = 0, 0, 0
    playing = gap = False
    while True:
        while taken < len(arrivals) and arrivals[taken][0] <= now:
            buffer.push(arrivals[taken][1])
            taken += 1
        item = buffer.pop()
        if isinstance(item, End):
            break
        if not isinstance(item, NotYet):
            playing, gap = True, False
        elif taken == len(arrivals):
            if buffer.starved > PATIENCE:  # nothing more comes: it was interrupted
                break
        elif playing:
            dry += not gap
            dry_frames += 1
            gap = True
        now += FRAME_SECONDS
    gaps = [after[0] - before[0] for before, after in pairwise(arrivals)]
    return Playback(dry, dry_frames * FRAME_SECONDS, now - began, max(gaps, default=0.0))


@dataclass(slots=True)
class Figures:
    """What the toys of one step lived through. Times are seconds."""

    connects: list[float] = field(default_factory=list)
    """From dialling to the answer to the handshake."""
    latencies: list[float] = field(default_factory=list)
    """From the last frame of a turn to the first frame of its answer, or until the toy gave up: a gateway that answers
    the few it can looks no quicker for leaving the others without."""
    gaps: list[float] = field(default_factory=list)
    """The longest time between two frames, of each answer."""
    lags: list[float] = field(default_factory=list)
    """How late the generator's own loop was, each time it was looked at."""
    turns: int = 0
    """Said to the end."""
    answered: int = 0
    """Of these, answered with sound."""
    barge_ins: int = 0
    rests: int = 0
    """Turns that were answered by sending the toy to rest."""
    frames_sent: int = 0
    frames_received: int = 0
    dry: int = 0
    """Times that a toy would have fallen silent in the middle of an answer."""
    dry_s: float = 0.0
    stale: int = 0
    """Frames of an answer that came after the toy had said it does not want it: those on their way."""
    pushes: int = 0
    """Settings that the gateway pushed and a toy answered."""
    reconnects: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """Error messages, by their code."""
    failures: Counter[str] = field(default_factory=Counter)
    """What went wrong with turns and connections, in words."""

    def fail(self, words: str) -> None:
        """Note something that went wrong."""
        if words not in self.failures and len(self.failures) >= MOST_REASONS:
            words = "other"
        self.failures[words] += 1

    @property
    def mistakes(self) -> int:
        """All that went wrong."""
        return self.errors.total() + self.failures.total()

    @property
    def trustworthy(self) -> bool:
        """Whether the generator was quick enough to measure anything but itself."""
        return not percentile(self.lags, 0.99) > LATE_S


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took during a step. `cpu` is a share of one core, so it may be above 1.0."""

    cpu: float
    rss_before: int
    """Bytes, before the first toy came."""
    rss_most: int
    """Bytes, at most, during the step."""

    def bytes_a_toy(self, toys: int) -> float:
        """By how much it grew for each toy."""
        return (self.rss_most - self.rss_before) / toys


@dataclass(frozen=True, slots=True)
class Step:
    """So many toys at once, and what came of it. `most_up` of the `toys` were connected at a time."""

    toys: int
    most_up: int
    seconds: float
    figures: Figures
    own_cpu: float
    """Of the generator, a share of one core."""
    gateway: Usage | None = None
    """None when nobody said which process the gateway is."""
    others: float | None = None
    """What other programs on the gateway's machine took meanwhile, in processors; None where that is not known."""

    def as_json(self) -> dict[str, Any]:
        """All figures; times in milliseconds. What was not measured is null."""
        figures, gateway = self.figures, self.gateway
        return {
            "toys": self.toys,
            "connected": self.most_up,
            "seconds": round(self.seconds, 3),
            "turns": figures.turns,
            "answered": figures.answered,
            "barge_ins": figures.barge_ins,
            "rests": figures.rests,
            "latency_ms": _spread(figures.latencies),
            "connect_ms": _spread(figures.connects),
            "longest_gap_ms": _spread(figures.gaps),
            "underruns": figures.dry,
            "silent_ms": round(1000 * figures.dry_s),
            "frames_sent": figures.frames_sent,
            "frames_received": figures.frames_received,
            "frames_after_abort": figures.stale,
            "pushes_answered": figures.pushes,
            "reconnects": figures.reconnects,
            "errors": dict(figures.errors),
            "failures": dict(figures.failures),
            "generator": {
                "trustworthy": figures.trustworthy,
                "lag_ms": _spread(figures.lags),
                "cpu": round(self.own_cpu, 3),
            },
            "others_cpu": None if self.others is None else round(self.others, 3),
            "gateway": None
            if gateway is None
            else {
                "cpu": round(gateway.cpu, 3),
                "rss_before": gateway.rss_before,
                "rss_most": gateway.rss_most,
                "bytes_a_toy": round(gateway.bytes_a_toy(self.toys)),
            },
        }


def _spread(samples: Sequence[float]) -> dict[str, float | None]:
    """Milliseconds; null where there are no samples."""
    if not samples:
        return {"p50": None, "p95": None, "p99": None, "max": None}
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(1000 * percentile(samples, share), 1) for name, share in shares.items()}
