"""`led_patterns.yaml` -> LightPatterns, or LightsError with every problem the file has."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping as MappingType
from pathlib import Path
from typing import Any

from pommai.errors import LightsError
from pommai.lights.colours import CSS_COLOURS, Rgb, parse_hex
from pommai.lights.flashes import MOST_FLASHES, Flashing, find_flashing
from pommai.lights.gamma import DIMMEST
from pommai.lights.keys import (
    DOCUMENT,
    KEYFRAME,
    KINDS,
    LONGEST_PERIOD_S,
    NAME,
    PERCENT,
    SHORTEST_PERIOD_S,
    SHORTEST_STEP_S,
    Key,
)
from pommai.lights.patterns import (
    RAINBOW,
    Breathe,
    Chase,
    Flash,
    Keyframe,
    Keyframes,
    LightPatterns,
    Pattern,
    Pulse,
    Steady,
    Swirl,
)
from pommai.source import Mapping, Node, Reader, Scalar, did_you_mean, parse_duration

_BLACK: Rgb = (0.0, 0.0, 0.0)


def load_patterns(path: Path) -> LightPatterns:
    """The patterns of a file. Raises LightsError with every problem found."""
    return _Loader(Reader.of_file(path, LightsError)).load()


def parse_patterns(text: str, file: str = "led_patterns.yaml") -> LightPatterns:
    """The patterns of a text; `file` is the name shown in problems. Raises LightsError."""
    return _Loader(Reader(text, file, LightsError)).load()


class _Loader:
    """Reads one document.

    After a problem, a reading method returns something harmless so that the rest is read, too; what comes of
    it is never looked at, since the pattern is dropped and `finish` raises.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.colours: dict[str, Rgb] = dict(CSS_COLOURS)

    def load(self) -> LightPatterns:
        reader = self.reader
        root = reader.mapping(reader.root, "the file", allowed=DOCUMENT, required=("patterns",))
        patterns: dict[str, Pattern] = {}
        if root is not None:
            self._read_palette(root.get("colours"))
            written = root.get("patterns")
            entries = None if written is None else reader.mapping(written, "patterns")
            if written is not None and entries is not None and not len(entries):
                reader.problem(written, "patterns is empty", "write at least one pattern")
            for key, value in entries or ():
                self._check_name(key, "a pattern")
                pattern = self._pattern(key, value)
                if pattern is not None:
                    patterns[key.text] = pattern
        reader.finish()
        return LightPatterns(patterns)

    # -- the document ----------------------------------------------------------------------

    def _read_palette(self, node: Node | None) -> None:
        entries = None if node is None else self.reader.mapping(node, "colours")
        for key, value in entries or ():
            self._check_name(key, "a colour")
            self.colours[key.text] = self._colour(value, f"the colour '{key.text}'", CSS_COLOURS)

    def _check_name(self, key: Scalar, what: str) -> None:
        if re.fullmatch(NAME, key.text) is None:
            hint = "use small letters, digits and _, a letter first"
            self.reader.problem(key, f"{what} cannot be named '{key.text}'", hint)

    def _pattern(self, name: Scalar, node: Node) -> Pattern | None:
        reader = self.reader
        before = len(reader.problems)
        what = f"the pattern '{name.text}'"
        entries = reader.mapping(node, what, required=("kind", "description"))
        if entries is None:
            return None
        kind_node = entries.get("kind")
        kind = None if kind_node is None else reader.choice(kind_node, f"the kind of '{name.text}'", KINDS)
        description = entries.get("description")
        words = None if description is None else reader.text(description, f"the description of '{name.text}'")
        if kind is None:
            return None
        keys = KINDS[kind].keys
        required = [key for key, entry in keys.items() if entry.required]
        reader.mapping(node, f"{what}, of kind {kind},", allowed=("kind", "description", *keys), required=required)
        values = self._values(entries, keys, what)
        if len(reader.problems) > before:
            return None
        common = {"name": name.text, "description": (words or "").strip(), **values}
        pattern = _make(kind, common)
        self._check_levels(entries, pattern, what)
        self._check_steps(entries, pattern, what)
        if len(reader.problems) == before:
            self._check_flashing(entries, pattern, what)
        return pattern

    def _values(self, entries: Mapping, keys: MappingType[str, Key], what: str) -> dict[str, Any]:
        """The value of every key, its default where none is written."""
        return {key: self._value(key, entry, entries.get(key), f"{key} of {what}") for key, entry in keys.items()}

    def _value(self, key: str, entry: Key, node: Node | None, what: str) -> Any:
        if key == "colour":
            return _BLACK if node is None else self._colour(node, what, self.colours)
        if key == "colours":
            return RAINBOW if node is None else self._colours(node, what)
        if key == "frames":
            return () if node is None else self._frames(node, what)
        if key == "period":
            # Required: its absence has been noted.
            return 1.0 if node is None else self._seconds(node, what, SHORTEST_PERIOD_S)
        if key in ("fade", "hold"):
            return parse_duration(entry.default) if node is None else self._seconds(node, what, 0.0)
        text = entry.default if node is None else self.reader.text(node, what)
        if key == "phase" and text == "even":
            return None
        if text is not None and re.fullmatch(PERCENT, text) is not None:
            return float(text[:-1]) / 100
        if node is not None and text is not None:
            self.reader.problem(node, *_not_a_percentage(key, what, text))
        return 0.0

    # -- values ----------------------------------------------------------------------------

    def _seconds(self, node: Node, what: str, minimum: float) -> float:
        return self.reader.duration(node, what, minimum, LONGEST_PERIOD_S) or 0.0

    def _colour(self, node: Node, what: str, names: MappingType[str, Rgb]) -> Rgb:
        reader = self.reader
        if isinstance(node, Scalar) and node.is_empty:
            reader.problem(node, f"{what} is empty", "put hex colours into quotes: without, # begins a comment")
            return _BLACK
        text = reader.text(node, what)
        if text is None:
            return _BLACK
        colour = names.get(text) or parse_hex(text)
        if colour is None:
            if text.startswith("#"):
                hint = "write three or six hex digits: '#f80' or '#ff8800'"
            elif parse_hex(f"#{text}") is not None:
                hint = f"write '#{text}', in quotes"
            else:
                hint = did_you_mean(text, names) if len(text) < 30 else ""
                if hint.startswith("known"):
                    hint = "a CSS colour name, a name from this file's colours, or hex in quotes: '#ff8800'"
            reader.problem(node, f"{what} cannot be '{text}'", hint)
            return _BLACK
        return colour

    def _colours(self, node: Node, what: str) -> tuple[Rgb, ...]:
        items = self._list(node, what, 2, 12)
        return tuple(self._colour(item, f"a colour in {what}", self.colours) for item in items)

    def _frames(self, node: Node, what: str) -> tuple[Keyframe, ...]:
        frames = []
        for number, item in enumerate(self._list(node, what, 2, 100), start=1):
            whose = f"keyframe {number} in {what}"
            entries = self.reader.mapping(item, whose, allowed=KEYFRAME, required=("colour",))
            if entries is not None:
                frames.append(Keyframe(**self._values(entries, KEYFRAME, whose)))
        return tuple(frames)

    def _list(self, node: Node, what: str, least: int, most: int) -> tuple[Node, ...]:
        items = self.reader.sequence(node, what)
        if items is not None and not least <= len(items) <= most:
            self.reader.problem(node, f"{what} must have {least} to {most} items, not {len(items)}")
        return items or ()

    # -- what belongs together -------------------------------------------------------------

    def _check_levels(self, entries: Mapping, pattern: Pattern, what: str) -> None:
        level, low = getattr(pattern, "level", None), getattr(pattern, "low", None)
        if level is not None and low is not None and low >= level:
            message = f"low of {what} is {low:.0%}, not below its level of {level:.0%}"
            self.reader.problem(_at(entries, "low", "level", "kind"), message, "the light would not move")
        colours = _colours_of(pattern)
        lit = [colour for colour in colours if any(colour)]
        if lit and not any(part > DIMMEST for colour in lit for part in colour):
            message = f"{what} is too dim to be seen: it is below {DIMMEST:.0%}, where an LED stays dark"
            node = _at(entries, "level", "frames", "kind")
            self.reader.problem(node, message, "raise the level, or write colour: black if darkness is meant")

    def _check_steps(self, entries: Mapping, pattern: Pattern, what: str) -> None:
        """Nothing may be shorter than a frame: it might never be shown, or only now and then."""
        short = f"shorter than one frame of the LEDs ({SHORTEST_STEP_S * 1000:g} ms)"
        if isinstance(pattern, Flash):
            for share, state in ((pattern.duty, "on"), (1 - pattern.duty, "off")):
                if share * pattern.period < SHORTEST_STEP_S - 1e-9:
                    lasts = f"{share * pattern.period * 1000:.3g} ms"
                    message = f"{what} is {state} for {lasts} only, {short}"
                    self.reader.problem(_at(entries, "duty", "period"), message, "change the duty or the period")
        if isinstance(pattern, Chase) and pattern.tail / 4 * pattern.period < SHORTEST_STEP_S - 1e-9:
            message = f"{what} flares up within a quarter of its tail, {short}"
            self.reader.problem(_at(entries, "tail", "period"), message, "make the tail or the period longer")
        if isinstance(pattern, Keyframes):
            nodes = _items(entries.get("frames"))
            for number, (node, frame) in enumerate(zip(nodes, pattern.frames, strict=True), start=1):
                if frame.fade + frame.hold < SHORTEST_STEP_S - 1e-9:
                    lasts = f"{(frame.fade + frame.hold) * 1000:.3g} ms"
                    message = f"keyframe {number} of {what} takes {lasts}, {short}"
                    self.reader.problem(node, message, "give it a hold, a fade or both")
            if not SHORTEST_PERIOD_S <= pattern.period <= LONGEST_PERIOD_S:
                message = f"the keyframes of {what} take {pattern.period:g} s in all"
                hint = f"{SHORTEST_PERIOD_S:g} s to {LONGEST_PERIOD_S:g} s are allowed"
                self.reader.problem(entries.key("frames"), message, hint)

    def _check_flashing(self, entries: Mapping, pattern: Pattern, what: str) -> None:
        flashing = find_flashing(pattern)
        if flashing is None:
            return
        node = _at(entries, "period")
        if isinstance(pattern, Keyframes):
            node = _items(entries.get("frames"))[pattern.index(flashing.start)]
        rate = f"{flashing.rate:.1f}".removesuffix(".0")
        message = (
            f"{what} {flashing.kind} {rate} times in one second{flashing.whose}; "
            f"more than {MOST_FLASHES} can cause seizures (WCAG 2.3.1)"
        )
        self.reader.problem(node, message, _remedy(pattern, flashing))


def _make(kind: str, values: dict[str, Any]) -> Pattern:
    if kind == "keyframes":
        period = sum(frame.fade + frame.hold for frame in values["frames"])
        return Keyframes(**values, period=period)
    makers: dict[str, type[Pattern]] = {
        "steady": Steady,
        "breathe": Breathe,
        "pulse": Pulse,
        "flash": Flash,
        "swirl": Swirl,
        "chase": Chase,
    }
    return makers[kind](**values)


def _remedy(pattern: Pattern, flashing: Flashing) -> str:
    if isinstance(pattern, Keyframes):
        return f"from here on it goes too fast: let it take {math.ceil(flashing.slower * 10) / 10:g} times as long"
    least = math.ceil(pattern.period * flashing.slower * 1000 - 1e-6)
    period = f"{least / 1000:g}s" if least >= 1000 else f"{least}ms"
    return f"a period of {period} or more is safe, and so is a smaller change of brightness"


def _not_a_percentage(key: str, what: str, text: str) -> tuple[str, str]:
    example = "33%"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if 0 < number < 1:
        example = f"{number * 100:g}%"
    elif number == 0 or 1 <= number <= 100:
        example = f"{number:g}%"
    hint = f"write {example}, or even" if key == "phase" else f"write {example}"
    if text.endswith("%"):
        hint = "0% to 100%"
    return f"{what} must be a percentage, not '{text}'", hint


def _colours_of(pattern: Pattern) -> list[Rgb]:
    """Colours at their brightest, as a person sees them; enough of them to tell whether anything is seen."""
    if isinstance(pattern, Keyframes):
        return [frame.seen for frame in pattern.frames]
    return [pattern.light(index / 48) for index in range(48)]


def _at(entries: Mapping, *keys: str) -> Node:
    """The value of the first of these keys that is written."""
    for key in keys:
        node = entries.get(key)
        if node is not None:
            return node
    return entries


def _items(node: Node | None) -> tuple[Node, ...]:
    return getattr(node, "items", ())
