"""The parts of a chart."""

from __future__ import annotations

from chart_material import chart_of

CHART = """
states:
  a:
    enter: chime
    after: {2s: {target: c, on: forget}}
    transitions: {event: link.up, cond: online and not In('c'), target: h}
    history: {h: {transitions: [{target: b, on: {play: hello}}]}}
    states: {b: {exit: chime}}
  c: {}
"""


def test_states_are_walked_in_document_order() -> None:
    assert [(state.id, state.parent, state.depth) for state in chart_of(CHART).walk()] == [
        ("a", None, 0),
        ("b", "a", 1),
        ("c", None, 0),
    ]


def test_timers_are_tried_after_the_transitions_that_were_written() -> None:
    first = chart_of(CHART).states[0]
    assert [transition.events for transition in first.all_transitions()] == [("link.up",), ("timer.a.2s",)]


def test_all_actions_of_a_state_are_those_of_its_timers_and_histories_too() -> None:
    first = chart_of(CHART).states[0]
    assert [getattr(action, "name", "") for action in first.all_actions()] == ["chime", "forget", "play"]


def test_a_guard_knows_the_names_and_states_it_asks_for() -> None:
    (guard,) = chart_of(CHART).states[0].transitions[0].cond
    assert (guard.names, guard.states) == (["online"], ["c"])
