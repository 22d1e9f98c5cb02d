"""Guard expressions: `heard_speech and not In('safe_mode')`.

The grammar is a part of python-statemachine's: names, `not`, `and`, `or`, brackets, In('state', ...).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pommai.chart.model import Guard
    from pommai.source import Mapping, Reader

_TOKEN = re.compile(
    r"\s*(?:(?P<inside>In\s*\(\s*(?P<states>(?:'[^']*'|\"[^\"]*\")(?:\s*,\s*(?:'[^']*'|\"[^\"]*\"))*)\s*\))"
    r"|(?P<word>not\b|and\b|or\b|\(|\))|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>\S))"
)

_MEANT = {"!": "not", "&": "and", "|": "or"}

Tokens = tuple[tuple[str, str], ...]


class GuardSyntaxError(ValueError):
    """The text is no guard expression; the message is a sentence. Internal to the loader."""


def parse(text: str) -> Tokens:
    """Cut an expression into tokens and check its grammar.

    Returns (kind, text) pairs: ("name", guard), ("state", id) for each state of an In(...), ("word", w) for
    `not`, `and`, `or`, `(`, `)`. Several states in one In(...) are joined by "and". Raises GuardSyntaxError.
    """
    tokens = tuple(_cut(text))
    rest = _either(list(tokens))
    if rest:
        raise GuardSyntaxError(f"does not go on with '{rest[0][1]}' here")
    return tokens


def read(reader: Reader, mapping: Mapping, key: str) -> tuple[Guard, ...]:
    """The guards under a key: one expression or a list of them, all of which must hold. Notes problems."""
    from pommai.chart.model import Guard  # late: a toy with a compiled chart reads none

    node = mapping.get(key)
    found = []
    items = () if node is None else reader.one_or_many(node)
    if node is not None and not items:
        # No guard would mean: always. That is hardly what somebody meant who wrote `cond:`.
        reader.problem(node, f"'{key}' is empty", "write a guard, or take the key away")
    for item in items:
        text = reader.text(item, f"'{key}'")
        if text is None:
            continue
        try:
            found.append(Guard(text, parse(text), item))
        except GuardSyntaxError as caught:
            hint = "a guard is made of names, not, and, or, brackets and In('state')"
            reader.problem(item, f'the guard "{text}" {caught}', hint)
    return tuple(found)


def render(tokens: Tokens, names: dict[str, str], states: dict[str, str]) -> str:
    """The expression with guards and states renamed, in python-statemachine's syntax."""
    parts = []
    for kind, text in tokens:
        if kind == "name":
            parts.append(names[text])
        elif kind == "state":
            parts.append(f"In('{states[text]}')")
        else:
            parts.append(text)
    return " ".join(parts)


def evaluate(tokens: Tokens, holds: Callable[[str, str], bool]) -> bool:
    """Whether the expression is true. `holds(kind, text)` answers for each name and each state."""
    value, rest = _value_of_either(list(tokens), holds)
    assert not rest, "only what `parse` has made is evaluated"
    return value


def _cut(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:  # pragma: no cover - the last alternative takes any character
            break
        position = match.end()
        if match["inside"]:
            asked = re.findall(r"'([^']*)'|\"([^\"]*)\"", match["states"])
            names = [single or double for single, double in asked]
            if len(names) > 1:
                yield ("word", "(")
            for index, name in enumerate(names):
                if index:
                    yield ("word", "and")
                yield ("state", name)
            if len(names) > 1:
                yield ("word", ")")
        elif match["word"]:
            yield ("word", match["word"])
        elif (match["name"] or "").lower() == "in":
            raise GuardSyntaxError(f"asks {match['name']} without a state; write In('idle')")
        elif match["name"]:
            yield ("name", match["name"])
        else:
            meant = _MEANT.get(match["other"])
            words = f"write `{meant}`" if meant else "which means nothing in a guard"
            raise GuardSyntaxError(f"holds '{match['other']}', {words}")


_Rest = list[tuple[str, str]]


def _either(rest: _Rest) -> _Rest:
    rest = _both(rest)
    while rest and rest[0] == ("word", "or"):
        rest = _both(rest[1:])
    return rest


def _both(rest: _Rest) -> _Rest:
    rest = _one(rest)
    while rest and rest[0] == ("word", "and"):
        rest = _one(rest[1:])
    return rest


def _one(rest: _Rest) -> _Rest:
    while rest and rest[0] == ("word", "not"):
        rest = rest[1:]
    if not rest:
        raise GuardSyntaxError("ends where a guard's name is expected")
    kind, text = rest[0]
    if kind in ("name", "state"):
        return rest[1:]
    if text != "(":
        raise GuardSyntaxError(f"has '{text}' where a guard's name is expected")
    rest = _either(rest[1:])
    if not rest or rest[0] != ("word", ")"):
        raise GuardSyntaxError("has a bracket that is not closed")
    return rest[1:]


_Holds = Callable[[str, str], bool]


def _value_of_either(rest: _Rest, holds: _Holds) -> tuple[bool, _Rest]:
    value, rest = _value_of_both(rest, holds)
    while rest and rest[0] == ("word", "or"):
        other, rest = _value_of_both(rest[1:], holds)
        value = value or other
    return value, rest


def _value_of_both(rest: _Rest, holds: _Holds) -> tuple[bool, _Rest]:
    value, rest = _value_of_one(rest, holds)
    while rest and rest[0] == ("word", "and"):
        other, rest = _value_of_one(rest[1:], holds)
        value = value and other
    return value, rest


def _value_of_one(rest: _Rest, holds: _Holds) -> tuple[bool, _Rest]:
    kind, text = rest[0]
    if (kind, text) == ("word", "not"):
        value, rest = _value_of_one(rest[1:], holds)
        return not value, rest
    if (kind, text) == ("word", "("):
        value, rest = _value_of_either(rest[1:], holds)
        return value, rest[1:]
    return holds(kind, text), rest[1:]
