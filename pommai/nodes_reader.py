"""YAML text to nodes that know their line and column.

It parses with PyYAML, and builds from the parser's events instead of letting PyYAML compose a tree: so the
limits hold while reading (the composer recurses without a limit of its own), and a problem with an alias
points at the alias. Duplicate keys, tabs, tags, merge keys, circular aliases and files that grow without
end are problems with a position, never exceptions from a library. What a scalar means is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

import yaml

from pommai.errors import Problem, SourceError
from pommai.hints import quote
from pommai.nodes import LINE_BREAK, MAX_DEPTH, MAX_NODES, Mapping, Node, Scalar, Sequence, position

_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters a YAML file may not hold, and the byte order mark anywhere but at the start."""


def parse(text: str, file: str) -> Node:
    """The one document of `text`; `file` is the name shown in problems. Raises SourceError with all it found."""
    return _Builder(text.removeprefix("\ufeff"), file).build()


class _Builder:
    """Makes nodes of a text. Notes problems and reads on while that makes sense."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._problems: list[Problem] = []
        self._events: Iterator[yaml.Event] = iter(())
        self._count = 0
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}
        """Name to the node, its values in all and its height; None while the node is still being read."""

    def build(self) -> Node:
        self._check_characters()
        root: Node | None = None
        self._events = yaml.parse(self._text, Loader=_Loader)
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if root is not None:
                        self._stop(_place(event), "a second document begins here", "a file holds one: delete this line")
                    root, _ = self._node(next(self._events), 0)
        except yaml.MarkedYAMLError as caught:
            self._stop_at_syntax(caught)
        if root is None:
            self._stop(Node(1, 1), "is empty")
        if self._problems:
            raise SourceError(self._problems)
        return root

    # -- what YAML would not say well ------------------------------------------------------

    def _check_characters(self) -> None:
        strange = _NOT_ALLOWED.search(self._text)
        if strange is not None:
            message = f"the character U+{ord(strange[0]):04X} may not stand in a file like this"
            self._stop(Node(*position(self._text, strange.start())), message, "it may be invisible: delete it")
        for number, line in enumerate(LINE_BREAK.split(self._text), 1):
            # A no-break space copied from a web page looks like an indent and is, to YAML, part of the key.
            for column, character in enumerate(_indent(line), 1):
                if character not in " \t":
                    message = f"the line is indented with U+{ord(character):04X}, which only looks like a space"
                    self._stop(Node(number, column), message, "replace it with a plain space")

    def _stop_at_syntax(self, caught: yaml.MarkedYAMLError) -> NoReturn:
        mark = caught.problem_mark or caught.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        lines = LINE_BREAK.split(self._text)
        written = lines[line - 1] if line <= len(lines) else ""
        tab = _indent(written).find("\t")
        if tab < 0 and written[column - 1 : column] == "\t":
            tab = column - 1
        if tab >= 0:
            self._stop(Node(line, tab + 1), "a tab stands here", "YAML is indented with spaces only")
        from pommai.nodes_syntax import explain  # late: most files are YAML

        told = explain(caught, lines)
        self._stop(Node(told.line, told.column), told.message, told.hint)

    # -- events to nodes -------------------------------------------------------------------

    def _node(self, event: yaml.Event, depth: int) -> tuple[Node, int]:
        """The node that begins with `event`, and its height: 1 for a scalar, one more for each level inside."""
        here = _place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, here, depth)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        self._grow(here, 1)
        self._check_depth(here, depth + 1)
        if event.tag is not None:
            self._problem(here, "tags (words with !) are not read", "leave the tag out")
        if event.anchor is not None:
            if event.anchor in self._anchors:
                self._problem(here, f"the anchor '&{event.anchor}' is here twice", "give each its own name")
            self._anchors[event.anchor] = None
        before = self._count - 1
        node, height = self._content(event, here, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before, height)
        return node, height

    def _content(self, event: yaml.Event, here: Node, depth: int) -> tuple[Node, int]:
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(here.line, here.column, event.value, plain=not event.style), 1
        height = 0
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                item, tall = self._node(inner, depth + 1)
                items.append(item)
                height = max(height, tall)
            return Sequence(here.line, here.column, tuple(items)), height + 1
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key, key_height = self._node(inner, depth + 1)
            value, value_height = self._node(next(self._events), depth + 1)
            height = max(height, key_height, value_height)
            self._enter(entries, key, value)
        return Mapping(here.line, here.column, entries), height + 1

    def _enter(self, entries: dict[str, tuple[Scalar, Node]], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._problem(key, "a key must be a word, not a list or a mapping")
        elif key.plain and key.text == "<<":
            self._problem(key, "merge keys (<<) are not read", "write the keys out")
        elif key.text in entries:
            first = entries[key.text][0].line
            self._problem(key, f"the key {quote(key.text)} is here twice", f"the first is in line {first}")
        else:
            entries[key.text] = (key, value)

    def _alias(self, name: str | None, here: Node, depth: int) -> tuple[Node, int]:
        if name is None or name not in self._anchors:
            self._problem(here, f"the alias '*{name}' names no anchor", f"it needs an anchor &{name} above it")
            return Scalar(here.line, here.column, ""), 1
        known = self._anchors[name]
        if known is None:
            self._problem(here, f"the alias '*{name}' stands inside what it names and would never end")
            return Scalar(here.line, here.column, ""), 1
        node, size, height = known
        self._grow(here, size)
        self._check_depth(here, depth + height)
        return node, height

    def _grow(self, here: Node, size: int) -> None:
        self._count += size
        if self._count > MAX_NODES:
            self._stop(here, f"holds more than {MAX_NODES:,} values", "are aliases nested in aliases?")

    def _check_depth(self, here: Node, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._stop(here, f"is nested deeper than {MAX_DEPTH} levels")

    def _problem(self, here: Node, message: str, hint: str = "") -> None:
        self._problems.append(Problem(self._file, here.line, here.column, message, hint))

    def _stop(self, here: Node, message: str, hint: str = "") -> NoReturn:
        self._problem(here, message, hint)
        raise SourceError(self._problems)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _place(event: yaml.Event) -> Node:
    mark = event.start_mark
    return Node(mark.line + 1, mark.column + 1) if mark else Node(1, 1)
