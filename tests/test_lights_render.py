"""Colours at time t."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pommai.lights.load import load_patterns
from pommai.lights.patterns import Flash, Steady, Swirl
from pommai.lights.render import FRAME_S, Animation, render

SHIPPED = load_patterns(Path(__file__).parents[1] / "led_patterns.yaml")
NAMES = st.sampled_from(sorted(SHIPPED))

FLASH = Flash(name="f", description="", period=2.0, phase=0.0, colour=(1, 1, 1), level=1.0, low=0.0, duty=0.5)


@settings(deadline=None)  # the machine may be busy
@given(NAMES, st.floats(0, 1000), st.integers(1, 12))
def test_there_is_one_8_bit_colour_per_led(name: str, seconds: float, count: int) -> None:
    colours = render(SHIPPED[name], seconds, count)
    assert len(colours) == count
    assert all(isinstance(part, int) and 0 <= part <= 255 for colour in colours for part in colour)


@settings(deadline=None)  # the machine may be busy
@given(NAMES, st.integers(0, 10_000), st.integers(1, 50))
def test_a_pattern_repeats_with_its_period(name: str, step: int, periods: int) -> None:
    pattern = SHIPPED[name]
    seconds = (step + 0.5) / 10_000 * pattern.period
    first, later = (render(pattern, seconds + extra * pattern.period, 3) for extra in (0, periods))
    # Rounding may put a value on the other side of an 8-bit step, or a jump between two colours.
    jumps = pattern.name == "guardian_alert"
    for one, other in zip(first, later, strict=True):
        assert jumps or all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))


def test_one_led_shows_what_the_first_of_three_shows() -> None:
    for pattern in SHIPPED.values():
        if not pattern.is_still:
            for step in range(20):
                seconds = step / 20 * pattern.period
                assert render(pattern, seconds, 1)[0] == render(pattern, seconds, 3)[0]


def test_evenly_spread_leds_are_a_third_of_a_period_behind_each_other() -> None:
    swirl = Swirl(
        name="s", description="", period=3.0, phase=None, colours=((1, 0, 0), (0, 1, 0), (0, 0, 1)), level=1.0
    )
    assert render(swirl, 0.0, 3) == ((255, 0, 0), (0, 0, 255), (0, 255, 0))
    assert render(swirl, 1.0, 3) == ((0, 255, 0), (255, 0, 0), (0, 0, 255))


def test_gamma_is_applied_once() -> None:
    half = Steady(name="h", description="", colour=(1.0, 0.5, 0.0), level=0.5)
    assert render(half, 0.0, 1) == ((55, 12, 0),)


@settings(deadline=None)  # the machine may be busy
@given(NAMES, st.floats(0, 200), st.sampled_from([1, 3]))
def test_an_animation_shows_what_the_pattern_showed_at_most_a_frame_ago(name: str, seconds: float, count: int) -> None:
    pattern = SHIPPED[name]
    animation = Animation(pattern, count)
    if pattern.is_still:
        assert animation.colours(seconds) == render(pattern, seconds, count)
        return
    frame_s = pattern.period / len(animation)
    assert frame_s == pytest.approx(FRAME_S, rel=0.05)
    begun = int(seconds / frame_s) % len(animation) * frame_s
    assert animation.colours(seconds) == render(pattern, begun, count)


@settings(deadline=None)  # the machine may be busy
@given(NAMES, st.floats(0, 60))
def test_the_colours_stay_for_as_long_as_the_animation_says(name: str, seconds: float) -> None:
    animation = Animation(SHIPPED[name], 3)
    rest = animation.unchanged_for(seconds)
    assert rest > 0
    assume(rest > 1e-6)  # below, a double has no room for a hundredth of it
    for share in (0.01, 0.5, 0.99):
        later = seconds + (rest if math.isfinite(rest) else 1e6) * share
        assert animation.colours(later) == animation.colours(seconds)


def test_a_still_light_never_needs_another_look() -> None:
    assert Animation(SHIPPED["safe_glow"], 3).unchanged_for(17.0) == math.inf


def test_a_slow_flash_is_looked_at_twice_a_second_and_no_more() -> None:
    animation = Animation(FLASH, 1)
    assert animation.unchanged_for(0.0) == pytest.approx(0.5)
    assert animation.unchanged_for(0.9) == pytest.approx(0.1)
    assert animation.colours(0.999) == ((255, 255, 255),)
    assert animation.colours(1.001) == ((0, 0, 0),)


def test_each_frame_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []

    def counting(pattern: Flash, seconds: float, count: int) -> tuple[tuple[int, int, int], ...]:
        rendered.append(seconds)
        return render(pattern, seconds, count)

    monkeypatch.setattr("pommai.lights.render.render", counting)
    animation = Animation(FLASH, 1)
    for _ in range(3):
        for frame in range(len(animation)):
            animation.colours((frame + 0.5) * FRAME_S)
    assert len(rendered) == len(animation) == 100
