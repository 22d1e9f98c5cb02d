"""Pattern, time, number of LEDs -> colours."""

from __future__ import annotations

import math
from typing import Final

from pommai.lights.colours import Colour, Rgb
from pommai.lights.gamma import to_led
from pommai.lights.patterns import Pattern

FRAME_S: Final = 0.02
"""Seconds between two pushes to the LEDs: 50 Hz."""

Colours = tuple[Colour, ...]


def render(pattern: Pattern, seconds: float, count: int) -> Colours:
    """One colour per LED, 8 bits after gamma, `seconds` (>= 0) after the pattern began."""
    if pattern.is_still:
        return (_led(pattern.light(0.0)),) * count
    at = seconds / pattern.period
    lag = pattern.lag(count)
    # The second remainder is for tiny negative numbers, whose first remainder rounds up to 1.0 itself.
    return tuple(_led(pattern.light((at - index * lag) % 1.0 % 1.0)) for index in range(count))


class Animation:
    """A pattern on `count` LEDs, cut into frames of about 20 ms (a whole number of them per period).

    A frame is rendered when it is first needed and kept: from the second period on, a push is one look
    into a list. `len()` is the number of frames in a period.
    """

    LOOK_AHEAD = 25
    """Most frames looked at to find the next change: bounds what one call costs."""

    def __init__(self, pattern: Pattern, count: int, frame_s: float = FRAME_S) -> None:
        """`frame_s`: seconds of a frame, about; longer ones for whoever has nobody to please but saves work."""
        self.pattern = pattern
        self.count = count
        size = max(1, round(pattern.period / frame_s))
        self._frames: list[Colours | None] = [None] * size
        self._frame_s = pattern.period / size

    def __len__(self) -> int:
        return len(self._frames)

    def colours(self, seconds: float) -> Colours:
        """The colours `seconds` (>= 0) after the pattern began."""
        return self._frame(int(seconds / self._frame_s) if self._frame_s else 0)

    def unchanged_for(self, seconds: float) -> float:
        """For how many seconds the colours surely stay what they are at `seconds`; infinite when they stand still.

        Above 0; at most half a second for a moving pattern, even if its light should rest for longer.
        """
        if not self._frame_s:
            return math.inf
        place = seconds / self._frame_s
        number = int(place)
        now = self._frame(number)
        ahead = 1
        while ahead < self.LOOK_AHEAD and self._frame(number + ahead) == now:
            ahead += 1
        return (number + ahead - place) * self._frame_s

    def _frame(self, number: int) -> Colours:
        index = number % len(self._frames)
        frame = self._frames[index]
        if frame is None:
            frame = self._frames[index] = render(self.pattern, index * self._frame_s, self.count)
        return frame


def _led(seen: Rgb) -> Colour:
    return to_led(seen[0]), to_led(seen[1]), to_led(seen[2])
