"""Broken YAML is told where it was written, by what was probably meant; whichever of PyYAML's parsers has found it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pommai.nodes_syntax import Told, explain

PARSERS = sorted({yaml.BaseLoader, getattr(yaml, "CBaseLoader", yaml.BaseLoader)}, key=lambda parser: parser.__name__)


def told_of(text: str, parser: type) -> Told | None:
    try:
        list(yaml.parse(text, Loader=parser))
    except yaml.MarkedYAMLError as caught:
        return explain(caught, text.split("\n"))
    return None


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        # colons
        ("a:\n  error\n    led: red\n", 2, 3, "a colon is missing behind 'error'", "write key: value"),
        ("a:\n  b: 1\n  error\n  c: 2\n", 3, 3, "a colon is missing behind 'error'", "write key: value"),
        ("a:\n  led:red\n  do: hear\n", 2, 7, "a space is missing behind the colon", "write key: value"),
        ("a:\n  b: 1\n  led:red\n  do: hear\n", 3, 7, "a space is missing behind the colon", "write key: value"),
        ("a: The child: it speaks\n", 1, 13, "a colon stands in the middle of a text", "into quotes"),
        ("a: see http://x: y\n", 1, 16, "a colon stands in the middle of a text", "into quotes"),
        ("a" * 1100 + ": b\n", 1, 1101, "a key may not stand here", "into quotes"),
        ("a:\n  - {b: 1}\n  {b: 2}\n  - c\n", 3, 3, "a - or a key is missing before this {", "begins with -"),
        # indents
        (
            "a:\n  b: 1\n\n    c: 2\n",
            4,
            5,
            "indented deeper than the one above",
            "line 2, which begins in column 3",
        ),
        (
            "a:\n    b: 1\n   c: 2\n",
            3,
            4,
            "unlike the lines around it",
            "line 1 begins in column 1, line 2 in column 5",
        ),
        ("a:\n    - b\n  - c\n", 3, 3, "unlike the lines around it", "line 1 begins in column 1, line 2 in column 5"),
        # lists
        ("a: - b\n", 1, 4, "a list may not begin behind its key", "[a, b]"),
        ("a:\n  - b\n  c: 2\n", 3, 3, "an entry of the list from line 2 on begins with -", "write the -"),
        ("a:\n  b: 2\n  - c\n", 3, 3, "a list begins among the keys from line 2 on", "indent it"),
        # brackets
        (
            "a:\n  - {b: 1\n  - {c: 2}\n",
            2,
            5,
            "what begins with this { is not closed",
            "} is missing before line 3, column 5",
        ),
        ("a: [1, 2\nb: 3\n", 1, 4, "what begins with this [ is not closed", "a comma or ] is missing"),
        ("a: {b: 1 c: 2}\n", 1, 11, "a comma or } is missing here", "into quotes"),
        ("a:\n  - {b: 1}}\n", 2, 11, "this } closes nothing", "one too many"),
        ("a: ]\n", 1, 4, "this ] closes nothing", "one too many"),
        ("a: [1,\n", 2, 1, "a value is missing here", "close the { or [ above"),
        # quotes, and what text may not begin with
        ('a: "hello\nb: 2\nc: 3\n', 1, 4, "this quote is not closed", "the same quote"),
        ("a: {b: 'hello}\nc: 3\n", 1, 8, "this quote is not closed", "the same quote"),
        ("a: 'it's'\n", 1, 8, "behind the end of a text in quotes", "put into the other"),
        ("a: @b\n", 1, 4, "text may not begin with '@'", "into quotes"),
        ("a: * b\n", 1, 4, "text may not begin with '*'", "into quotes"),
        ("a: >x\n  b\n", 1, 5, "behind | or > the line must end", "the next line"),
        # behind the end
        ("# why\n  a: 1\nb: 2\n", 2, 3, "this line is indented, and line 3 is not", "begin in column 1, too"),
        ("a: 1\n...\nb: 2\n", 3, 1, "this stands behind the end of all that is said", "write key: value"),
        ("{a: 1} b\n", 1, 8, "this stands behind the end of all that is said", "write key: value"),
        ("# a voice\n% piper\nvoice: piper\n", 2, 1, "text may not begin with '%'", "into quotes"),
        # what nobody has written yet
        ("%YAML 3.0\n---\na: 1\n", 1, 1, "found incompatible YAML document", ""),
    ],
)
def test_a_mistake_is_told_where_it_was_made(
    text: str, line: int, column: int, message: str, hint: str, parser: type
) -> None:
    told = told_of(text, parser)
    assert told is not None
    assert (told.line, told.column) == (line, column), told
    assert message in told.message
    assert hint in told.hint


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("text", ['a: "\\q"\n', 'a: "\\x0"\n'])
def test_a_backslash_that_says_nothing_is_told_with_how_to_write_one(text: str, parser: type) -> None:
    told = told_of(text, parser)
    assert told is not None
    assert told.hint == "for a \\ itself write \\\\"


@given(st.text("ab:-[]{},&*!|>'\"#%@? \n", max_size=60), st.sampled_from(PARSERS))
def test_whatever_is_broken_is_told_in_one_line_inside_the_text(text: str, parser: type) -> None:
    told = told_of(text, parser)
    if told is not None:
        assert 1 <= told.line <= text.count("\n") + 1
        assert told.column >= 1
        assert told.message
        assert "\n" not in told.message + told.hint
