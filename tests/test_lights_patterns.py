"""What one LED does over a period."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.lights.patterns import (
    RAINBOW,
    Breathe,
    Chase,
    Flash,
    Keyframe,
    Keyframes,
    LightPatterns,
    Pattern,
    Pulse,
    Steady,
    Swirl,
)

WHITE = (1.0, 1.0, 1.0)
RED = (1.0, 0.0, 0.0)
BLUE = (0.0, 0.0, 1.0)

BREATHE = Breathe(name="b", description="", period=4.0, colour=WHITE, level=0.8, low=0.2)
PULSE = Pulse(name="p", description="", period=1.0, colour=WHITE, level=0.8, low=0.2)
CHASE = Chase(name="c", description="", period=1.0, phase=None, colour=WHITE, level=0.8, low=0.2, tail=0.7)
FLASH = Flash(name="f", description="", period=1.0, colour=WHITE, level=0.8, low=0.2, duty=0.25)
SWIRL = Swirl(name="s", description="", period=3.0, phase=None, colours=RAINBOW, level=0.8)
STEADY = Steady(name="st", description="", colour=WHITE, level=0.8)
KEYFRAMES = Keyframes(
    name="k",
    description="",
    period=1.5,
    frames=(Keyframe(RED, 0.8, fade=0.2, hold=0.5), Keyframe(BLUE, 0.4, fade=0.5, hold=0.3)),
)
ALL = [BREATHE, PULSE, CHASE, FLASH, SWIRL, STEADY, KEYFRAMES]


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: type(pattern).__name__)
def test_every_pattern_begins_at_its_brightest(pattern: Pattern) -> None:
    brightest = max(max(pattern.light(index / 500)) for index in range(500))
    assert max(pattern.light(0.0)) == pytest.approx(brightest) == pytest.approx(0.8)


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(ALL), st.floats(0, 1, exclude_max=True))
def test_light_never_leaves_what_the_designer_allowed(pattern: Pattern, at: float) -> None:
    parts = pattern.light(at)
    assert all(-1e-9 <= part <= 0.8 + 1e-9 for part in parts)
    assert max(parts) >= 0.2 - 1e-9


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from([BREATHE, PULSE, CHASE, SWIRL]), st.floats(0, 1, exclude_max=True))
def test_soft_patterns_have_no_jump_anywhere_not_even_at_the_end_of_the_period(pattern: Pattern, at: float) -> None:
    step = 1e-4
    here, there = pattern.light(at), pattern.light((at + step) % 1.0 % 1.0)
    assert max(abs(one - other) for one, other in zip(here, there, strict=True)) < 10 * step


def test_a_breath_is_lowest_in_the_middle() -> None:
    assert BREATHE.light(0.5) == pytest.approx((0.2, 0.2, 0.2))


def test_a_pulse_rises_faster_than_it_falls() -> None:
    assert PULSE.light(0.75)[0] == pytest.approx(0.2)
    assert PULSE.light(0.375)[0] == pytest.approx(PULSE.light(0.875)[0]) == pytest.approx(0.5)


def test_a_flash_is_on_for_its_duty_and_then_low() -> None:
    assert FLASH.light(0.2499) == (0.8, 0.8, 0.8)
    assert FLASH.light(0.25) == pytest.approx((0.2, 0.2, 0.2))


def test_a_swirl_passes_every_colour_and_comes_back() -> None:
    for index, colour in enumerate(RAINBOW):
        assert SWIRL.light(index / 6) == pytest.approx(tuple(0.8 * part for part in colour))
    assert SWIRL.light(0.999999999999) == pytest.approx(SWIRL.light(0.0), abs=1e-9)


def test_a_chase_on_one_led_flares_up_and_fades_to_its_low_light() -> None:
    assert CHASE.light(0.75) == pytest.approx((0.2, 0.2, 0.2))
    assert CHASE.light(0.3)[0] > CHASE.light(0.6)[0] > 0.2


def test_keyframes_hold_and_fade_in_the_order_written() -> None:
    seconds = {0.0: (0.8, 0, 0), 0.49: (0.8, 0, 0), 0.75: (0.4, 0, 0.2), 1.0: (0, 0, 0.4), 1.29: (0, 0, 0.4)}
    for time, colour in seconds.items():
        assert KEYFRAMES.light(time / 1.5) == pytest.approx(colour), time
    assert KEYFRAMES.light(1.4 / 1.5) == pytest.approx((0.4, 0.0, 0.2))


def test_a_keyframe_without_a_fade_is_a_jump() -> None:
    frames = (Keyframe(RED, 1.0, fade=0.0, hold=0.5), Keyframe(BLUE, 1.0, fade=0.0, hold=0.5))
    pattern = Keyframes(name="k", description="", period=1.0, frames=frames)
    assert pattern.light(0.4999) == RED
    assert pattern.light(0.5) == BLUE
    assert (pattern.index(0.4999), pattern.index(0.5)) == (0, 1)


def test_even_phase_spreads_the_leds_over_the_period() -> None:
    assert SWIRL.lag(3) == pytest.approx(1 / 3)
    assert BREATHE.lag(3) == 0.0


def test_patterns_are_found_by_name_and_an_unknown_name_gets_a_hint() -> None:
    patterns = LightPatterns({"steady": STEADY})
    assert patterns["steady"] is STEADY
    assert list(patterns) == ["steady"]
    with pytest.raises(KeyError, match="did you mean 'steady'"):
        patterns["stedy"]


def test_what_was_loaded_cannot_be_changed_through_its_source() -> None:
    source: dict[str, Pattern] = {"steady": STEADY}
    patterns = LightPatterns(source)
    source.clear()
    assert "steady" in patterns
