"""Each kind of property: one that holds, and one that breaks by the shortest sequence there is."""

from __future__ import annotations

import pytest
from prove_material import PLAYER, player, story_of, verdict_of

from pommai.chart.prove_claims import Verdict

HOLD = {
    "never": [
        "never: {in: idle, doing: record}",
        "never: {in: [over, idle], not_light: [breathing_blue, 'off']}",
        "never: {doing: record, not_in: busy}",
        "never: {doing: record, light: breathing_blue}",
        "never: {if: \"In('idle') and In('busy')\"}",
    ],
    "always": [
        "always: {from: busy, on: button.released, not_to: busy}",
        "always: {from: busy, on: button.released, if: heard_speech, to: idle, calls: play}",
        "always: {from: busy, on: button.released, if: not heard_speech, to: over, calls: [forget, play]}",
        "always: {entering: busy, calls: chime}",
        "always: {on: link.down, to: 'off'}",
        "always: {from: busy, not_on: [button.released, timer.busy.limit], to: busy}",
        "always: {on: link.*, never_calls: sends, but: ask}",
        "always: {from: idle, on: button.pressed, to: idle, within: 13s}",
        "always: {from: busy, on: button.released, to: idle, within: sorry}",
    ],
    "only": [
        "only: {calls: chime, to: busy}",
        "only: {calls: forget, from: busy, on: button.released, if: not heard_speech}",
        "only: {starts: record, from: idle, not_to: over}",
        "only: {calls: sends, not_from: up, not_on: button.*}",
    ],
    "returns": [
        "returns: {within: 13s}",
        "returns: {from: over, to: idle, within: 3s}",
        "returns: {from: busy, to: [over, idle], within: limit}",
    ],
}
BREAK = [
    ("never: {in: busy, doing: record}", ["button.pressed"]),
    ("never: {in: over}", ["button.pressed", "button.released not heard_speech"]),
    ("never: {if: \"In('over') and In('up')\"}", ["button.pressed", "button.released not heard_speech", "link.up"]),
    ("never: {light: error_red, in: up}", ["button.pressed", "link.up"]),
    ("always: {from: busy, on: button.released, to: idle}", ["button.pressed", "button.released not heard_speech"]),
    ("always: {from: idle, on: button.released, not_to: idle}", ["button.released"]),
    (
        "always: {from: busy, on: button.released, calls: [play, forget]}",
        ["button.pressed", "button.released heard_speech"],
    ),
    (
        "always: {from: busy, on: button.released, if: not heard_speech, calls: [play, forget]}",
        ["button.pressed", "button.released not heard_speech"],
    ),
    ("always: {from: up, on: link.*, never_calls: sends, to: up}", ["link.up", "link.down"]),
    ("always: {entering: up, never_calls: sends}", ["link.up"]),
    (
        "always: {from: idle, on: button.pressed, to: idle, within: 12s}",
        ["button.pressed", "timer.busy.limit", "timer.over.sorry"],
    ),
    ("only: {calls: play, on: button.pressed}", ["button.pressed", "button.released heard_speech"]),
    ("only: {calls: play, if: heard_speech}", ["button.pressed", "button.released not heard_speech"]),
    ("only: {starts: record, from: over}", ["button.pressed"]),
    ("returns: {within: 12s}", ["button.pressed", "timer.busy.limit", "timer.over.sorry"]),
    ("returns: {to: busy, within: 1h}", []),
]


@pytest.mark.parametrize("claim", [claim for claims in HOLD.values() for claim in claims])
def test_a_property_that_is_kept_holds(claim: str) -> None:
    verdict = player(claim)
    assert verdict.holds, verdict.words


@pytest.mark.parametrize(("claim", "story"), BREAK)
def test_a_property_that_is_broken_comes_with_the_shortest_way_to_break_it(claim: str, story: list[str]) -> None:
    verdict = player(claim)
    assert not verdict.holds
    assert story_of(verdict) == story


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("never: {in: idle, doing: listen}", "proves nothing: listen never runs"),
        ("never: {in: idle, not_doing: listen}", "proves nothing: listen never runs"),
        ("always: {from: over, entering: busy, calls: chime}", "proves nothing: this never happens"),
        ("only: {calls: [chime, say], from: idle}", "proves nothing: say never happens"),
        ("always: {from: busy, on: timer.over.sorry, to: idle}", "proves nothing: this never happens"),
    ],
)
def test_a_property_whose_premise_is_never_met_is_a_mistake(claim: str, words: str) -> None:
    verdict = player(claim)
    assert (verdict.holds, verdict.words) == (False, words)


def test_how_long_it_takes_at_most_is_told() -> None:
    assert player("returns: {within: 1m}").seconds == 13.0
    assert player("returns: {from: over, within: 1m}").seconds == 3.0
    assert player("returns: {within: 12s}").seconds == 13.0
    assert player("returns: {to: busy, within: 1h}").seconds is None


def test_an_answer_that_is_assumed_away_breaks_nothing() -> None:
    claim = "always: {from: busy, on: button.released, to: idle}"
    said = "assumptions: {a: {because: it is so, holds: heard_speech, on: button.released, in: busy}}\n"
    elsewhere = "assumptions: {a: {because: it is so, holds: heard_speech, on: button.released, in: idle}}\n"
    assert player(claim, said).holds
    assert not player(claim, elsewhere).holds


def test_guards_that_are_never_true_together_are_not_taken_together() -> None:
    claim = "always: {from: busy, on: button.released, if: online, to: over}"
    assert not player(claim).holds
    assert player(claim, "assumptions: {a: {because: it is so, never_together: [heard_speech, online]}}\n").holds


def test_what_is_said_of_entering_a_state_is_said_of_power_up_too() -> None:
    start = "          waking: {initial: true, transitions: [{cond: online, target: busy}, {target: over}]}\n"
    chart = PLAYER.replace("          idle:\n", f"{start}          idle:\n", 1)

    def verdict(claim: str) -> Verdict:
        return verdict_of("p", f"{chart}properties:\n  p: {{because: it matters, {claim}}}\n")

    assert verdict("always: {entering: busy, calls: chime}").holds
    broken = verdict("always: {entering: busy, calls: forget}")
    assert not broken.holds
    assert story_of(broken) == []
    assert verdict("always: {from: idle, entering: busy, calls: chime}").holds
