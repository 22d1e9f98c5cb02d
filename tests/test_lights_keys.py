"""The table of keys keeps its own word: what it offers as examples and defaults is taken by the loader."""

from __future__ import annotations

import json

import pytest

from pommai.lights.keys import KINDS
from pommai.lights.load import parse_patterns
from pommai.lights.render import render

CASES = [(kind, name) for kind, keys in KINDS.items() for name, key in keys.keys.items() if "default" in key.schema]
NEEDED = {
    "colour": "teal",
    "period": "4s",
    "frames": [{"colour": "red", "level": "20%", "hold": "1s"}, {"colour": "blue", "hold": "1s"}],
}


def pattern(kind: str, **more: object) -> dict[str, object]:
    needed = {name: NEEDED[name] for name, key in KINDS[kind].keys.items() if key.required and name in NEEDED}
    return {"kind": kind, "description": "x", **needed, **more}


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_writing_a_default_changes_nothing(kind: str, name: str) -> None:
    written = pattern(kind, **{name: KINDS[kind].keys[name].default})
    one, other = (parse_patterns(json.dumps({"patterns": {"p": body}}))["p"] for body in (pattern(kind), written))
    moments = [step * 0.11 for step in range(60)]
    assert [render(one, t, 3) for t in moments] == [render(other, t, 3) for t in moments]


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, keys in KINDS.items() for n in keys.keys])
def test_every_example_an_editor_offers_is_taken(kind: str, name: str) -> None:
    for example in KINDS[kind].keys[name].schema.get("examples", []):
        assert parse_patterns(json.dumps({"patterns": {"p": pattern(kind, **{name: example})}}))["p"].name == "p"
