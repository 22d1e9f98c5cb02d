"""The tables of keys: what holds of each of them, whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pommai.errors import ResponsesError
from pommai.responses.keys import DOCUMENT_KEYS, HELP_KEYS, LIMIT_KEYS, object_schema, read_section
from pommai.responses.schema import schema
from pommai.source import Reader


def objects(fragment: Any) -> Iterator[dict[str, Any]]:
    if isinstance(fragment, dict):
        if "properties" in fragment:
            yield fragment
        for value in fragment.values():
            yield from objects(value)
    elif isinstance(fragment, list):
        for value in fragment:
            yield from objects(value)


def test_every_key_is_explained_to_editors() -> None:
    for fragment in objects(schema()):
        for name, told in fragment["properties"].items():
            assert told.get("description") or name == "need_help", name


def test_a_closed_mapping_is_closed_in_the_schema() -> None:
    assert object_schema(LIMIT_KEYS)["additionalProperties"] is False
    assert object_schema(LIMIT_KEYS)["required"] == list(LIMIT_KEYS)
    assert "cases" not in object_schema(HELP_KEYS)["required"]


def test_keys_with_a_problem_are_left_out_of_what_was_read() -> None:
    reader = Reader("session: {longest: soon, rest: 10m, replies: [x]}", "x.yaml", ResponsesError)
    section = read_section(reader, reader.root, "limits", {"session": LIMIT_KEYS["session"]})
    assert set(section.get("session").values) == {"rest", "replies"}
    assert section.get("session").get("longest", "none") == "none"
    with pytest.raises(ResponsesError, match="longest of session of limits must be a duration"):
        reader.finish()


def test_a_document_of_another_kind_is_no_mapping_of_ours() -> None:
    reader = Reader("[a, b]", "x.yaml", ResponsesError)
    assert read_section(reader, reader.root, "the file", DOCUMENT_KEYS).values == {}
    with pytest.raises(ResponsesError, match="the file must be a mapping"):
        reader.finish()
