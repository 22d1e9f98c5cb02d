"""What gateways write for each other is read as it was meant, and everything else as nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.archive import Alert
from pommai.gateway.fleet import news as n
from pommai.gateway.fleet.port import Order
from pommai.gateway.fleet.wanted import ALL, HIGHEST, Entry

ME = "one#01234567"
ALERT = Alert("2026-01-01T00:00:00.000+00:00", "desk-1", "high", "somebody is sad")
TOYS = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
DEVICES = st.from_regex(r"[A-Za-z0-9_.:-]{1,128}", fullmatch=True)
MORE = (st.floats(0, 86_400), st.text(max_size=300), st.integers(0, 100))
ORDERS = st.builds(Order, st.sampled_from(["pause", "resume", "volume"]), *MORE, st.none() | DEVICES) | st.builds(
    Order, st.sampled_from(["restart", "reset"]), *MORE, DEVICES
)


@given(st.just(ALL) | DEVICES, st.builds(Entry, st.integers(1, HIGHEST), TOYS))
def test_what_was_set_is_read_as_it_was_written(where: str, entry: Entry) -> None:
    assert n.read_entry(where.encode(), n.entry_text(entry).encode()) == (where, entry)


@given(st.lists(st.builds(Entry, st.integers(1, HIGHEST), st.sampled_from(["bear", "rex"])), min_size=2, max_size=2))
def test_of_two_texts_the_one_that_sorts_later_was_set_later(entries: list[Entry]) -> None:
    one, other = entries
    assert (n.entry_text(one) < n.entry_text(other)) == (one < other)


@given(ORDERS)
def test_an_order_is_read_as_it_was_given(order: Order) -> None:
    fields = {"kind": "order", "from": ME, "id": "00ff", "order": n.order_text(order)}
    assert n.read_news({key.encode(): value.encode() for key, value in fields.items()}) == (
        ME,
        n.Ordered("00ff", order),
    )


def test_an_alert_is_read_as_it_was_sent() -> None:
    assert n.read_alert(n.alert_fields(ALERT, ME, "00ff")) == (ME, "00ff", ALERT)


@pytest.mark.parametrize(
    "change",
    [
        {"from": "one"},
        {"from": "one two#01234567"},
        {"id": ""},
        {"id": "x"},
        {"severity": "very high"},
        {"severity": ""},
        {"device_id": "a b"},
        {"reason": "\x1b[2J"},
        {"reason": "two\nlines"},
    ],
)
def test_an_alert_that_would_disturb_a_terminal_or_is_nobodys_is_nothing(change: dict[str, str]) -> None:
    assert n.read_alert(n.alert_fields(ALERT, ME, "00ff") | change) is None


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "reboot"},
        {"kind": "reset", "device_id": None},
        {"kind": "restart", "device_id": None},
        {"seconds": -1},
        {"seconds": 86_401},
        {"seconds": float("nan")},
        {"seconds": "60"},
        {"message": None},
        {"percent": 101},
        {"percent": 5.5},
        {"device_id": "*"},
        {"device_id": 7},
    ],
)
def test_an_order_that_makes_no_sense_is_nothing(change: dict[str, Any]) -> None:
    order = json.loads(n.order_text(Order("pause", 60.0))) | change
    assert n.read_news({"kind": "order", "from": ME, "id": "00ff", "order": json.dumps(order)}) is None


KEYS = [b"kind", b"from", b"id", b"where", b"entry", b"order", b"told", b"session"]
ANYTHING = st.text() | st.binary() | st.none() | st.integers() | st.lists(st.binary())


@given(
    st.dictionaries(
        st.sampled_from([b"kind", b"from", b"id", b"where", b"entry", b"order", b"told", b"session"])
        | ANYTHING.map(str),
        st.sampled_from([b"wanted", b"order", b"moved", b"done", ME.encode(), b"*", b"00"]) | ANYTHING,
    ),
    ANYTHING,
    ANYTHING,
)
def test_whatever_is_in_redis_is_read_without_a_fault(fields: dict[object, object], key: object, value: object) -> None:
    n.read_news(fields)
    n.read_alert(fields)
    n.read_entry(key, value)
    n.read_seat(key, value)
    n.read_gateway(value)
