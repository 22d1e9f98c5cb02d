"""What is kept of an item: whatever comes in, it can be written and sent."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.io.memory_items import (
    BATCH_ITEMS,
    BODY_BYTES,
    NO_LATER,
    TRUSTED,
    UNKNOWN,
    ItemMaker,
    Moment,
    batch_of,
    cut,
    fit,
    moment,
)
from pommai.io.ports import Stamp
from pommai.protocol.wire import decode_text, encode_message

WHEN = Moment(1_790_000_000_000, TRUSTED, "boot", 5.0)

texts = st.one_of(
    st.text(), st.text(st.characters(exclude_categories=())), st.integers(1, 9000).map(lambda count: "\x00🧸ä" * count)
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary(), st.just(object())),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(texts, values, max_size=6))
def test_whatever_a_safety_event_holds_it_can_be_sent_and_is_small(event: dict[str, object]) -> None:
    item = ItemMaker().safety_event({"id": "danger", "reason": "x", **event}, WHEN)
    assert item is not None
    assert len(item.body.encode()) <= BODY_BYTES
    batch = batch_of([item])
    assert batch is not None
    assert decode_text(encode_message(batch)) == batch


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(["reason", "severity", "a", "b"]), values))
def test_fifty_of_the_largest_fit_into_one_message(event: dict[str, object]) -> None:
    maker = ItemMaker()
    fat = {**event, "transcript": "\x01" * 20_000, **{f"key {n}": "ä" * 3000 for n in range(9)}}
    batch = batch_of(item for _ in range(BATCH_ITEMS) if (item := maker.safety_event(fat, WHEN)))
    assert batch is not None
    assert len(batch.safety_events) == BATCH_ITEMS
    assert encode_message(batch)


@given(texts, st.integers(16, 500))
def test_a_text_is_cut_to_size_at_a_character(text: str, most: int) -> None:
    short = cut(text, most)
    assert len(json.dumps(short, ensure_ascii=False).encode()) - 2 <= most
    clean = text.encode("utf-8", "replace").decode()
    assert short == clean or (short[-1] == "…" and clean.startswith(short[:-1]))


def test_bytes_are_left_out_wherever_they_stand() -> None:
    assert fit({"a": b"pcm", "b": [bytearray(3), memoryview(b"x"), 1], "c": {"d": b""}}) == {"b": [1], "c": {}}


def test_a_strangers_heap_of_texts_costs_no_more_than_a_few() -> None:
    heap = {"reason": "kept", **{f"{a}": {f"{b}": ["x" * 9000] * 99 for b in range(99)} for a in range(99)}}
    assert fit(heap)["reason"] == "kept"


def test_an_item_without_a_usable_id_gets_one_of_its_own() -> None:
    made = [ItemMaker().safety_event({"reason": "x", "id": bad}, WHEN) for bad in (None, "", 7, "x" * 200, b"x")]
    names = {item.id for item in made if item is not None}
    assert len(names) == 5
    assert all(0 < len(name) <= 128 for name in names)


def test_the_server_is_told_the_best_that_is_known_about_the_time() -> None:
    maker = ItemMaker()
    unknown = maker.safety_event({"id": "a", "timestamp": "1970-01-01T00:00:09Z"}, WHEN._replace(source=UNKNOWN))
    bounded = maker.safety_event({"id": "b", "timestamp": "1970-01-01T00:00:09Z"}, WHEN._replace(source=NO_LATER))
    trusted = maker.safety_event({"id": "c", "timestamp": "2026-09-21T14:00:00+02:00"}, WHEN)
    told = [item.for_server() for item in (unknown, bounded, trusted) if item is not None]
    assert [(item["timestamp"], item["clock_trusted"]) for item in told] == [
        ("1970-01-01T00:00:09Z", False),
        ("2026-09-21T14:13:20.000Z", False),
        ("2026-09-21T14:00:00+02:00", True),
    ]


def test_a_clock_that_talks_nonsense_is_not_trusted() -> None:
    assert moment(Stamp("soon", True), "boot", 1.0) == Moment(0, UNKNOWN, "boot", 1.0)
