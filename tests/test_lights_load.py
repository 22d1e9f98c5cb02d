"""led_patterns.yaml -> LightPatterns."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from pommai.errors import LightsError, Problem
from pommai.lights.colours import CSS_COLOURS
from pommai.lights.gamma import to_led
from pommai.lights.keys import KINDS
from pommai.lights.load import load_patterns, parse_patterns
from pommai.lights.patterns import RAINBOW, Breathe, Chase, Flash, Keyframe, Keyframes, Pulse, Steady, Swirl
from pommai.lights.render import Animation

SHIPPED = Path(__file__).parents[1] / "led_patterns.yaml"


def pattern_of(body: str) -> object:
    return parse_patterns(_document(body))["it"]


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(LightsError) as caught:
        parse_patterns(dedent(text))
    return caught.value.problems


def problem_of(body: str) -> Problem:
    """The one problem of a pattern `it`, whose body begins in line 4 of the file."""
    found = problems_of(_document(body))
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def _document(body: str) -> str:
    return "patterns:\n  it:\n    description: A test.\n" + "".join(
        f"    {line}\n" for line in dedent(body).strip().splitlines()
    )


# -- what is read --------------------------------------------------------------------------------


def test_each_kind_reads_its_keys() -> None:
    blue, white = CSS_COLOURS["blue"], CSS_COLOURS["white"]
    common = {"name": "it", "description": "A test."}
    assert pattern_of("kind: steady\ncolour: blue\nlevel: 30%") == Steady(**common, colour=blue, level=0.3)
    assert pattern_of("kind: breathe\ncolour: blue\nlevel: 30%\nlow: 5%\nperiod: 4s\nphase: 10%") == Breathe(
        **common, period=4.0, phase=0.1, colour=blue, level=0.3, low=0.05
    )
    assert pattern_of("kind: pulse\ncolour: '#fff'\nperiod: 900ms") == Pulse(
        **common, period=0.9, phase=0.0, colour=white, level=0.4, low=0.0
    )
    assert pattern_of("kind: flash\ncolour: white\nperiod: 1s\nduty: 12.5%\nphase: even") == Flash(
        **common, period=1.0, phase=None, colour=white, level=0.4, low=0.0, duty=0.125
    )
    assert pattern_of("kind: swirl\nperiod: 3s") == Swirl(**common, period=3.0, phase=None, colours=RAINBOW, level=0.4)
    assert pattern_of("kind: swirl\nperiod: 3s\ncolours: [blue, white]\nphase: 0%") == Swirl(
        **common, period=3.0, phase=0.0, colours=(blue, white), level=0.4
    )
    assert pattern_of("kind: chase\ncolour: blue\nperiod: 1500ms\ntail: 60%") == Chase(
        **common, period=1.5, phase=None, colour=blue, level=0.4, low=0.0, tail=0.6
    )
    frames = "kind: keyframes\nframes:\n  - {colour: blue, fade: 200ms}\n  - {colour: white, level: 20%, hold: 1s}"
    assert pattern_of(frames) == Keyframes(
        **common, period=1.2, frames=(Keyframe(blue, 0.4, fade=0.2, hold=0.0), Keyframe(white, 0.2, fade=0.0, hold=1.0))
    )


def test_a_palette_names_colours_and_may_redefine_those_of_css() -> None:
    patterns = parse_patterns(
        dedent("""\
            colours: {sky: '#2060ff', blue: '#0000f0'}
            patterns:
              one: {kind: steady, description: x, colour: sky}
              two: {kind: steady, description: x, colour: blue}
        """)
    )
    one, two = patterns["one"], patterns["two"]
    assert isinstance(one, Steady)
    assert isinstance(two, Steady)
    assert one.colour == pytest.approx((0x20 / 255, 0x60 / 255, 1.0))
    assert two.colour == pytest.approx((0.0, 0.0, 0xF0 / 255))


# -- the shipped file ----------------------------------------------------------------------------


def test_the_shipped_file_has_a_pattern_for_everything_the_toy_says_with_light() -> None:
    assert set(load_patterns(SHIPPED)) >= {
        "breathing_blue",
        "listening_pulse",
        "thinking_swirl",
        "speaking_green",
        "error_red",
        "loading_chase",
        "switching_rainbow",
        "connection_lost",
        "not_set_up",
        "connecting",
        "safe_glow",
        "guardian_alert",
        "off",
    }


@pytest.mark.parametrize("count", [1, 3])
def test_every_shipped_pattern_lives_on_one_led_and_on_three(count: int) -> None:
    for name, pattern in load_patterns(SHIPPED).items():
        animation = Animation(pattern, count)
        frames = [animation.colours((index + 0.5) * 0.02) for index in range(len(animation))]
        assert (name == "off") == (not any(map(any, frames[0]))), name
        for led in range(count):
            shown = {frame[led] for frame in frames}
            assert pattern.is_still or len(shown) >= 2, name
            assert name == "off" or (0, 0, 0) not in shown, f"{name} goes out in between"


def test_nothing_that_is_shipped_dazzles_a_child_in_the_dark() -> None:
    for pattern in load_patterns(SHIPPED).values():
        for index in range(200):
            assert max(pattern.light(index / 200)) <= 0.6
    for name in ("breathing_blue", "connection_lost", "safe_glow"):
        assert to_led(max(load_patterns(SHIPPED)[name].light(0.0))) < 50


# -- what is refused -----------------------------------------------------------------------------


def test_all_problems_of_a_file_are_told_at_once_each_where_it_stands() -> None:
    found = problems_of("""\
        colours: {sky: '#2060f'}
        patterns:
          one: {kind: steady, description: x, colour: bleu}
          two: {kind: breath, description: x}
          three: {kind: breathe, colour: blue, period: 2s, speed: 3}
    """)
    assert [(problem.line, problem.column) for problem in found] == [(1, 16), (3, 47), (4, 15), (5, 10), (5, 52)]
    words = "\n".join(map(str, found))
    for part in ("'#ff8800'", "did you mean 'blue'?", "did you mean 'breathe'?", "'description'", "no key 'speed'"):
        assert part in words


@pytest.mark.parametrize(
    ("body", "line", "message", "hint"),
    [
        ("kind: steady\ncolour: blue\nlevel: 0.3", 6, "must be a percentage, not '0.3'", "write 30%"),
        ("kind: steady\ncolour: blue\nlevel: 30", 6, "must be a percentage, not '30'", "write 30%"),
        ("kind: steady\ncolour: blue\nlevel: 120%", 6, "must be a percentage, not '120%'", "0% to 100%"),
        ("kind: steady\ncolour: #ff8800", 5, "is empty", "quotes"),
        ("kind: steady\ncolour: ff8800", 5, "cannot be 'ff8800'", "write '#ff8800', in quotes"),
        ("kind: steady\ncolour: blurple_ish_thing", 5, "cannot be", "CSS colour name"),
        ("kind: steady", 3, "needs the key 'colour'", ""),
        ("kind: breathe\ncolour: blue\nperiod: 2", 6, "must be a duration", "2s"),
        ("kind: breathe\ncolour: blue\nperiod: 50ms", 6, "in 0.1..60 seconds", ""),
        ("kind: breathe\ncolour: blue\nperiod: 2h", 6, "in 0.1..60 seconds", ""),
        ("kind: breathe\ncolour: blue\nperiod: 2s\nphase: evn", 7, "percentage", "or even"),
        ("kind: breathe\ncolour: blue\nperiod: 2s\nlow: 50%", 7, "not below its level", ""),
        ("kind: breathe\ncolour: blue\nperiod: 2s\nlevel: 4%", 7, "too dim to be seen", "raise the level"),
        ("kind: breathe\ncolour: blue\nperiod: 2s\nduty: 50%", 7, "has no key 'duty'", ""),
        ("kind: swirl\nperiod: 2s\ncolours: [blue]", 6, "must have 2 to 12 items, not 1", ""),
        ("kind: swirl\nperiod: 2s\ncolours: blue", 6, "must be a list", ""),
        ("kind: flash\ncolour: blue\nperiod: 1s\nduty: 1%", 7, "on for 10 ms only", "duty"),
        ("kind: flash\ncolour: blue\nperiod: 1s\nduty: 99%", 7, "off for 10 ms only", "duty"),
        ("kind: chase\ncolour: blue\nperiod: 1s\ntail: 5%", 7, "flares up", "tail"),
        ("kind: keyframes\nframes: [{colour: red, hold: 1s}, {colour: blue}]", 5, "keyframe 2", "hold"),
        ("kind: keyframes\nframes: [{colour: red, hold: 1s}, {colour: blue, hold: 59.5s}]", 5, "60.5 s in all", "60 s"),
        ("kind: keyframes\nframes: [{colour: red, for: 1s}, {colour: blue, hold: 1s}]", 5, "has no key 'for'", "known"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_remedy(body: str, line: int, message: str, hint: str) -> None:
    found = problem_of(body)
    assert found.line == line
    assert message in found.message
    assert hint in found.hint


def test_a_name_is_small_letters_digits_and_underscores() -> None:
    found = problems_of("patterns: {Big-Light: {kind: steady, description: x, colour: red}}")
    assert "cannot be named 'Big-Light'" in found[0].message


def test_a_file_without_patterns_is_refused() -> None:
    assert "needs the key 'patterns'" in problems_of("colours: {}")[0].message
    assert "patterns is empty" in problems_of("patterns: {}")[0].message


def test_a_missing_file_is_a_problem_with_its_name() -> None:
    with pytest.raises(LightsError, match=r"nowhere\.yaml:1:1: error: cannot be read"):
        load_patterns(Path("nowhere.yaml"))


def test_a_fast_flash_is_refused_at_its_period_with_the_period_that_would_be_safe() -> None:
    found = problem_of("kind: flash\ncolour: red\nperiod: 200ms")
    assert (found.line, found.column) == (6, 13)
    assert "flashes 5 times in one second; more than 3 can cause seizures (WCAG 2.3.1)" in found.message
    assert "334ms or more is safe" in found.hint
    assert isinstance(pattern_of("kind: flash\ncolour: red\nperiod: 334ms"), Flash)


def test_a_burst_of_keyframes_is_refused_at_the_keyframe_where_it_begins() -> None:
    quick = "\n".join("  - {colour: white, hold: 60ms}\n  - {colour: black, hold: 60ms}" for _ in range(4))
    found = problem_of(f"kind: keyframes\nframes:\n  - {{colour: black, hold: 2s}}\n{quick}")
    assert found.line == 7
    assert "flashes 4 times" in found.message
    assert "times as long" in found.hint


def test_leds_that_flash_in_turn_are_refused_for_what_they_do_together() -> None:
    found = problem_of("kind: flash\ncolour: white\nperiod: 700ms\nduty: 20%\nphase: even")
    assert "the light of 3 LEDs taken together" in found.message


def test_every_kind_there_is_can_be_loaded() -> None:
    assert set(KINDS) == {"steady", "breathe", "pulse", "flash", "swirl", "chase", "keyframes"}
