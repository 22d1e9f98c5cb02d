"""From a chart to its decision table. That it is python-statemachine's own opinion: test_chart_against_library."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from chart_material import VOCABULARY, checked, problems_of, shown, table_of
from msgspec.structs import replace

from pommai.chart import compile as compiler
from pommai.chart.compile import compile_chart
from pommai.chart.machine import ChartMachine
from pommai.chart.table import OTHER, Step
from pommai.errors import ChartError

Told = list[str]


def told(step: Step) -> Told:
    return [f"{operation.kind} {operation.name}" for operation in step.operations]


def play(text: str, *events: str, **answers: bool) -> tuple[tuple[str, ...], Told]:
    """Where the chart is after these events, and what it did on the last; guards not named hold."""
    machine = ChartMachine(table_of(text))
    step = machine.start(lambda name: answers.get(name, True))
    for event in events:
        step = machine.receive(event, lambda name: answers.get(name, True))
    return step.configuration, told(step)


def test_every_configuration_event_and_answer_is_in_the_table() -> None:
    table = table_of(
        """
        states:
          idle: {transitions: [{event: link.up, cond: online and heard_speech, target: busy}]}
          busy: {transitions: [{event: link.down, target: idle}]}
        """
    )
    assert [node.configuration for node in table.nodes] == [("idle",), ("busy",)]
    tree = table.nodes[0].events["link.up"]
    assert not isinstance(tree, Step)
    guard, yes, no = tree
    assert not isinstance(yes, Step)
    assert (guard, yes[0]) == ("online", "heard_speech")
    assert [leaf.configuration for leaf in (yes[1], yes[2], no) if isinstance(leaf, Step)] == [
        ("busy",),
        ("idle",),
        ("idle",),
    ]


def test_the_way_in_may_depend_on_guards_too() -> None:
    text = "states: {a: {enter: chime, transitions: {cond: online, target: b}}, b: {enter: forget}}"
    assert play(text, online=True) == (("b",), ["call chime", "call forget"])
    assert play(text, online=False) == (("a",), ["call chime"])


def test_actions_keep_their_order_and_their_repeats() -> None:
    text = "states: {a: {transitions: {event: link.up, on: [chime, forget, chime]}}}"
    assert play(text, "link.up") == (("a",), ["call chime", "call forget", "call chime"])


def test_a_raised_event_is_taken_in_the_same_step() -> None:
    text = """
    states:
      a: {transitions: {event: link.up, target: b, on: {raise: go.on}}}
      b: {transitions: {event: go.on, target: c, on: chime}}
      c: {}
    """
    assert play(text, "link.up") == (("c",), ["call chime"])


def test_a_state_is_done_when_it_has_come_to_its_final_state() -> None:
    text = """
    states:
      work:
        transitions: {event: done.state.work, target: rest}
        states:
          one: {transitions: {event: link.up, target: two}}
          two: {final: true}
      rest: {}
    """
    assert play(text, "link.up")[0] == ("rest",)


def test_a_parallel_state_is_done_when_all_its_parts_are() -> None:
    text = """
    states:
      work:
        parallel: true
        transitions: {event: done.state.work, target: rest}
        states:
          left: {states: {l1: {transitions: {event: link.up, target: l2}}, l2: {final: true}}}
          right: {states: {r1: {transitions: {event: link.down, target: r2}}, r2: {final: true}}}
      rest: {}
    """
    assert play(text, "link.up")[0] == ("work", "left", "l2", "right", "r1")
    assert play(text, "link.up", "link.down")[0] == ("rest",)


HISTORY = """
states:
  work:
    history: {back: {type: KIND, transitions: [{target: one, on: forget}]}}
    transitions: {event: button.pressed, target: pause}
    states:
      one: {transitions: {event: link.up, target: two}}
      two: {states: {deep1: {transitions: {event: link.up, target: deep2}}, deep2: {}}}
  pause: {initial: true, exit: chime, transitions: {event: button.released, target: back}}
"""


@pytest.mark.parametrize(("kind", "state"), [("shallow", "deep1"), ("deep", "deep2")])
def test_a_history_brings_back_what_was_left(kind: str, state: str) -> None:
    text = HISTORY.replace("KIND", kind)
    events = ["button.released", "link.up", "link.up", "button.pressed", "button.released"]
    assert play(text, *events)[0] == ("work", "two", state)


def test_without_a_memory_a_history_goes_to_its_default() -> None:
    assert play(HISTORY.replace("KIND", "deep"), "button.released") == (("work", "one"), ["call chime", "call forget"])


def test_an_internal_transition_does_not_leave_its_own_state() -> None:
    text = """
    states:
      a:
        do: record
        transitions:
          - {event: link.up, internal: true, target: c}
          - {event: link.down, target: c}
        states: {b: {}, c: {}}
    """
    assert play(text, "link.up") == (("a", "c"), [])
    assert play(text, "link.down") == (("a", "c"), ["stop record", "start record"])


def test_one_transition_may_choose_states_in_several_parts() -> None:
    text = """
    states:
      a: {transitions: {event: link.up, target: l2 r2}}
      p: {parallel: true, states: {l: {states: {l1: {}, l2: {}}}, r: {states: {r1: {}, r2: {}}}}}
    """
    assert play(text, "link.up")[0] == ("p", "l", "l2", "r", "r2")


def test_whatever_happens_lets_a_waiting_guard_be_asked_again() -> None:
    text = """
    states:
      a: {transitions: {cond: online, target: b}}
      b: {transitions: {event: link.down, target: a}}
    """
    table = table_of(text)
    (waiting,) = [node for node in table.nodes if node.configuration == ("a",)]
    assert set(waiting.events) == {OTHER, "link.down"}
    machine = ChartMachine(table)
    machine.start(lambda name: False)
    assert machine.receive("speech.started", lambda name: False).configuration == ("a",)
    assert machine.receive("speech.started", lambda name: True).configuration == ("b",)


LIGHTS = """
states:
  a: {led: breathing_blue, transitions: {event: link.up, target: b}}
  b: {led: breathing_blue, transitions: {event: link.up, target: c}}
  c: {led: error_red, transitions: {event: link.up, target: d}}
  d: {}
"""


@pytest.mark.parametrize(
    ("steps", "expected"), [(0, ["led breathing_blue"]), (1, []), (2, ["led error_red"]), (3, ["led off"])]
)
def test_a_light_is_told_when_it_changes_and_only_then(steps: int, expected: Told) -> None:
    assert play(LIGHTS, *["link.up"] * steps)[1] == expected


def test_darkness_needs_a_pattern_too() -> None:
    patterns = frozenset({"breathing_blue", "error_red"})
    with pytest.raises(ChartError, match=r"no state asks for a light in d, and no pattern is called 'off'") as caught:
        compile_chart(checked(LIGHTS, replace(VOCABULARY, led_patterns=patterns)))
    (problem,) = caught.value.problems
    assert problem.line == 6


@pytest.mark.parametrize(
    ("outer", "left", "right", "winner"),
    [
        ("{pattern: 'off', priority: 1}", "error_red", "breathing_blue", "off"),
        ("'off'", "error_red", "breathing_blue", "error_red"),
        ("'off'", "error_red", "{pattern: breathing_blue, priority: 1}", "breathing_blue"),
    ],
)
def test_the_highest_priority_then_the_deepest_then_the_first_state_has_the_light(
    outer: str, left: str, right: str, winner: str
) -> None:
    text = f"states: {{p: {{parallel: true, led: {outer}, states: {{l: {{led: {left}}}, r: {{led: {right}}}}}}}}}"
    assert play(text)[1] == [f"led {winner}"]


ENDLESS: Mapping[str, str] = {
    "states: {a: {transitions: {target: b}}, b: {transitions: {cond: online, target: a}}}": (
        "1:27: at the start these transitions never end: b -> a (line 1), a -> b (line 1) "
        "(if online; give one an event or a guard)"
    ),
    "states: {a: {transitions: {event: link.up, on: {raise: link.up}}}}": (
        "1:27: on link.up in a these transitions never end: a -> a (line 1) (raise another event)"
    ),
}


@pytest.mark.parametrize("text", ENDLESS)
def test_transitions_that_never_end_are_found_and_named(text: str) -> None:
    assert shown(text) == [ENDLESS[text]]


def test_more_configurations_than_can_be_worked_through_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "MAX_NODES", 2)
    (problem,) = problems_of(LIGHTS.replace("d: {}", "d: {transitions: {event: link.up, target: a}}"))
    assert "more than 2 configurations" in problem.message


def test_progress_is_told_as_work_is_found_and_done() -> None:
    heard: list[tuple[int, int]] = []
    compile_chart(checked(LIGHTS), lambda done, found: heard.append((done, found)))
    assert heard == [(1, 2), (2, 3), (3, 4), (4, 4)]
