"""Kinds of values: what is read and what the schema says are of one opinion, whatever somebody writes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pommai.errors import PersonasError
from pommai.gateway import keys
from pommai.source import Reader, object_schema

TABLE = {
    "text": keys.text("words"),
    "number": keys.number("words", -1.0, 1.0, required=False),
    "integer": keys.integer("words", 0, 9, required=False),
    "boolean": keys.boolean("words", required=False),
    "choice": keys.choice("words", ("red", "blue"), required=False),
    "texts": keys.texts("words", "a word", required=False),
    "names": keys.names("words", "a sound", required=False),
    "names_for_names": keys.names_for_names("words", "a pattern", required=False),
}
SCHEMA = Draft202012Validator(object_schema(TABLE))


def read(document: object) -> tuple[dict[str, Any], list[str]]:
    """What is read, and what is wrong."""
    reader = Reader(yaml.safe_dump(document), "a.yaml", PersonasError)
    values = keys.section(reader, reader.root, "the file", TABLE)
    return values, [f"{problem.message} ({problem.hint})" for problem in reader.problems]


def test_each_kind_is_read_as_what_it_is() -> None:
    document = {
        "text": "one\n\n  two",
        "number": -0.5,
        "integer": 9,
        "boolean": True,
        "choice": "red",
        "texts": ["hey  you", "oh"],
        "names": ["a.wav", "b_1"],
        "names_for_names": {"a": "b-c"},
    }
    assert read(document) == (document | {"text": "one two", "texts": ("hey you", "oh"), "names": ("a.wav", "b_1")}, [])
    SCHEMA.validate(document)


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a\\b", "C:x", "/etc/passwd", "a b", "x" * 65, "naïve"])
def test_a_name_leads_out_of_no_folder(name: str) -> None:
    for document in ({"text": "x", "names": [name]}, {"text": "x", "names_for_names": {"a": name}}):
        values, wrong = read(document)
        assert not any(values[key] for key in values if key != "text")
        assert len(wrong) == 1
        assert not SCHEMA.is_valid(document)
    assert ("without a folder" in wrong[0]) == ("/" in name or "\\" in name)


SCALARS = st.sampled_from(["red", "a/b", "", " ", "x y", True, None, 0, 9, 10, -1, 0.5, 1.0, 2.5, "café"])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["a", "b/c"]), SCALARS, max_size=2)
DOCUMENTS = st.fixed_dictionaries(
    {"text": st.just("x")}, optional={name: VALUES for name in TABLE if name != "text"} | {"surprise": VALUES}
)


@given(DOCUMENTS)
def test_whatever_the_loader_takes_the_schema_takes_when_quotes_are_no_matter(document: dict[str, Any]) -> None:
    _, wrong = read(document)
    # YAML's plain words are texts to the loader where texts are due: `[1, true]` is a list of two words.
    spelt = {name: _as_words(value) if name in TEXTUAL else value for name, value in document.items()}
    if not wrong and None not in document.values():
        SCHEMA.validate(spelt)


TEXTUAL = ("choice", "texts", "names", "names_for_names")


def _as_words(value: object) -> object:
    if isinstance(value, list):
        return [_as_words(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_words(item) for key, item in value.items()}
    return value if isinstance(value, str) else str(value)
