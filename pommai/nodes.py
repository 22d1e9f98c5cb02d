"""YAML text as nodes that know their line and column.

What a scalar means is not decided here. `pommai.nodes_reader` does the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

MAX_NODES = 50_000
"""Most values in one file, aliases counted each time they are used."""
MAX_DEPTH = 60
"""Deepest nesting."""

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML takes for the end of a line: its positions count these."""


class Node(Struct, frozen=True):
    """A value in the file. `line` and `column` count from 1."""

    line: int
    column: int


class Scalar(Node, frozen=True):
    """A single value, as text. `plain` is false when it stood in quotes or in a block."""

    text: str
    plain: bool = True

    @property
    def is_empty(self) -> bool:
        """Nothing was written: `key:` with no value, or the word `null` or `~`."""
        return self.plain and self.text in ("", "~", "null")


class Sequence(Node, frozen=True):
    """A list."""

    items: tuple[Node, ...]


class Mapping(Node, frozen=True):
    """Keys and values in the order written. Keys are unique."""

    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None when the key is not there."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]

    def key(self, key: str) -> Scalar:
        """The key itself, for its position. Raises KeyError when it is not there."""
        return self.entries[key][0]


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at `index`."""
    lines = LINE_BREAK.split(text[:index])
    return len(lines), len(lines[-1]) + 1
