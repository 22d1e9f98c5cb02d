"""Colours as designers write them."""

from __future__ import annotations

import pytest
from colorzero import Color
from colorzero.tables import NAMED_COLORS
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.lights.colours import CSS_COLOURS, mix, parse_hex, scale


def test_every_css_name_has_the_colour_that_another_library_gives_it() -> None:
    for name in NAMED_COLORS:
        assert CSS_COLOURS[name] == pytest.approx(tuple(Color(name))), name
    assert set(CSS_COLOURS) - set(NAMED_COLORS) == {"rebeccapurple"}


def test_three_hex_digits_mean_six() -> None:
    assert parse_hex("#f80") == parse_hex("#ff8800") == pytest.approx((1.0, 0x88 / 255, 0.0))


@pytest.mark.parametrize("text", ["ff8800", "#ff88", "#ff88000", "#gg0000", "#ff8800\n", "", "red"])
def test_what_is_no_hex_colour_is_none(text: str) -> None:
    assert parse_hex(text) is None


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 0xFFFFFF))
def test_every_hex_colour_keeps_its_parts(number: int) -> None:
    colour = parse_hex(f"#{number:06x}")
    assert colour is not None
    assert tuple(round(part * 255) for part in colour) == (number >> 16, number >> 8 & 255, number & 255)


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    assert mix(red, blue, 0.0) == red
    assert mix(red, blue, 1.0) == blue
    assert mix(red, blue, 0.5) == (0.5, 0.0, 0.5)
    assert scale(red, 0.25) == (0.25, 0.0, 0.0)
