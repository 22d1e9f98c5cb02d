"""The schema editors use and the loader the toy uses hold the same opinion."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from responses_material import ROOT, SHIPPED, SMALL, changed, parsed, small

from pommai.errors import ResponsesError
from pommai.responses.schema import schema

VALIDATOR = Draft202012Validator(schema())


def loads(document: Any) -> bool:
    try:
        parsed(document)
    except ResponsesError:
        return False
    return True


def both(document: Any) -> bool:
    """Whether schema and loader take the document; they must agree."""
    by_schema, by_loader = VALIDATOR.is_valid(document), loads(document)
    assert by_schema == by_loader, document
    return by_loader


def mappings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every mapping in a document."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from mappings(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from mappings(inner, (*path, index))


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


FULL = changed("commands.tell_joke.replies", [{"text": "x", "audio": "boing", "safety_level": "moderate"}, "y"])
FULL["commands"]["tell_joke"] |= {"except": ["no joke"], "safety_level": "strict", "gives_way": False}
OPEN = {("commands",), ("words", "variants"), ("words", "forms"), ("toys",), ("toys", "robo-rex")}
"""Mappings whose keys are names of a designer's own."""


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_schema_in_the_repository_is_the_one_the_code_makes() -> None:
    written = json.loads((ROOT / "schemas" / "offline_responses.schema.json").read_text("utf-8"))
    assert written == schema(), "run `pommai schema --write schemas`"


def test_the_shipped_file_names_its_schema_and_is_valid() -> None:
    text = SHIPPED.read_text("utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=schemas/offline_responses.schema.json"
    VALIDATOR.validate(yaml.safe_load(text))


def test_every_key_is_known_to_both() -> None:
    assert both(FULL)
    assert both(SMALL)


@pytest.mark.parametrize("path", list(mappings(FULL)), ids=lambda path: ".".join(map(str, path)) or "the file")
def test_a_key_nobody_knows_is_refused_by_both(path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(FULL)
    at(document, path)["Nonsense!"] = {}
    if path not in OPEN:
        assert not both(document)


@pytest.mark.parametrize("path", list(mappings(FULL)), ids=lambda path: ".".join(map(str, path)) or "the file")
def test_a_key_is_required_by_both_or_by_none(path: tuple[str | int, ...]) -> None:
    for key in at(FULL, path):
        document = copy.deepcopy(FULL)
        del at(document, path)[key]
        _agree_on_absence(document)


def _agree_on_absence(document: Any) -> None:
    """What a schema cannot say is left out: that a topic needs words, that an exception is for nothing."""
    by_schema = VALIDATOR.is_valid(document)
    try:
        parsed(document)
        by_loader = True
    except ResponsesError as caught:
        by_loader = not any("needs the key" in problem.message for problem in caught.problems)
    assert by_schema == by_loader


@pytest.mark.parametrize("wrong", ["", "nonsense!", 3.5, [], {"a": "b"}, [["x"]], [{"text": ""}]])
@pytest.mark.parametrize("path", list(mappings(FULL)), ids=lambda path: ".".join(map(str, path)) or "the file")
def test_a_wrong_value_is_refused_by_both(path: tuple[str | int, ...], wrong: Any) -> None:
    for key in at(FULL, path):
        document = copy.deepcopy(FULL)
        at(document, path)[key] = wrong
        if key == "text" or path in OPEN or key in ("fillers", "variants", "forms"):
            # A number is a word to the toy, as in `911`, and a list of fillers may be empty.
            assert VALIDATOR.is_valid(document) <= loads(document), (path, key)
        else:
            assert not both(document), (path, key)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        small(commands={}),
        changed("commands.unknown", {"triggers": ["x"], "replies": ["x"]}),
        changed("commands.Big", {"triggers": ["x"], "replies": ["x"]}),
        changed("toys.robo rex", {}),
        changed("limits.conversations.count", 1001),
        changed("commands.tell_joke.replies", ["x" * 401]),
    ],
)
def test_a_wrong_document_is_refused_by_both(document: Any) -> None:
    assert not both(document)
