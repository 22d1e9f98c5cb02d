"""YAML as people write it: every value keeps the line and column it stands at.

The files that designers edit (`statechart.yaml`, `led_patterns.yaml`, `personas.yaml`, ...) are read
through this module. It parses with PyYAML, keeps positions, and leaves the meaning of a scalar to the
reader who knows what is expected there: so `on:` is the word *on* and never *true*, and `1e3` is no
surprise. Duplicate keys, tabs, merge keys, circular aliases and files that grow without end are problems
with a position, never exceptions from a library.

A loader makes a `Reader`, asks it for what it expects, and collects every problem of the file in one go:

    reader = Reader.of_file(Path("led_patterns.yaml"), LightsError)
    root = reader.mapping(reader.root, "the file", allowed=DOCUMENT_KEYS, required={"patterns"})
    ...
    reader.finish()          # raises LightsError with every problem found
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from pommai.errors import Problem, SourceError

MAX_BYTES = 1_000_000
"""Largest file that is read at all."""
MAX_NODES = 50_000
"""Most values in one file, aliases counted each time they are used."""
MAX_DEPTH = 60
"""Deepest nesting."""

_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


@dataclass(frozen=True, slots=True)
class Node:
    """A value in the file. `line` and `column` count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar(Node):
    """A single value, as text. `plain` is false when it stood in quotes or in a block."""

    text: str
    plain: bool = True

    @property
    def is_empty(self) -> bool:
        """Nothing was written: `key:` with no value, or the word `null` or `~`."""
        return self.plain and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping(Node):
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


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, or None when nothing is near."""
    names = sorted(set(candidates))
    folded = {name.lower().replace("-", "_"): name for name in names}
    same = folded.get(word.lower().replace("-", "_"))
    if same is not None:
        return same
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if found:
        return found[0]
    tail = [name for name in names if word and (name.endswith("." + word) or name.startswith(word + "_"))]
    return tail[0] if len(tail) == 1 else None


def did_you_mean(word: str, candidates: Collection[str]) -> str:
    """A hint for a name nobody knows: the probable one, else the names there are."""
    near = closest(word, candidates)
    if near is not None:
        return f"did you mean '{near}'?"
    if not candidates:
        return ""
    names = sorted(candidates)
    shown = ", ".join(names[:12])
    return f"known: {shown}, …" if len(names) > 12 else f"known: {shown}"


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as `250ms`, `2s`, `1.5s`, `1m30s`, `2h`; None when it is not one.

    >>> parse_duration("1m30s"), parse_duration("250ms"), parse_duration("fast")
    (90.0, 0.25, None)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part) if part else 0.0 for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


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
        self._count = 0
        self.root: Node = self._parse(text)

    @classmethod
    def of_file(cls, path: Path, error: type[SourceError]) -> Reader:
        """Read `path`. Raises `error` when it cannot be read, is too large or is no UTF-8."""
        name = str(path)

        def refuse(message: str, hint: str = "") -> SourceError:
            return error([Problem(name, 1, 1, message, hint)])

        try:
            data = path.read_bytes()
        except OSError as caught:
            raise refuse(f"cannot be read: {caught.strerror or caught}") from caught
        if len(data) > MAX_BYTES:
            raise refuse(f"is {len(data):,} bytes long; more than {MAX_BYTES:,} are not read")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as caught:
            line = data.count(b"\n", 0, caught.start) + 1
            column = caught.start - (data.rfind(b"\n", 0, caught.start) + 1) + 1
            raise error(
                [Problem(name, line, column, "is not UTF-8 text here", "save the file as UTF-8")]
            ) from caught
        return cls(text, name, error)

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
        """A mapping, whose keys are among `allowed` (None: any) and include `required`."""
        if isinstance(node, Scalar) and node.is_empty and not required:
            return Mapping(node.line, node.column)
        if not isinstance(node, Mapping):
            self.problem(node, f"{what} must be a mapping of keys to values, not {_kind(node)}")
            return None
        if allowed is not None:
            for key, _ in node:
                if key.text not in allowed:
                    self.problem(key, f"{what} has no key '{key.text}'", did_you_mean(key.text, allowed))
        for name in required:
            if name not in node:
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
        self.problem(node, f"{what} cannot be '{text}'", did_you_mean(text, choices))
        return None

    def boolean(self, node: Node, what: str) -> bool | None:
        """`true` or `false`."""
        if isinstance(node, Scalar) and node.plain and node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        written = f", not '{node.text}'" if isinstance(node, Scalar) else f", not {_kind(node)}"
        self.problem(node, f"{what} must be true or false{written}")
        return None

    def number(
        self, node: Node, what: str, minimum: float = -math.inf, maximum: float = math.inf
    ) -> float | None:
        """A finite number in minimum..maximum."""
        value = math.nan
        if isinstance(node, Scalar) and node.plain:
            try:
                value = float(node.text)
            except ValueError:
                value = math.nan
        if not math.isfinite(value):
            written = f"'{node.text}'" if isinstance(node, Scalar) else _kind(node)
            self.problem(node, f"{what} must be a number, not {written}")
            return None
        if not minimum <= value <= maximum:
            self.problem(node, f"{what} must be {_range(minimum, maximum)}, not {value:g}")
            return None
        return value

    def integer(
        self, node: Node, what: str, minimum: float = -math.inf, maximum: float = math.inf
    ) -> int | None:
        """A whole number in minimum..maximum."""
        value = self.number(node, what, minimum, maximum)
        if value is not None and value != int(value):
            self.problem(node, f"{what} must be a whole number, not {value:g}")
            return None
        return None if value is None else int(value)

    def duration(
        self, node: Node, what: str, minimum: float = 0.001, maximum: float = 86_400.0
    ) -> float | None:
        """A duration in seconds, written as `250ms`, `2s`, `1m30s`."""
        text = self.text(node, what)
        if text is None:
            return None
        seconds = parse_duration(text)
        if seconds is None:
            self.problem(node, f"{what} must be a duration, not '{text}'", "write 250ms, 2s or 1m30s")
            return None
        if not minimum <= seconds <= maximum:
            limits = _range(minimum, maximum)
            self.problem(node, f"{what} must be {limits} seconds, not {seconds:g}")
            return None
        return seconds

    # -- parsing ---------------------------------------------------------------------------

    def _parse(self, text: str) -> Node:
        try:
            composed = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as caught:
            raise self._error([self._syntax_problem(text, caught)]) from caught
        except yaml.reader.ReaderError as caught:
            before = text[: caught.position]
            line, column = before.count("\n") + 1, caught.position - (before.rfind("\n") + 1) + 1
            message = f"holds a character that YAML does not allow ({caught.character!r})"
            raise self._error([Problem(self.file, line, column, message)]) from caught
        except (yaml.YAMLError, RecursionError) as caught:
            raise self._error([Problem(self.file, 1, 1, f"is not YAML: {caught}")]) from caught
        if composed is None:
            raise self._error([Problem(self.file, 1, 1, "is empty")])
        root = self._convert(composed, ())
        if self.problems:
            raise self._error(self.problems)
        return root

    def _syntax_problem(self, text: str, caught: yaml.MarkedYAMLError) -> Problem:
        mark = caught.problem_mark or caught.context_mark
        line = (mark.line if mark else 0) + 1
        column = (mark.column if mark else 0) + 1
        lines = text.splitlines()
        written = lines[line - 1] if line <= len(lines) else ""
        indent = written[: len(written) - len(written.lstrip())]
        if "\t" in indent or "'\\t'" in (caught.problem or ""):
            column = written.find("\t") + 1 or column
            return Problem(self.file, line, column, "a tab stands here", "YAML is indented with spaces only")
        message = (caught.problem or "is not YAML").strip()
        hint = ""
        if "mapping values are not allowed" in message:
            hint = "put text that holds a colon into quotes, and check the indentation"
        elif "undefined alias" in message:
            hint = "an alias *name needs an anchor &name above it"
        elif caught.context:
            hint = caught.context.strip()
        return Problem(self.file, line, column, message, hint)

    def _convert(self, node: yaml.Node, above: tuple[int, ...]) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        here = Scalar(line, column, "")
        self._count += 1
        if self._count > MAX_NODES:
            message = f"holds more than {MAX_NODES:,} values"
            raise self._error([Problem(self.file, line, column, message, "are aliases nested in aliases?")])
        if id(node) in above:
            self.problem(here, "this alias stands inside what it names and would never end")
            return here
        if len(above) > MAX_DEPTH:
            raise self._error([Problem(self.file, line, column, f"is nested deeper than {MAX_DEPTH} levels")])
        if isinstance(node, yaml.ScalarNode):
            return Scalar(line, column, node.value, plain=node.style is None or node.style == "")
        inside = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            return Sequence(line, column, tuple(self._convert(item, inside) for item in node.value))
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key_node, value_node in node.value:
            key = self._convert(key_node, inside)
            value = self._convert(value_node, inside)
            if not isinstance(key, Scalar):
                self.problem(key, "a key must be a word, not a list or a mapping")
            elif key.plain and key.text == "<<":
                self.problem(key, "merge keys (<<) are not read", "write the keys out")
            elif key.text in entries:
                first = entries[key.text][0].line
                self.problem(key, f"the key '{key.text}' is here twice", f"the first is in line {first}")
            else:
                entries[key.text] = (key, value)
        return Mapping(line, column, entries)


def _kind(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Scalar) and not node.is_empty:
        return f"'{node.text}'"
    return "nothing"


def _range(minimum: float, maximum: float) -> str:
    if minimum == -math.inf:
        return f"at most {maximum:g}"
    if maximum == math.inf:
        return f"at least {minimum:g}"
    return f"in {minimum:g}..{maximum:g}"
