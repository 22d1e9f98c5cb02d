"""LEDs on a desk: coloured dots in a terminal, or words where there are no colours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from pommai.errors import DeviceError
from pommai.io.ports import Colour
from pommai.lights.gamma import from_led

_HUES = ("red", "orange", "yellow", "green", "green", "cyan", "cyan", "blue", "blue", "violet", "pink", "red")
"""Words for the hue circle in steps of 30 degrees, the first around 0."""


class TerminalLights:
    """`count` LEDs as dots on one line of `stream`, drawn over in place.

    A stream that is no terminal, or an environment with NO_COLOR (https://no-color.org), gets words
    instead, a line whenever the words change.
    """

    def __init__(self, stream: TextIO, count: int = 3, environment: Mapping[str, str] = os.environ) -> None:
        self.count = count
        self._stream = stream
        self._coloured = has_colours(stream, environment)
        self._open = False
        self._words = ""

    def start(self) -> None:
        self._open = True
        self._words = ""
        self.show([(0, 0, 0)] * self.count)

    def show(self, colours: Sequence[Colour]) -> None:
        if not self._open:
            raise DeviceError("the terminal's lights are not open")
        if self._coloured:
            self._write("\r" + " ".join(dot(colour) for colour in colours) + "\x1b[K")
            return
        words = " ".join(colour_word(colour) for colour in colours)
        if words != self._words:
            self._words = words
            self._write(f"lights: {words}\n")

    def close(self) -> None:
        if not self._open:
            return
        with suppress(DeviceError):
            self.show([(0, 0, 0)] * self.count)
            if self._coloured:
                self._write("\n")
        self._open = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError) as caught:
            self._open = False
            raise DeviceError(f"the terminal has gone: {caught}") from caught


def has_colours(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to write colours to this stream."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def dot(colour: Colour) -> str:
    """One LED as a terminal shows it in 24-bit colour; an LED that is dark is a grey ring."""
    if not any(colour):
        return "\x1b[38;2;80;80;80m○\x1b[0m"
    red, green, blue = (from_led(part) for part in colour)
    return f"\x1b[38;2;{red};{green};{blue}m●\x1b[0m"


def colour_word(colour: Colour) -> str:
    """The plainest word for what an LED shows.

    >>> colour_word((0, 0, 40)), colour_word((0, 0, 0)), colour_word((255, 255, 255))
    ('blue', 'dark', 'white')
    """
    if max(colour) == 0:
        return "dark"
    red, green, blue = (from_led(part) for part in colour)
    high, low = max(red, green, blue), min(red, green, blue)
    if high - low < high * 0.25:
        return "white"
    spread = high - low
    if high == red:
        hue = (green - blue) / spread % 6
    elif high == green:
        hue = (blue - red) / spread + 2
    else:
        hue = (red - green) / spread + 4
    return _HUES[round(hue * 2) % 12]
