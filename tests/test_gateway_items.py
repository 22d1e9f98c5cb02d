from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.items import KINDS, LONGEST_ID, MOST_BYTES, NEEDED, as_text, fault_of, is_id
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Kind

GOOD: dict[Kind, dict[str, Any]] = {
    SAFETY: {"id": "s1", "reason": "asked for help"},
    CONVERSATIONS: {"id": "c1", "toy_id": "pommai-bear", "user_input": "", "toy_response": "Hello!"},
    METRICS: {"id": "m1", "name": "wake.hits", "value": 3},
    LOGS: {"id": "l1"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_needed_is_enough_and_more_is_welcome(kind: Kind) -> None:
    assert fault_of(kind, GOOD[kind]) == ""
    assert fault_of(kind, GOOD[kind] | {"newer": {"than": ["this", None]}}) == ""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in NEEDED[kind]])
def test_what_is_needed_and_missing_is_named(kind: Kind, name: str) -> None:
    lacking = {key: value for key, value in GOOD[kind].items() if key != name}
    assert fault_of(kind, lacking) == f"needs '{name}'"
    assert fault_of(kind, lacking | {name: None}).startswith(f"{name} must be ")


@pytest.mark.parametrize(
    ("kind", "name", "value", "words"),
    [
        (SAFETY, "reason", " ", "reason must be text of 1 to 4096 characters, not ' '"),
        (SAFETY, "reason", "x" * 4097, "reason must be text of 1 to 4096 characters, not 'xxx"),
        (CONVERSATIONS, "toy_id", "pommai bear", "toy_id must be an id of letters, digits, - and _, not 'pommai bear'"),
        (CONVERSATIONS, "user_input", 3, "user_input must be text, not 3"),
        (CONVERSATIONS, "toy_response", ["hi"], "toy_response must be text, not list"),
        (METRICS, "name", "", "name must be text of 1 to 128 characters, not ''"),
        (METRICS, "value", True, "value must be a finite number, not True"),
        (METRICS, "value", float("inf"), "value must be a finite number, not inf"),
        (METRICS, "value", "3", "value must be a finite number, not '3'"),
        (LOGS, "id", "", "id must be 1 to 128 printable characters"),
        (LOGS, "id", "a\nb", "id must be 1 to 128 printable characters"),
        (LOGS, "id", "x" * (LONGEST_ID + 1), "id must be 1 to 128 printable characters"),
    ],
)
def test_what_is_wrong_is_told_for_whoever_wrote_the_toy(kind: Kind, name: str, value: object, words: str) -> None:
    assert fault_of(kind, GOOD[kind] | {name: value}).startswith(words)


def test_an_item_may_be_so_large_and_not_larger_counted_as_it_is_kept() -> None:
    item = GOOD[LOGS] | {"words": ""}
    room = MOST_BYTES - len(as_text(item).encode())
    assert fault_of(LOGS, item | {"words": "ä" * (room // 2)}) == ""
    assert fault_of(LOGS, item | {"words": "ä" * (room // 2 + 1)}).endswith(f"at most {MOST_BYTES} are kept")


@given(
    st.sampled_from(KINDS), st.dictionaries(st.sampled_from(["id", "name", "value", "reason"]), st.text() | st.floats())
)
def test_whatever_came_over_the_wire_gets_a_short_answer(kind: Kind, fields: dict[str, Any]) -> None:
    assert len(fault_of(kind, fields)) < 200
    assert is_id(fields.get("id")) or fault_of(kind, fields)
