"""Guard expressions: `heard_speech and not In('safe_mode')`.

The grammar is a part of python-statemachine's: names, `not`, `and`, `or`, brackets, In('state', ...).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
        elif match["name"] == "In":
            raise GuardSyntaxError("asks In without a state; write In('idle')")
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
