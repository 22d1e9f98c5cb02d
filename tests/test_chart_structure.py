"""A chart holds together: every name of a state is one, and no two states are where one can be."""

from __future__ import annotations

import pytest
from chart_material import chart_of, shown, table_of

from pommai.chart.machine import ChartMachine
from pommai.chart.structure import MAX_STATES

# fmt: off
MISTAKES = [
    ("states: {idle: {transitions: {event: link.up, target: idel}}}",
     "1:55: no state is called 'idel' (did you mean 'idle'?)"),
    ("states: {idle: {transitions: {event: link.up, cond: In('idel'), target: idle}}}",
     "1:53: no state is called 'idel' (did you mean 'idle'?)"),
    ("states: {a: {states: {b: {}}}, b: {}}",
     "1:32: there are two states called 'b' (the first is in line 1; every state needs a name of its own)"),
    ("states: {a: {initial: true}, b: {initial: true}}", "1:30: 'b' cannot be initial: 'a' is already"),
    ("states: {a: {parallel: true, states: {b: {initial: true}, c: {}}}}",
     "1:39: 'b' cannot be initial: all states of a parallel state are active"),
    ("states: {a: {parallel: true, states: {b: {}}}}", "1:10: 'a' is parallel but has fewer than two states inside"),
    ("states: {a: {parallel: true, states: {b: {}, c: {final: true}}}}",
     "1:46: 'c' cannot be final: 'a' is parallel, its parts end by themselves"),
    ("states: {a: {final: true, do: record}}",
     "1:10: 'a' is final: it can have no states, transitions, timers or activities"),
    ("states: {a: {do: [record, record]}}", "1:27: 'a' does 'record' twice"),
    ("states: {a: {history: {h: {transitions: [{target: a}]}}}}",
     "1:24: 'a' cannot have a history (only a state that chooses among children)"),
    ("states: {a: {history: {h: {transitions: [{target: c}]}}, states: {b: {}}}, c: {}}",
     "1:51: 'c' is not inside 'a' (known: b)"),
    ("states: {a: {transitions: {event: link.up, target: b c}}, b: {}, c: {}}",
     "1:52: 'b' and 'c' cannot be active together "
     "(several targets must lie in different states of one parallel state)"),
    ("states: {a: {transitions: {event: link.up, target: b c}, states: {b: {states: {c: {}}}}}}",
     "1:52: 'b' and 'c' cannot be active together "
     "(several targets must lie in different states of one parallel state)"),
    ("states: {a: {transitions: {event: link.up, internal: true, target: a}}}",
     "1:27: 'a' has no choice of states inside to go to (take `internal` away)"),
    ("states: {a: {transitions: {event: link.up, internal: true, on: chime}}}",
     "1:27: without a target a transition is internal anyway (take `internal` away)"),
    ("states: {a: {states: {b: {}}, transitions: {event: link.up, internal: true, target: c}}, c: {}}",
     "1:85: an internal transition must lead inside 'a' (known: b)"),
    ("states: {a: {transitions: {event: link.up, target: h, on: chime}},"
     " b: {history: {h: {transitions: [{target: c}]}}, states: {c: {}, d: {}}}}",
     "1:27: a transition from outside into a history of 'b' cannot have actions"
     " (put them into 'exit' of 'a' or 'enter' of 'b')"),
]
# fmt: on


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text[:70] for text, _ in MISTAKES])
def test_what_does_not_hold_together_is_told(text: str, expected: str) -> None:
    assert expected in shown(text)


def test_a_target_may_be_one_state_in_each_part_of_a_parallel_state() -> None:
    chart = chart_of(
        """
        states:
          a: {transitions: {event: link.up, target: c h}}
          p:
            parallel: true
            states:
              left: {states: {b: {}, c: {}}}
              right: {states: {d: {}, e: {}}, history: {h: {transitions: [{target: e}]}}}
        """
    )
    assert chart.states[0].transitions[0].targets == ("c", "h")


def test_a_chart_with_more_states_than_any_toy_has_is_refused() -> None:
    states = ", ".join(f"s{number}: {{}}" for number in range(MAX_STATES + 1))
    assert shown(f"states: {{{states}}}")[0].endswith(f"more than {MAX_STATES} states (divide the chart)")


INSIDE = """
    states:
      home:
        history: {{h: {{type: {kind}, transitions: [{{target: {default}}}]}}}}
        transitions: {{event: link.down, target: h, internal: true}}
        states:
          child:
            transitions: {{event: link.up, target: h}}
            states:
              a: {{transitions: {{event: button.pressed, target: {target}}}}}
              b: {{}}
          other: {{}}
"""


@pytest.mark.parametrize(("kind", "default"), [("shallow", "b"), ("deep", "child"), ("deep", "other")])
def test_a_way_from_deep_inside_into_a_history_that_may_enter_a_state_twice_is_refused(kind, default):
    assert shown(INSIDE.format(kind=kind, default=default, target="h")) == [
        "10:60: from inside 'child', 'h' could enter 'child' again without leaving it "
        "(let the transition begin at 'child')"
    ]


@pytest.mark.parametrize(("kind", "default"), [("shallow", "child"), ("shallow", "other")])
def test_a_way_into_a_history_that_leads_to_whole_children_starts_anywhere(kind, default):
    started: list[str] = []
    table = table_of(
        INSIDE.format(kind=kind, default=default, target="h").replace(
            "child:\n", "child:\n" + " " * 12 + "do: record\n"
        )
    )
    machine = ChartMachine(table)
    for step in (machine.start(bool), machine.receive("button.pressed", bool), machine.receive("link.up", bool)):
        for operation in step.operations:
            if operation.kind == "start":
                assert operation.name not in started
                started.append(operation.name)
            elif operation.kind == "stop":
                started.remove(operation.name)
