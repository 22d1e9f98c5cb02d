"""What a viewer of the demo sees: the story line by line, and below it, in a terminal, the toy alive."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping
from typing import Final, TextIO

from pommai.demo.scene import Happening, Scene
from pommai.io.lights_terminal import dot, has_colours
from pommai.lights.patterns import LightPatterns
from pommai.lights.render import render

LEDS: Final = 3
_WHO_COLUMNS: Final = 14
_BOLD, _FAINT, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_CLEAR: Final = "\r\x1b[K"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"


class Screen:
    """Writes to `stream`. Without colours (no terminal, NO_COLOR) there are plain lines alone.

    `began` is the monotonic time the story's clock starts from.
    """

    def __init__(
        self, stream: TextIO, patterns: LightPatterns, began: float, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._stream = stream
        self._patterns = patterns
        self._began = began
        self._alive = has_colours(stream, environment)
        self._live = ""

    @property
    def width(self) -> int:
        """Columns that text should keep to."""
        return min(100, shutil.get_terminal_size((100, 24)).columns)

    def note(self, words: str) -> None:
        """Words from the script, as a heading."""
        text = textwrap.fill(words, self.width)
        self._print(f"{_CLEAR}\n{_BOLD}{text}{_PLAIN}" if self._alive else f"\n{text}")

    def tell(self, what: Happening) -> None:
        """A line of the story."""
        time = f"{what.at - self._began:6.2f}"
        who = what.who.upper() if what.pattern is not None else what.who
        if not self._alive:
            self._print(f"{time}    {who:{_WHO_COLUMNS}} {what.words}")
            return
        mark = self._strip(what.pattern) if what.pattern else "   " if what.pattern is None else f" {_FAINT}·{_PLAIN} "
        style = _FAINT if what.pattern is None else _BOLD
        before = len(time) + 2 + LEDS + 1 + _WHO_COLUMNS + 1
        words = f"\n{before * ' '}".join(textwrap.wrap(what.words, max(20, self.width - before)))
        self._print(f"{_FAINT}{time}{_PLAIN}  {mark} {style}{who:{_WHO_COLUMNS}}{_PLAIN} {words}")

    def draw(self, scene: Scene, now: float) -> None:
        """The live line. Does nothing without a terminal."""
        if not self._alive or scene.pattern is None:
            return
        leds = render(self._patterns[scene.pattern], max(0.0, now - scene.pattern_since), LEDS)
        state, *others = scene.innermost
        button = "▼ down" if scene.button_down else "△ up"
        words = [f"{_BOLD}{state.upper():{_WHO_COLUMNS}}{_PLAIN}", *others, f"button {button}", scene.pattern]
        line = f"{now - self._began:6.2f}  {' '.join(dot(led) for led in leds)}  {'  ·  '.join(words)}"
        if line != self._live:
            self._live = line
            # Cut at the edge instead of wrapping, or the next drawing could not take the line back.
            self._write(f"{_HIDE}{_NO_WRAP}{_CLEAR}{line}{_WRAP}")

    def close(self) -> None:
        """Take the live line away. Harmless when called again."""
        if self._live:
            self._live = ""
            self._write(_CLEAR + _SHOW)

    def _strip(self, name: str) -> str:
        """A pattern in three dots: one LED at the beginning, after a third and after two thirds of its period."""
        pattern = self._patterns[name]
        return "".join(dot(render(pattern, pattern.period * third / 3, 1)[0]) for third in range(3))

    def _print(self, line: str) -> None:
        self._write(f"{_CLEAR}{line}\n{self._live and _NO_WRAP + self._live + _WRAP}" if self._alive else f"{line}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
