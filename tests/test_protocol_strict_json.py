"""JSON of a stranger."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ProtocolError
from pommai.protocol.limits import MAX_ITEMS, MAX_LISTS
from pommai.protocol.strict_json import check_parts, read_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value), "it") == value


@given(st.text(max_size=60) | st.text(alphabet='{}[]",:0123456789eE+-.ntfalsru\\d8'))
def test_whatever_a_stranger_sends_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        read_json(text, "it")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not JSON: "),
        ("{'a': 1}", "it is not JSON: "),
        ('{"a": 1, "a": 1}', "it has an object with the same name twice"),
        ('[{"b": {"a": 1, "a": 2}}]', "it has an object with the same name twice"),
        ("NaN", "it has NaN, which is not JSON"),
        ("[-Infinity]", "it has -Infinity, which is not JSON"),
        ("1e999", "it has too large a number"),
        ("9" * 401, "it has too large a number"),
        ("[" * (MAX_LISTS + 1), "it has too many parts"),
        (f"[{'1,' * MAX_ITEMS}1,1]", "it has too many parts"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence_that_says_what_was_read(text: str, words: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_json(text, "it")
    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) < 200


def test_as_many_parts_as_are_allowed_are_read() -> None:
    value: list[object] = [[] for _ in range(MAX_LISTS - 1)] + [0] * (MAX_ITEMS - MAX_LISTS)
    text = json.dumps(value)
    check_parts(text, "it")
    assert read_json(text, "it") == value


def test_brackets_that_are_never_closed_are_refused() -> None:
    # Python 3.11 gives up after a thousand; later ones come to the end of all of them.
    with pytest.raises(ProtocolError, match=r"^it is n(ested too deeply|ot JSON)"):
        read_json("[" * MAX_LISTS, "it")
