"""How often a light flashes, counted as WCAG counts it, so that no pattern can set off a seizure.

WCAG 2.2, success criterion 2.3.1: nothing may flash more than three times in any one second. A flash is a
pair of opposing changes (up and down, or down and up). Two kinds are counted, each by itself:

- *Flashes of brightness.* WCAG counts a change of at least 0.10 of the largest relative luminance. A toy is
  looked at in the dark, where the eye has adapted and even full blue (relative luminance 0.07) dazzles, so
  a change of a third of the light's own peak counts as well: **the smaller of 0.10 and peak / 3**. WCAG's
  excuse for light whose darker half is above 0.80 is not made here.
- *Flashes of saturated red.* A change from or to a light with R / (R + G + B) >= 0.8 in linear light, to or
  from one that is more than 0.2 away on the CIE 1976 u'v' diagram, however bright; darkness counts as
  neutral (the white point D65), so red against dark is a red flash, too.

WCAG excuses small areas. LEDs behind a diffuser, held to the face by a child, get no such excuse.

Every second is looked at, not only the whole ones, and half a flash counts: the seventh change within less
than one second of the first is one too many. Exactly 3 Hz passes, 3.01 Hz does not. Each LED is looked at
alone, and so is the mean light of all of them, since three LEDs that take turns light a room three times as
often as one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pommai.lights.colours import Rgb
from pommai.lights.gamma import LUMINANCE, linear
from pommai.lights.patterns import Pattern

COUNTS: Final = (1, 3)
"""The numbers of LEDs a toy has: one RGB LED, or the three of a ReSpeaker HAT."""

MOST_FLASHES: Final = 3
"""Flashes allowed in any one second."""

CHANGE: Final = 0.10
"""Change of relative luminance that WCAG counts."""

SHARE_OF_PEAK: Final = 1 / 3
"""Change that counts when the light's own peak is low."""

RED_SHARE: Final = 0.8
"""From this R / (R + G + B) on, a red is saturated."""

RED_DISTANCE: Final = 0.2
"""Distance on the u'v' diagram that makes a change of colour away from red count."""

SAMPLE_S: Final = 0.01
"""Distance of the samples: half a frame of the LEDs, which is the shortest thing a pattern may hold."""

_D65: Final = (0.1978, 0.4683)
_TOO_MANY: Final = 2 * MOST_FLASHES + 1
_DARK: Final = 0.5 / 255
"""Light of which an 8-bit LED shows nothing."""


@dataclass(frozen=True, slots=True)
class Flashing:
    """The worst second of a pattern.

    `rate` is the flashes in it, halves included; `start` where it goes too fast, 0..1 of the period; `slower`
    by what factor the pattern must be slowed down to be safe, above 1. In words, `kind` says what it does,
    and `whose` which light does it (empty: each LED).
    """

    rate: float
    start: float
    slower: float
    kind: str
    whose: str


def find_flashing(pattern: Pattern) -> Flashing | None:
    """The worst second of a pattern that flashes too fast on one LED or on three; None when it is safe."""
    if pattern.is_still:
        return None
    # A multiple of 12, so that halves, thirds and quarters of a period fall on a sample.
    size = 12 * max(4, math.ceil(pattern.period / SAMPLE_S / 12))
    one = [_linear(pattern.light(index / size)) for index in range(size)]
    found = _worst(one, pattern.period, "")
    for count in COUNTS[1:]:
        lags = [round(index * pattern.lag(count) * size) for index in range(count)]
        if any(lags):
            together = [_mean([one[(index - lag) % size] for lag in lags]) for index in range(size)]
            found += _worst(together, pattern.period, f", the light of {count} LEDs taken together")
    return max(found, key=lambda flashing: flashing.slower, default=None)


def _worst(lights: list[Rgb], period: float, whose: str) -> list[Flashing]:
    """What flashes too fast in one period of light that repeats for ever."""
    size = len(lights)
    sample = period / size
    # One period to forget how it began, then all seconds that begin within one period.
    repeats = 2 + math.ceil(1.0 / period)
    brightness = [sum(share * part for share, part in zip(LUMINANCE, light, strict=True)) for light in lights]
    found = []
    for changes, kind in (
        (_changes_of_brightness(brightness * repeats), "flashes"),
        (_changes_of_red(lights * repeats), "flashes saturated red"),
    ):
        times = [index * sample for index in changes if index >= size]
        spans = [(last - first, first) for first, last in zip(times, times[_TOO_MANY - 1 :], strict=False)]
        shortest = min((span for span, _ in spans), default=1.0)
        if shortest < 1.0 - 1e-9:
            # Sampling makes equal spans differ by a sample or two: name the first of them.
            start = next(first for span, first in spans if span < shortest + 2 * sample)
            most = max(bisect_left(times, time + 1.0 - 1e-9) - index for index, time in enumerate(times))
            found.append(Flashing(most / 2, start % period / period, 1.0 / shortest, kind, whose))
    return found


def _changes_of_brightness(values: Sequence[float]) -> list[int]:
    """Where each change that counts is complete; every one is opposed to the one before it."""
    peak = max(values)
    enough = min(CHANGE, peak * SHARE_OF_PEAK) * (1 - 1e-9)
    if peak < min(LUMINANCE) * _DARK:
        return []
    changes = []
    low = high = values[0]
    rising: bool | None = None
    for index, value in enumerate(values):
        if rising is not True and value - low >= enough:
            rising, high = True, value
            changes.append(index)
        elif rising is not False and high - value >= enough:
            rising, low = False, value
            changes.append(index)
        low, high = min(low, value), max(high, value)
    return changes


def _changes_of_red(lights: Sequence[Rgb]) -> list[int]:
    """Where the light has become saturated red, and where it has left it."""
    changes = []
    red: tuple[float, float] | None = None
    other: tuple[float, float] | None = None
    previous: Rgb | None = None
    for index, light in enumerate(lights):
        if light == previous:
            continue
        previous = light
        total = sum(light)
        place = _chromaticity(light) if total >= _DARK else _D65
        if total >= _DARK and light[0] / total >= RED_SHARE:
            if other is not None and math.dist(place, other) > RED_DISTANCE:
                changes.append(index)
                other = None
            red = place
        elif red is not None and math.dist(place, red) > RED_DISTANCE:
            changes.append(index)
            red, other = None, place
        elif red is None:
            other = place
    return changes


def _chromaticity(light: Rgb) -> tuple[float, float]:
    """u' and v' (CIE 1976 UCS) of linear light with sRGB's primaries."""
    red, green, blue = light
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    whole = x + 15 * y + 3 * z
    return 4 * x / whole, 9 * y / whole


def _linear(seen: Rgb) -> Rgb:
    return linear(seen[0]), linear(seen[1]), linear(seen[2])


def _mean(lights: list[Rgb]) -> Rgb:
    red, green, blue = (sum(parts) / len(lights) for parts in zip(*lights, strict=True))
    return red, green, blue
