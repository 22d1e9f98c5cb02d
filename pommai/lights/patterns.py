"""What a pattern is: what one LED does over a period, and how far behind the LED before it the next one is.

That one idea serves a single RGB LED and a row of three alike: a chase is a light that flares up and
fades, seen on LEDs that take turns; on one LED it is the flare alone. Every pattern starts at its
brightest, so that whatever a person just did is answered with light at once.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from pommai.hints import did_you_mean
from pommai.lights.colours import Rgb, mix, scale

RAINBOW: Final[tuple[Rgb, ...]] = ((1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1))
"""The colour wheel: straight lines between these are exactly HSV's hue circle."""


class Pattern(Struct, frozen=True, kw_only=True):
    """Base of all patterns.

    `period` in seconds, 0 when the light stands still. `phase` is the share of the period, 0..1, that
    each LED is behind the one before it; None spreads the LEDs evenly over the period.
    """

    name: str
    description: str
    period: float = 0.0
    phase: float | None = 0.0

    def light(self, at: float) -> Rgb:
        """The colour as a person sees it at `at`, 0 <= at < 1, of the period."""
        raise NotImplementedError

    @property
    def is_still(self) -> bool:
        """The light never changes."""
        return self.period == 0.0

    def lag(self, count: int) -> float:
        """Share of the period that each of `count` LEDs is behind the one before it."""
        return 1.0 / count if self.phase is None else self.phase


class Steady(Pattern, frozen=True, kw_only=True):
    """One colour, always."""

    colour: Rgb
    level: float

    def light(self, at: float) -> Rgb:
        return scale(self.colour, self.level)


class Breathe(Pattern, frozen=True, kw_only=True):
    """Falls and rises softly between `level` and `low`: a cosine."""

    colour: Rgb
    level: float
    low: float

    def light(self, at: float) -> Rgb:
        share = 0.5 + 0.5 * math.cos(math.tau * at)
        return scale(self.colour, self.low + (self.level - self.low) * share)


class Pulse(Pattern, frozen=True, kw_only=True):
    """A heartbeat: sinks slowly from `level` to `low` and comes up fast, in the last quarter of the period."""

    colour: Rgb
    level: float
    low: float

    RISE = 0.25

    def light(self, at: float) -> Rgb:
        fall = 1.0 - self.RISE
        share = _smooth(1.0 - at / fall) if at < fall else _smooth((at - fall) / self.RISE)
        return scale(self.colour, self.low + (self.level - self.low) * share)


class Flash(Pattern, frozen=True, kw_only=True):
    """On for the share `duty` of the period, then at `low`, with hard edges."""

    colour: Rgb
    level: float
    low: float
    duty: float

    def light(self, at: float) -> Rgb:
        return scale(self.colour, self.level if at < self.duty else self.low)


class Swirl(Pattern, frozen=True, kw_only=True):
    """Walks through its colours and back to the first, each flowing into the next."""

    colours: tuple[Rgb, ...]
    level: float

    def light(self, at: float) -> Rgb:
        size = len(self.colours)
        place = at * size
        index = int(place)
        here, following = self.colours[index % size], self.colours[(index + 1) % size]
        return scale(mix(here, following, place - index), self.level)


class Chase(Pattern, frozen=True, kw_only=True):
    """A light that runs along the LEDs: flares up as it comes, and leaves a fading tail.

    `tail` is the share of the period, 0..1, in which the light fades; it comes up in the quarter of that
    before it, so a chase is never without light when the tails of neighbours overlap.
    """

    colour: Rgb
    level: float
    low: float
    tail: float

    def light(self, at: float) -> Rgb:
        rise = self.tail / 4
        share = 0.0
        if at < self.tail:
            share = _smooth(1.0 - at / self.tail)
        if at > 1.0 - rise:
            share = max(share, _smooth((at - 1.0 + rise) / rise))
        return scale(self.colour, self.low + (self.level - self.low) * share)


class Keyframe(Struct, frozen=True):
    """A colour that is reached within `fade` seconds from the keyframe before, then kept for `hold` seconds."""

    colour: Rgb
    level: float
    fade: float
    hold: float

    @property
    def seen(self) -> Rgb:
        return scale(self.colour, self.level)


class Keyframes(Pattern, frozen=True, kw_only=True, dict=True):
    """One keyframe after the other, the last fading into the first.

    The pattern starts where the first keyframe has been reached, so its fade comes last.
    """

    frames: tuple[Keyframe, ...]

    def light(self, at: float) -> Rgb:
        index = self.index(at)
        frame = self.frames[index]
        since = at * self.period - self._starts[index]
        following = self.frames[(index + 1) % len(self.frames)]
        if since < frame.hold or following.fade == 0.0:
            return frame.seen
        return mix(frame.seen, following.seen, min(1.0, (since - frame.hold) / following.fade))

    def index(self, at: float) -> int:
        """Which keyframe is shown, or left, at `at`, 0 <= at < 1, of the period."""
        return max(0, bisect_right(self._starts, at * self.period) - 1)

    @cached_property
    def _starts(self) -> tuple[float, ...]:
        starts, now = [], 0.0
        for frame, following in zip(self.frames, (*self.frames[1:], self.frames[0]), strict=True):
            starts.append(now)
            now += frame.hold + following.fade
        return tuple(starts)


class LightPatterns(Mapping[str, Pattern]):
    """The patterns of a file by name, in file order. Immutable."""

    def __init__(self, patterns: Mapping[str, Pattern]) -> None:
        self._patterns = MappingProxyType(dict(patterns))

    def __getitem__(self, name: str) -> Pattern:
        """The pattern. Raises KeyError with a sentence when there is none of that name."""
        try:
            return self._patterns[name]
        except KeyError:
            raise KeyError(f"no light pattern '{name}' ({did_you_mean(name, self._patterns)})") from None

    def __contains__(self, name: object) -> bool:
        return name in self._patterns

    def __iter__(self) -> Iterator[str]:
        return iter(self._patterns)

    def __len__(self) -> int:
        return len(self._patterns)


def _smooth(share: float) -> float:
    """0..1 to 0..1 without a corner at either end (smoothstep)."""
    return share * share * (3.0 - 2.0 * share)
