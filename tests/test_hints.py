"""Words for people who wrote something that nobody knows."""

from __future__ import annotations

import pytest

from pommai.hints import closest, did_you_mean, meant_duration, parse_duration, quote


def test_what_was_probably_meant_is_found() -> None:
    assert closest("devise_id", ["device_id", "toy_id"]) == "device_id"
    assert closest("TOY-ID", ["device_id", "toy_id"]) == "toy_id"
    assert closest("pressed", ["button.pressed", "button.held"]) == "button.pressed"
    assert closest("zebra", ["device_id"]) is None


def test_a_hint_names_what_there_is_where_nothing_is_near() -> None:
    assert did_you_mean("zebra", ["lion"]) == "known: lion"
    assert did_you_mean("lions", ["lion"]) == "did you mean 'lion'?"
    assert did_you_mean("zebra", []) == ""
    assert did_you_mean("zebra", [f"name{number}" for number in range(20)]).endswith(", …")


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), (" 1m30s ", 90.0), ("2h", 7200.0), ("fast", None), ("", None), ("3", None)]
)
def test_a_duration_is_seconds(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10", "10s"),
        ("160", "160ms or 160s"),
        ("160 s", "160s"),
        ("10 s", "10s"),
        ("2 seconds", "2s"),
        ("5min", "5m"),
        ("1,5h", "1.5h"),
        ("soon", None),
        ("", None),
        ("10 parsecs", None),
    ],
)
def test_a_duration_that_is_written_otherwise_is_understood(text: str, meant: str | None) -> None:
    assert meant_duration(text) == meant


def test_text_is_quoted_on_one_line_and_short() -> None:
    assert quote("a\nb") == "'a\\nb'"
    assert quote("x" * 61) == f"'{'x' * 60}…'"
