"""YAML as people write it: every value keeps the line and column it stands at.

The files that designers edit (`statechart.yaml`, `led_patterns.yaml`, `personas.yaml`, ...) are read
through this module. It parses with PyYAML, keeps positions, and leaves the meaning of a scalar to the
reader who knows what is expected there: so `on:` is the word *on* and never *true*, and `1e3` is no
surprise (`pommai.nodes` reads the text).

A loader makes a `Reader`, asks it for what it expects, and collects every problem of the file in one go:

    reader = Reader.of_file(Path("led_patterns.yaml"), LightsError)
    root = reader.mapping(reader.root, "the file", allowed=DOCUMENT_KEYS, required={"patterns"})
    ...
    reader.finish()          # raises LightsError with every problem found

Where a format has a table of keys (Key), a loader reads by it and `object_schema` makes a schema of it for editors: so
the two are of one opinion.
"""

from __future__ import annotations

import codecs
import hashlib
import math
import re
from collections.abc import Callable, Collection
from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pommai.errors import Problem, SourceError
from pommai.hints import closest, did_you_mean, meant_duration, parse_duration, quote
from pommai.nodes import MAX_DEPTH, MAX_NODES, Mapping, Node, Scalar, Sequence, position
from pommai.nodes_reader import parse

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Fragment",
    "Key",
    "Mapping",
    "Node",
    "Reader",
    "Scalar",
    "Sequence",
    "closest",
    "did_you_mean",
    "meant_keys",
    "object_schema",
    "parse_duration",
    "quote",
]

MAX_BYTES = 1_000_000
"""Largest file that is read at all."""

_HALVES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def _as_yaml(text: str) -> str:
    """JSON as YAML: the same, but for a character beyond U+FFFF that is written as the two halves UTF-16 has for it."""

    def whole(match: re.Match[str]) -> str:
        high, low = int(match[2], 16), int(match[3], 16)
        return f"{match[1]}\\U{0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00:08x}"

    return _HALVES.sub(whole, text)


class Reader:
    """Reads one file and collects what is wrong with it.

    Every method that expects something takes a node and `what` (words for the message) and returns the
    value, or None after it has noted a problem, so that one run reports all problems of a file.
    """

    def __init__(self, text: str, file: str, error: type[SourceError]) -> None:
        """Parse `text`; `file` is the name shown in problems. Raises `error` when it is no YAML at all."""
        self.file = file
        self.sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        self.problems: list[Problem] = []
        self._error = error
        try:
            self.root: Node = parse(text, file)
        except SourceError as caught:
            raise error(caught.problems) from caught.__cause__

    @classmethod
    def of_file(cls, path: Path, error: type[SourceError]) -> Reader:
        """Read `path`. Raises `error` when it cannot be read, is too large or is no UTF-8."""
        name = str(path)

        def refuse(message: str, hint: str = "") -> SourceError:
            return error([Problem(name, 1, 1, message, hint)])

        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as caught:
            raise refuse(f"cannot be read: {caught.strerror or caught}") from caught
        if len(data) > MAX_BYTES:
            raise refuse(f"is longer than {MAX_BYTES:,} bytes, and such files are not read")
        data = data.removeprefix(codecs.BOM_UTF8)
        try:
            text = data.decode()
        except UnicodeDecodeError as caught:
            before = data[: caught.start].decode()
            line, column = position(before, len(before))
            raise error([Problem(name, line, column, "is not UTF-8 text here", "save the file as UTF-8")]) from caught
        return cls(_as_yaml(text) if path.suffix == ".json" else text, name, error)

    # -- noting problems -------------------------------------------------------------------

    def problem(self, at: Node, message: str, hint: str = "") -> None:
        """Note that something is wrong at a node."""
        self.problems.append(Problem(self.file, at.line, at.column, message, hint))

    def finish(self) -> None:
        """Raise the loader's error when any problem was noted."""
        if self.problems:
            raise self._error(self.problems)

    # -- what a loader may expect ----------------------------------------------------------

    def mapping(
        self,
        node: Node,
        what: str,
        *,
        allowed: Collection[str] | None = None,
        required: Collection[str] = (),
    ) -> Mapping | None:
        """A mapping, whose keys are among `allowed` (None: any) and include `required`.

        A key that is missing is not told beside one that is probably it, misspelt.
        """
        if isinstance(node, Scalar) and node.is_empty and not required:
            return Mapping(node.line, node.column)
        if not isinstance(node, Mapping):
            self.problem(node, f"{what} must be a mapping of keys to values, not {_kind(node)}")
            return None
        if allowed is not None:
            for key, _ in node:
                if key.text not in allowed:
                    self.problem(key, f"{what} has no key {quote(key.text)}", did_you_mean(key.text, allowed))
        meant = meant_keys(node, allowed) if allowed is not None and required else ()
        for name in required:
            if name not in node and name not in meant:
                self.problem(node, f"{what} needs the key '{name}'")
        return node

    def sequence(self, node: Node, what: str) -> tuple[Node, ...] | None:
        """A list."""
        if not isinstance(node, Sequence):
            self.problem(node, f"{what} must be a list, not {_kind(node)}")
            return None
        return node.items

    def one_or_many(self, node: Node) -> tuple[Node, ...]:
        """A list's items, or the single value as a list of one; nothing written is no item."""
        if isinstance(node, Sequence):
            return node.items
        if isinstance(node, Scalar) and node.is_empty:
            return ()
        return (node,)

    def text(self, node: Node, what: str) -> str | None:
        """Text that is not empty."""
        if not isinstance(node, Scalar):
            self.problem(node, f"{what} must be text, not {_kind(node)}")
            return None
        if node.is_empty or not node.text.strip():
            self.problem(node, f"{what} is empty")
            return None
        return node.text

    def choice(self, node: Node, what: str, choices: Collection[str]) -> str | None:
        """One of the given words."""
        text = self.text(node, what)
        if text is None or text in choices:
            return text
        self.problem(node, f"{what} cannot be {quote(text)}", did_you_mean(text, choices))
        return None

    def boolean(self, node: Node, what: str) -> bool | None:
        """`true` or `false`."""
        if isinstance(node, Scalar) and node.plain and node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        self.problem(node, f"{what} must be true or false, not {_kind(node)}")
        return None

    def number(self, node: Node, what: str, minimum: float = -math.inf, maximum: float = math.inf) -> float | None:
        """A finite number in minimum..maximum."""
        value = math.nan
        if isinstance(node, Scalar) and node.plain and _NUMBER.fullmatch(node.text):
            value = float(node.text)
        if not math.isfinite(value):
            self.problem(node, f"{what} must be a number, not {_kind(node)}")
            return None
        if not minimum <= value <= maximum:
            self.problem(node, f"{what} must be {_range(minimum, maximum)}, not {_kind(node)}")
            return None
        return value

    def integer(self, node: Node, what: str, minimum: float = -math.inf, maximum: float = math.inf) -> int | None:
        """A whole number in minimum..maximum."""
        value = self.number(node, what, minimum, maximum)
        if value is not None and value != int(value):
            self.problem(node, f"{what} must be a whole number, not {_kind(node)}")
            return None
        return None if value is None else int(value)

    def duration(
        self, node: Node, what: str, minimum: float = 0.001, maximum: float = 86_400.0, names: Collection[str] = ()
    ) -> float | None:
        """A duration in seconds, written as `250ms`, `2s`, `1m30s`; `names` could have been written, too."""
        text = self.text(node, what)
        if text is None:
            return None
        seconds = parse_duration(text)
        if seconds is None:
            meant, near = meant_duration(text), closest(text, names)
            hint = f"write {meant or '250ms, 2s or 1m30s'}" if near is None else f"did you mean '{near}'?"
            self.problem(node, f"{what} must be a duration, not {quote(text)}", hint)
            return None
        if not minimum <= seconds <= maximum:
            self.problem(node, f"{what} must be {_range(minimum, maximum)} seconds, not {quote(text)}")
            return None
        return seconds


Fragment = dict[str, Any]
"""A piece of JSON Schema (draft 2020-12)."""


@dataclass(frozen=True, slots=True)
class Key:
    """What may stand at a key: its JSON Schema, and how it is read (None after a problem was noted)."""

    schema: Fragment
    read: Callable[[Reader, Node, str], Any]
    required: bool = False


def object_schema(keys: Table[str, Key]) -> Fragment:
    """The JSON Schema of a mapping with these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, key in keys.items() if key.required],
        "properties": {name: key.schema for name, key in keys.items()},
    }


def meant_keys(mapping: Mapping, allowed: Collection[str]) -> set[str]:
    """Those of the allowed keys that were probably meant where something else is written."""
    strange = [key.text for key, _ in mapping if key.text not in allowed]
    return {near for word in strange if (near := closest(word, allowed)) is not None}


def _kind(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Scalar) and not node.is_empty:
        return quote(node.text)
    return "nothing"


def _range(minimum: float, maximum: float) -> str:
    if minimum == -math.inf:
        return f"at most {_figure(maximum)}"
    if maximum == math.inf:
        return f"at least {_figure(minimum)}"
    return f"in {_figure(minimum)}..{_figure(maximum)}"


def _figure(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
