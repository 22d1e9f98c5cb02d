"""What is wrong with text that is no YAML, in words for the people who wrote it.

PyYAML says what its parser was looking for when it gave up ("did not find expected key"). Here this becomes what was
probably written and how to put it right, at the place where it was written: a quote that is not closed is told where it
stands, and not at the end of the file. It is imported when something is wrong, never while a toy starts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import yaml

from pommai.hints import quote

_WORD = re.compile(r"[^\s:#]+")
_GLUED = re.compile(r"(\s*(?:- )?[\w.-]+:)[^\s:/]")
"""A key with its colon, and a value that follows without a space."""


_SIGNS = (" an alias", " an anchor", " a directive")


class Told(NamedTuple):
    """A problem: line and column from 1, what is wrong, how to put it right."""

    line: int
    column: int
    message: str
    hint: str


def explain(caught: yaml.MarkedYAMLError, lines: Sequence[str]) -> Told:
    """What PyYAML has found in the lines of a text, said otherwise; its own words when they are none of those known."""
    problem, context = (caught.problem or "is not YAML").strip(), (caught.context or "").strip()
    here = _spot(lines, caught.problem_mark or caught.context_mark)
    there = _spot(lines, caught.context_mark or caught.problem_mark)
    if "mapping values are not allowed" in problem:
        return _stray_key(here)
    if "could not find expected ':'" in problem:
        return _no_colon(there)
    if "cannot start any token" in problem or context.endswith(_SIGNS):
        at = there if context.endswith(_SIGNS) else here
        return at.told(f"text may not begin with {quote(at.character)}", "put the text into quotes")
    if "entries are not allowed" in problem:
        return here.told("a list may not begin behind its key", "begin it in the next line, or write it as [a, b]")
    if "escape" in problem or "decimal number" in problem:
        return here.told("behind a \\ in double quotes nothing like this may stand", "for a \\ itself write \\\\")
    if "unexpected end of stream" in problem or "unexpected document" in problem:
        return there.told("this quote is not closed", "put the same quote behind the text")
    if context.endswith((" flow mapping", " flow sequence")):
        return _open_bracket(there, here)
    if context.endswith(" block scalar"):
        return here.told("behind | or > the line must end", "begin the text in the next line, indented")
    if "<document start>" in problem:
        return _behind_the_end(here)
    if here.character in ("}", "]"):
        return here.told(f"this {here.character} closes nothing", "it is one too many, or what it closes is missing")
    if context.endswith(" node"):
        return here.told("a value is missing here", "write it, or close the { or [ above")
    if context.endswith((" block mapping", " block collection")):
        return _out_of_line(there, here, entries=context.endswith(" block collection"))
    return here.told(problem, context)


class _Spot:
    """A place in the text."""

    def __init__(self, lines: Sequence[str], line: int, column: int) -> None:
        self.lines = lines
        self.line = line
        self.column = column
        self.text = lines[line - 1]

    @property
    def character(self) -> str:
        return self.text[self.column - 1 : self.column]

    @property
    def before(self) -> str:
        """What stands before it in its line."""
        return self.text[: self.column - 1].strip()

    @property
    def above(self) -> _Spot | None:
        """Where the nearest line above begins that says anything."""
        for number in range(self.line - 1, 0, -1):
            written = self.lines[number - 1]
            if (said := written.strip()) and not said.startswith("#"):
                return _Spot(self.lines, number, _begin(written))
        return None

    def told(self, message: str, hint: str) -> Told:
        return Told(self.line, self.column, message, hint)


def _stray_key(here: _Spot) -> Told:
    """A colon where no key may stand."""
    above = here.above
    if ": " in here.before:
        return here.told("a colon stands in the middle of a text", "put text that holds a colon into quotes")
    if above is not None and (glued := _GLUED.match(above.text)):
        return _Spot(here.lines, above.line, glued.end(1) + 1).told(*_NO_SPACE)
    begin = _Spot(here.lines, here.line, _begin(here.text))
    if above is None or begin.column <= above.column:
        return here.told("a key may not stand here", "put text that holds a colon into quotes")
    if _WORD.fullmatch(above.text.strip()):
        return _no_colon(above)
    hint = f"indent it like line {above.line}, which begins in column {above.column}; or is that line's value too much?"
    return begin.told("the line is indented deeper than the one above, which has a value already", hint)


def _no_colon(key: _Spot) -> Told:
    """A word where a key should be."""
    if glued := _GLUED.match(key.text):
        return _Spot(key.lines, key.line, glued.end(1) + 1).told(*_NO_SPACE)
    if key.character in ("{", "["):
        return key.told(f"a - or a key is missing before this {key.character}", "an entry of a list begins with -")
    word = _WORD.match(key.text, key.column - 1)
    return key.told(f"a colon is missing behind {quote(word[0] if word else key.character)}", "write key: value")


_NO_SPACE = ("a space is missing behind the colon", "write key: value")


def _open_bracket(opened: _Spot, here: _Spot) -> Told:
    closing = {"{": "}", "[": "]"}.get(opened.character, "}")
    if opened.line == here.line:
        return here.told(f"a comma or {closing} is missing here", "put text that holds , : [ ] { } into quotes")
    hint = f"a comma or {closing} is missing before line {here.line}, column {here.column}"
    return opened.told(f"what begins with this {opened.character} is not closed", hint)


def _behind_the_end(here: _Spot) -> Told:
    """Something below a value that is over, and that nothing stands around."""
    numbers = (number for number, line in enumerate(here.lines, 1) if line.strip() and line.strip()[0] not in "#%-")
    first = next(numbers, here.line)
    begin = _begin(here.lines[first - 1])
    if first < here.line and begin > here.column:
        hint = f"let it begin in column {here.column}, too"
        return _Spot(here.lines, first, begin).told(f"this line is indented, and line {here.line} is not", hint)
    return here.told("this stands behind the end of all that is said", "a file holds one mapping: write key: value")


def _out_of_line(opened: _Spot, here: _Spot, *, entries: bool) -> Told:
    """Something that belongs neither to the list or mapping around it nor to what is inside that."""
    if here.before:
        hint = "a text that holds one kind of quote is put into the other; a quote above may not be closed"
        return here.told("something stands behind the end of a text in quotes", hint)
    if entries and here.column == opened.column:
        return here.told(
            f"an entry of the list from line {opened.line} on begins with -", "write the - , or indent the line"
        )
    if here.character == "-" and here.column == opened.column:
        return here.told(
            f"a list begins among the keys from line {opened.line} on", "indent it like the list that it belongs to"
        )
    places = [f"line {opened.line} begins in column {opened.column}"]
    if (above := here.above) is not None and above.line != opened.line:
        places.append(f"line {above.line} in column {above.column}")
    hint = f"what belongs together begins in the same column; {', '.join(places)}"
    return here.told("the line is indented unlike the lines around it", hint)


def _begin(line: str) -> int:
    """The column, from 1, of the first character that is no space."""
    return len(line) - len(line.lstrip()) + 1


def _spot(lines: Sequence[str], mark: yaml.Mark | None) -> _Spot:
    if mark is None:
        return _Spot(lines, 1, 1)
    if mark.line >= len(lines):  # libyaml: behind the end
        return _Spot(lines, len(lines), len(lines[-1]) + 1)
    return _Spot(lines, mark.line + 1, mark.column + 1)
