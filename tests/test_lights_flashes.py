"""How often a light flashes."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pommai.lights.colours import CSS_COLOURS, Rgb
from pommai.lights.flashes import find_flashing
from pommai.lights.gamma import GAMMA
from pommai.lights.patterns import RAINBOW, Breathe, Chase, Flash, Keyframe, Keyframes, Pattern, Pulse, Steady, Swirl

WHITE: Rgb = (1.0, 1.0, 1.0)
BLUE: Rgb = (0.0, 0.0, 1.0)
RED: Rgb = (1.0, 0.0, 0.0)


def flash(
    hertz: float, colour: Rgb = WHITE, *, level: float = 1.0, low: float = 0.0, duty: float = 0.5, phase: float = 0.0
) -> Pattern:
    return Flash(
        name="f", description="", period=1 / hertz, phase=phase, colour=colour, level=level, low=low, duty=duty
    )


def keyframes(*frames: tuple[Rgb, float, float]) -> Keyframes:
    """Each a colour, a light (linear, 0..1) and how long it holds."""
    made = tuple(Keyframe(colour, light ** (1 / GAMMA), fade=0.0, hold=hold) for colour, light, hold in frames)
    return Keyframes(name="k", description="", period=sum(hold for *_, hold in frames), frames=made)


def test_exactly_three_flashes_a_second_are_allowed_and_a_hair_more_is_not() -> None:
    assert find_flashing(flash(3.0)) is None
    found = find_flashing(flash(3.02))
    assert found is not None
    assert found.rate == 3.5


@settings(deadline=None)  # the machine may be busy
@given(st.floats(0.2, 10.0), st.floats(0.1, 0.9), st.sampled_from([WHITE, BLUE, RED, CSS_COLOURS["gold"]]))
def test_a_flash_is_refused_from_three_a_second_on_whatever_its_duty_and_colour(
    hertz: float, duty: float, colour: Rgb
) -> None:
    assume(abs(hertz - 3.0) > 0.02)
    assert (find_flashing(flash(hertz, colour, duty=duty)) is not None) == (hertz > 3.0)


@pytest.mark.parametrize("level", [1.0, 0.4, 0.1])
def test_a_dim_flash_counts_since_the_eye_adapts_to_the_dark(level: float) -> None:
    assert find_flashing(flash(5.0, BLUE, level=level)) is not None


@pytest.mark.parametrize("kind", [Breathe, Pulse])
def test_soft_edges_do_not_make_a_fast_pattern_safe(kind: type[Breathe] | type[Pulse]) -> None:
    for period, refused in ((0.2, True), (0.32, True), (0.34, False), (1.0, False)):
        pattern = kind(name="b", description="", period=period, colour=WHITE, level=1.0, low=0.0)
        assert (find_flashing(pattern) is not None) == refused, period


def test_a_change_below_a_tenth_of_full_brightness_and_a_third_of_its_own_is_a_shimmer_not_a_flash() -> None:
    for bright, dark, refused in (
        (1.00, 0.91, False),
        (1.00, 0.89, True),  # WCAG's 0.10
        (0.20, 0.14, False),
        (0.20, 0.13, True),  # a third of its own
    ):
        pattern = keyframes((WHITE, bright, 0.1), (WHITE, dark, 0.1))
        assert (find_flashing(pattern) is not None) == refused, (bright, dark)


def test_a_burst_inside_a_slow_pattern_is_found_where_it_begins() -> None:
    burst = [(WHITE, 1.0, 0.06), (WHITE, 0.0, 0.06)] * 4
    found = find_flashing(keyframes((WHITE, 0.0, 4.0), *burst, (WHITE, 0.0, 3.0)))
    assert found is not None
    assert found.start * 7.48 == pytest.approx(4.0, abs=0.02)
    assert found.rate == 4.0


def test_a_burst_across_the_end_of_the_period_is_found() -> None:
    burst = [(WHITE, 1.0, 0.06), (WHITE, 0.0, 0.06)] * 2
    assert find_flashing(keyframes(*burst, (WHITE, 0.0, 3.0))) is None
    assert find_flashing(keyframes(*burst, (WHITE, 0.0, 3.0), *burst)) is not None


def test_three_leds_that_take_turns_are_looked_at_together() -> None:
    alone = find_flashing(flash(1.5, duty=0.2))
    in_turn = find_flashing(flash(1.5, duty=0.2, phase=1 / 3))
    assert alone is None
    assert in_turn is not None
    assert "together" in in_turn.whose
    assert in_turn.rate == pytest.approx(4.5, abs=0.5)


def test_a_chase_counts_by_each_led_and_by_all() -> None:
    def chase(period: float, tail: float) -> Pattern:
        return Chase(name="c", description="", period=period, phase=None, colour=WHITE, level=1.0, low=0.0, tail=tail)

    assert find_flashing(chase(1.5, 0.7)) is None
    assert find_flashing(chase(0.25, 0.7)) is not None
    assert find_flashing(chase(0.8, 0.15)) is not None


def test_red_against_a_green_of_the_same_brightness_flashes_red() -> None:
    dim_green = 0.2126 / 0.7152
    found = find_flashing(keyframes((RED, 1.0, 0.1), ((0.0, 1.0, 0.0), dim_green, 0.1)))
    assert found is not None
    assert "red" in found.kind
    assert find_flashing(keyframes((RED, 1.0, 0.2), ((0.0, 1.0, 0.0), dim_green, 0.2))) is None


def test_blue_against_a_green_of_the_same_brightness_is_no_flash() -> None:
    dim_green = 0.0722 / 0.7152
    assert find_flashing(keyframes((BLUE, 1.0, 0.1), ((0.0, 1.0, 0.0), dim_green, 0.1))) is None


def test_a_rainbow_is_judged_by_how_fast_its_brightness_changes() -> None:
    def swirl(period: float) -> Pattern:
        return Swirl(name="s", description="", period=period, phase=0.0, colours=RAINBOW, level=0.5)

    assert find_flashing(swirl(1.0)) is None
    assert find_flashing(swirl(0.3)) is not None


def test_darkness_and_still_light_never_flash() -> None:
    assert find_flashing(Steady(name="s", description="", colour=WHITE, level=1.0)) is None
    assert find_flashing(flash(5.0, (0.0, 0.0, 0.0))) is None
    assert find_flashing(flash(5.0, level=1e-100)) is None


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(
        st.tuples(st.sampled_from([WHITE, BLUE, RED]), st.floats(0, 1), st.integers(2, 40).map(lambda n: n / 100)),
        min_size=2,
        max_size=12,
    )
)
def test_slowed_down_by_the_factor_it_names_a_pattern_is_safe(frames: list[tuple[Rgb, float, float]]) -> None:
    found = find_flashing(keyframes(*frames))
    if found is None:
        return
    factor = math.ceil(found.slower * 10) / 10 + 0.1
    slower = keyframes(*((colour, light, hold * factor) for colour, light, hold in frames))
    again = find_flashing(slower)
    assert again is None or again.slower < 1.1
