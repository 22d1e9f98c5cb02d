"""Structs as schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from msgspec import Struct

from pommai.errors import ProtocolError
from pommai.protocol.schema import Identified, Pattern, Range, Shape, Wire


class Inner(Struct, frozen=True):
    x: int


class Sample(Struct, frozen=True):
    name: Annotated[str, Wire("theName"), Pattern("[a-z]+", "small letters")]
    ratio: Annotated[float, Range(0, 1)] = 0.5
    flag: bool = False
    kind: Literal["a", "b", 1] = "a"
    inner: Inner = Inner(1)
    many: tuple[Inner, ...] = ()
    words: Mapping[str, bool] | None = None
    anything: object = None
    item: Annotated[Mapping[str, object] | None, Identified()] = None


SHAPE = Shape(Sample)


def test_a_field_is_spelt_on_the_wire_as_its_annotation_says() -> None:
    assert SHAPE.read({"theName": "bear"}, "sample").name == "bear"
    assert SHAPE.write(Sample("bear"))["theName"] == "bear"


def test_unknown_keys_are_ignored() -> None:
    assert SHAPE.read({"theName": "bear", "later": [1]}, "sample").ratio == 0.5


def test_null_stands_for_the_default() -> None:
    assert SHAPE.read({"theName": "bear", "inner": None}, "sample").inner == Inner(1)


def test_a_whole_number_is_fine_where_a_float_is_due_and_becomes_one() -> None:
    ratio = SHAPE.read({"theName": "bear", "ratio": 1}, "sample").ratio
    assert (ratio, type(ratio)) == (1.0, float)


def test_what_is_none_is_left_out() -> None:
    assert "anything" not in SHAPE.write(Sample("bear"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "sample must be an object, not list"),
        ({}, "sample needs 'theName'"),
        ({"theName": None}, "sample.theName must be text, not None"),
        ({"theName": 7}, "sample.theName must be text, not 7"),
        ({"theName": "Bear"}, "sample.theName must be small letters, not 'Bear'"),
        ({"theName": "bear\n"}, "sample.theName must be small letters"),
        ({"theName": "bear", "ratio": 1.5}, "sample.ratio must be 0..1, not 1.5"),
        ({"theName": "bear", "ratio": float("nan")}, "sample.ratio must be a finite number"),
        ({"theName": "bear", "ratio": "0.5"}, "sample.ratio must be a number"),
        ({"theName": "bear", "ratio": 10**400}, "sample.ratio is too large a number"),
        ({"theName": "bear", "ratio": True}, "sample.ratio must be"),
        ({"theName": "bear", "flag": 1}, "sample.flag must be true or false, not 1"),
        ({"theName": "bear", "kind": True}, "sample.kind must be 'a' or 'b' or 1, not True"),
        ({"theName": "bear", "inner": {"x": 1.0}}, "sample.inner.x must be a whole number, not 1.0"),
        ({"theName": "bear", "many": {"x": 1}}, "sample.many must be a list, not dict"),
        ({"theName": "bear", "many": [{"x": 1}, {}]}, r"sample.many\[1\] needs 'x'"),
        ({"theName": "bear", "words": {"a": "yes"}}, "sample.words.a must be true or false"),
        ({"theName": "bear", "anything": {"a": ["\ud800"]}}, "is not valid Unicode"),
        ({"theName": "bear", "anything": 2**53}, "sample.anything is too large a number"),
        ({"theName": "bear", "item": {"id": 1}}, "sample.item.id must be text, not 1"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_field_named(value, words) -> None:
    with pytest.raises(ProtocolError, match=words):
        SHAPE.read(value, "sample")


def test_nesting_is_bounded() -> None:
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ProtocolError, match="nested too deeply"):
        SHAPE.read({"theName": "bear", "anything": deep}, "sample")


def test_what_a_stranger_sent_is_cut_short_in_the_message() -> None:
    with pytest.raises(ProtocolError) as caught:
        SHAPE.read({"theName": "X" * 100_000}, "sample")
    assert len(str(caught.value)) < 200
