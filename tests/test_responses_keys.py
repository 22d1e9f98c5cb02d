"""The tables of keys: what holds of each of them, whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pommai.errors import ResponsesError
from pommai.responses.key import read_section
from pommai.responses.keys import DOCUMENT_KEYS
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


def test_a_document_of_another_kind_is_no_mapping_of_ours() -> None:
    reader = Reader("[a, b]", "x.yaml", ResponsesError)
    assert read_section(reader, reader.root, "the file", DOCUMENT_KEYS).values == {}
    with pytest.raises(ResponsesError, match="the file must be a mapping"):
        reader.finish()
