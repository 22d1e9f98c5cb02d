"""The JSON Schema of `statechart.yaml` and the loader are of one opinion."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_material import VOCABULARY
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pommai.chart import keys
from pommai.chart.check import check_chart
from pommai.chart.load import load_chart
from pommai.errors import ChartError
from pommai.source import Reader

ROOT = Path(__file__).parents[1]
SCHEMA = keys.schema(VOCABULARY)
VALIDATOR = Draft202012Validator(SCHEMA)

EVERYTHING: dict[str, Any] = {
    "name": "everything",
    "description": "A chart with every key there is.",
    "durations": {"wait": "1m30s"},
    "resting": "rest",
    "properties": {
        "a": {
            "because": "It matters.",
            "never": {
                "in": "one",
                "not_in": ["two"],
                "doing": "record",
                "not_doing": ["listen"],
                "light": "error_red",
                "not_light": ["off"],
                "but": "listen",
                "if": "In('one')",
            },
        },
        "b": {
            "because": "It matters.",
            "always": {
                "from": "one",
                "not_from": ["two"],
                "on": ["link.*", "timer.work.wait"],
                "not_on": "link.up",
                "if": ["online", "not In('two')"],
                "entering": "two",
                "to": ["two"],
                "not_to": "one",
                "calls": ["chime", "play"],
                "never_calls": "forget",
                "within": "wait",
            },
        },
        "c": {"because": "It matters.", "returns": {"from": "one", "to": ["rest"], "within": "10s"}},
        "d": {"because": "It matters.", "only": {"calls": "chime", "starts": ["record"], "from": "one"}},
    },
    "assumptions": {
        "e": {"because": "It is so.", "never_together": ["online", "heard_speech"], "on": "link.up", "in": ["one"]},
        "f": {"because": "It is so.", "holds": "online or heard_speech"},
    },
    "states": {
        "work": {
            "description": "Has an inside.",
            "initial": True,
            "led": {"pattern": "breathing_blue", "priority": 3},
            "do": ["record", "listen"],
            "enter": [{"say": {"text": "hello", "loud": True, "times": 2, "pause": "wait"}}, "chime"],
            "exit": {"play": {"sound": "sorry"}},
            "after": {
                "wait": [{"target": "rest", "cond": ["online"], "unless": "heard_speech", "on": "chime"}],
                "250ms": {"target": "two", "internal": True},
            },
            "transitions": [
                {"event": "link.up", "target": "two", "cond": "online", "unless": ["heard_speech"], "on": ["chime"]},
                {"event": "error.*", "target": "two", "internal": True},
                {"event": "done.state.work my.own", "target": "rest"},
            ],
            "history": {"back": {"type": "deep", "transitions": [{"target": "two", "on": "chime"}]}},
            "states": {
                "one": {"led": "error_red", "transitions": {"event": "link.down", "target": "two"}},
                "two": {"enter": {"raise": "my.own"}, "transitions": [{"event": "link.up", "target": "three"}]},
                "three": {"final": True},
            },
        },
        "rest": {"parallel": True, "states": {"left": None, "right": {}}},
    },
}


def loads(document: Any) -> bool:
    """Whether the loader takes it. Written as JSON, which is YAML."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    try:
        reader = Reader(text, "chart.yaml", ChartError)
        check_chart(load_chart(reader), reader, VOCABULARY)
    except ChartError:
        return False
    return True


def mappings(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every mapping and list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    here = [path] if isinstance(value, dict | list) else []
    return here + [place for key, item in inner for place in mappings(item, (*path, key))]


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def keys_used(document: Any) -> set[str]:
    found: set[str] = set()
    for path in mappings(document):
        inner = at(document, path)
        found |= set(inner) if isinstance(inner, dict) else set()
    return found


RECORDS = [path for path in mappings(EVERYTHING) if isinstance(at(EVERYTHING, path), dict)]
OPEN = {
    ("durations",),
    ("properties",),
    ("assumptions",),
    ("states", "work", "after"),
    ("states",),
    ("states", "work", "states"),
    ("states", "rest", "states"),
}
"""Mappings whose keys a designer chooses."""


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_chart_with_every_key_is_taken_by_both() -> None:
    every = [keys.DOCUMENT_KEYS, keys.STATE_KEYS, keys.TRANSITION_KEYS, keys.LED_KEYS, keys.HISTORY_KEYS]
    every += [keys.PROPERTY_KEYS, keys.ASSUMPTION_KEYS, *keys.PROPERTY_KINDS.values()]
    assert {key for table in every for key in table} <= keys_used(EVERYTHING)
    VALIDATOR.validate(EVERYTHING)
    assert loads(EVERYTHING)


@pytest.mark.parametrize("path", [path for path in RECORDS if path not in OPEN], ids=str)
def test_a_key_that_does_not_exist_is_refused_by_both_at_every_level(path: tuple[Any, ...]) -> None:
    document = copy.deepcopy(EVERYTHING)
    at(document, path)["no_such_key"] = {"target": "rest"}
    assert not VALIDATOR.is_valid(document)
    assert not loads(document)


@pytest.mark.parametrize("word", [*keys.NOT_ALLOWED, *keys.OTHER_WORDS])
def test_words_of_other_languages_are_no_keys_of_ours(word: str) -> None:
    for path in ((), ("states", "rest"), ("states", "work", "transitions", 0)):
        document = copy.deepcopy(EVERYTHING)
        at(document, path).setdefault(word, "chime")
        if document != EVERYTHING:
            assert not VALIDATOR.is_valid(document) or word in ("after", "on"), path
            assert not loads(document)


JUNK = st.sampled_from(
    [None, True, 7, "", "x", "10s", "chime", "In('one')", [], ["x"], {}, {"x": "y"}, [[]], {"target": "rest"}]
)
SPOTS = [
    (*path, key)
    for path in mappings(EVERYTHING)
    for key in (at(EVERYTHING, path) if isinstance(at(EVERYTHING, path), dict) else range(len(at(EVERYTHING, path))))
]


@given(st.lists(st.tuples(st.sampled_from(SPOTS), JUNK | st.just(...)), min_size=1, max_size=2))
def test_what_the_schema_underlines_the_loader_refuses(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """The other way round it need not hold: an editor cannot know which states and events there are."""
    document = copy.deepcopy(EVERYTHING)
    for (*path, key), junk in changes:
        try:
            inner = at(document, tuple(path))
            if junk is ...:
                del inner[key]
            else:
                inner[key] = junk
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    if not VALIDATOR.is_valid(document):
        assert not loads(document)


def test_names_are_offered_with_what_they_mean() -> None:
    (choice, _, _) = SCHEMA["$defs"]["actions"]["anyOf"]
    assert {"const": "chime", "description": "Ring."} in choice["anyOf"]
    assert choice["anyOf"][-1]["properties"]["play"]["description"] == "Play a sound."
    assert "link.up" in SCHEMA["$defs"]["transition"]["properties"]["event"]["anyOf"][0]["enum"]
