"""Properties and assumptions as designers write them: what is taken, and what is said about mistakes."""

from __future__ import annotations

import pytest
from chart_material import checked, problems_of
from prove_material import WORDS

from pommai.chart.specification import Assumed, Claim, Specification

CHART = """\
durations: {limit: 10s}
states:
  idle: {transitions: [{event: button.pressed, target: busy}]}
  busy: {do: record, after: {limit: {target: idle}}}
"""


def specification(more: str) -> Specification:
    return checked(CHART + more, WORDS).specification


def claim(words: str) -> Claim:
    (found,) = specification(f"resting: idle\nproperties:\n  p: {{because: it matters, {words}}}\n").claims
    return found


def told(more: str) -> list[str]:
    """Problems as `line:column: message (hint)`."""
    return [str(problem).removeprefix("chart.yaml:").replace("error: ", "") for problem in problems_of(CHART + more)]


def test_a_chart_without_properties_claims_nothing() -> None:
    assert specification("") == Specification(outside=WORDS.events)


def test_a_property_keeps_its_reason_its_line_and_its_names() -> None:
    found = claim("only: {calls: [chime, forget], from: idle}")
    assert (found.id, found.because, found.kind, found.line) == ("p", "it matters", "only", 7)
    assert found.names == {"calls": (frozenset({"chime"}), frozenset({"forget"})), "from": (frozenset({"idle"}),)}
    assert found.any_of("calls") == {"chime", "forget"}
    assert found.any_of("to") is None


def test_a_family_of_events_is_spelt_out() -> None:
    found = claim("always: {on: [link.*, timer.busy.limit], to: busy}")
    assert found.any_of("on") == {"link.up", "link.down", "timer.busy.limit"}


def test_an_effect_stands_for_all_that_have_it_but_those_taken_out() -> None:
    assert claim("only: {calls: sends, from: idle}").any_of("calls") == {"alert", "ask"}
    assert claim("only: {calls: sends, but: ask, from: idle}").any_of("calls") == {"alert"}


@pytest.mark.parametrize(("written", "seconds"), [("limit", 10.0), ("1m30s", 90.0)])
def test_a_time_is_a_duration_or_the_name_of_one(written: str, seconds: float) -> None:
    assert claim(f"returns: {{within: {written}}}").within == seconds


def test_a_duration_that_only_a_property_uses_is_used() -> None:
    more = "properties: {p: {because: x, returns: {to: idle, within: limit}}}\n"
    text = CHART.replace("after: {limit:", "after: {5s:")
    assert checked(text + more, WORDS).specification.claims[0].within == 10.0


def test_assumptions_say_on_which_events_and_in_which_states() -> None:
    (first, second) = specification(
        """\
assumptions:
  a: {because: it is so, never_together: [online, heard_speech], on: link.*}
  b: {because: it is so, holds: online or In('idle'), in: busy}
"""
    ).assumptions
    assert first == Assumed("a", "it is so", first.holds, frozenset({"link.up", "link.down"}), None)
    assert [" ".join(text for _, text in tokens) for tokens in first.holds] == ["not ( online and heard_speech )"]
    assert (second.events, second.states) == (None, frozenset({"busy"}))


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "properties: {p: {because: x, returns: {from: idle, to: idle, within: limt}}}",
            "5:70: 'within' must be a duration, not 'limt' (did you mean 'limit'?)",
        ),
        ("resting: idel", "5:10: no state is called 'idel' (did you mean 'idle'?)"),
        ("properties: {p: {never: {in: idle}}}", "5:17: property 'p' needs the key 'because'"),
        (
            "properties: {p: {because: x}}",
            "5:17: property 'p' needs exactly one of never, always, returns, only",
        ),
        (
            "properties: {p: {because: x, never: {in: idle}, only: {calls: chime, to: idle}}}",
            "5:49: property 'p' needs exactly one of never, always, returns, only",
        ),
        (
            "properties: {p: {because: x, nevr: {in: idle}}}",
            "5:30: property 'p' has no key 'nevr' (did you mean 'never'?)",
        ),
        (
            "properties: {p: {because: x, never: {inn: idle}}}",
            "5:38: 'never' of property 'p' has no key 'inn' (did you mean 'in'?)",
        ),
        (
            "properties: {p: {because: x, never: {in: bussy}}}",
            "5:42: no state is called 'bussy' (did you mean 'busy'?)",
        ),
        (
            "properties: {p: {because: x, never: {doing: recrod}}}",
            "5:45: no activity is called 'recrod' (did you mean 'record'?)",
        ),
        (
            "properties: {p: {because: x, never: {light: error_rde}}}",
            "5:45: no light pattern is called 'error_rde' (did you mean 'error_red'?)",
        ),
        (
            "properties: {p: {because: x, never: {if: online}}}",
            "5:42: no guard is called 'online' (a situation has states only: In('idle'))",
        ),
        (
            "properties: {p: {because: x, always: {on: button.presed, to: busy}}}",
            "5:43: no event is called 'button.presed' (did you mean 'button.pressed'?)",
        ),
        (
            "properties: {p: {because: x, always: {on: link.up}}}",
            "5:14: 'p' says when, but not what (write one of to, not_to, calls, never_calls)",
        ),
        (
            "properties: {p: {because: x, always: {calls: chime, within: 3s}}}",
            "5:14: 'p' says within what time, but not where to (write `to`)",
        ),
        (
            "properties: {p: {because: x, always: {if: busy, to: idle}}}",
            "5:43: no guard is called 'busy' (to ask for a state write In('busy'))",
        ),
        (
            "properties: {p: {because: x, only: {calls: chimes, to: idle}}}",
            "5:44: no action is called 'chimes' (did you mean 'chime'?)",
        ),
        (
            "properties: {p: {because: x, only: {calls: chime}}}",
            "5:14: 'p' says what, but not when (write one of from, to, on, if)",
        ),
        (
            "properties: {p: {because: x, only: {from: idle}}}",
            "5:14: 'p' says when, but not what (write `calls` or `starts`)",
        ),
        ("properties: {p: {because: x, returns: {to: idle}}}", "5:14: 'p' needs `within` (write `within: 1m`)"),
        (
            "properties: {p: {because: x, returns: {within: 1m}}}",
            "5:14: 'p' does not say where to (write `to`, or `resting` at the top)",
        ),
        (
            "properties: {2p: {because: x, never: {in: idle}}}",
            "5:14: one of the properties cannot be called '2p' (use letters, digits and _, and no digit first)",
        ),
        ("assumptions: {a: {because: x, holds: onlin}}", "5:38: no guard is called 'onlin' (did you mean 'online'?)"),
        (
            "assumptions: {a: {because: x, never_together: online}}",
            "5:15: 'never_together' of assumption 'a' needs two guards (write `never_together: [a, b]`)",
        ),
        (
            "assumptions: {a: {because: x, never_together: [online, herd_speech]}}",
            "5:56: no guard is called 'herd_speech' (did you mean 'heard_speech'?)",
        ),
    ],
)
def test_a_mistake_is_told_where_it_is_with_what_was_meant(more: str, problem: str) -> None:
    assert told(more + "\n") == [problem]


def test_properties_stand_at_the_top_of_the_file() -> None:
    (problem,) = problems_of("states: {a: {properties: {}}}")
    assert problem.hint == "properties stand at the top of the file"
