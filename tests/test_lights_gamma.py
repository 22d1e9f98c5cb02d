"""Seen brightness and LED numbers."""

from __future__ import annotations

from pommai.lights.gamma import DIMMEST, GAMMA, from_led, linear, to_led


def test_dark_is_dark_and_full_is_full() -> None:
    assert (to_led(0.0), to_led(1.0)) == (0, 255)


def test_what_looks_half_as_bright_has_about_a_fifth_of_the_light() -> None:
    assert linear(0.5) == 0.5**GAMMA
    assert to_led(0.5) == 55


def test_the_dimmest_brightness_is_where_the_first_step_of_an_led_begins() -> None:
    assert to_led(DIMMEST * 1.001) == 1
    assert to_led(DIMMEST * 0.999) == 0


def test_the_way_to_the_screen_and_back_is_off_by_one_step_at_most() -> None:
    assert all(abs(to_led(from_led(value) / 255) - value) <= 1 for value in range(256))
