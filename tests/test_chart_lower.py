"""From a chart to the document that python-statemachine reads."""

from __future__ import annotations

from chart_material import checked
from statemachine.io import load as load_library_chart

from pommai.chart.lower import lower


def test_names_that_the_library_needs_for_itself_are_safe() -> None:
    """States called `send` or `model` break the library's machine; ours are called s0, s1, …"""
    lowered = lower(
        checked(
            """
            states:
              send: {transitions: {event: link.up, target: model}}
              model: {states: {states: {}, configuration: {}}}
            """
        )
    )
    assert list(lowered.states.items()) == [
        ("s0", "send"),
        ("s1", "model"),
        ("s2", "states"),
        ("s3", "configuration"),
    ]
    assert list(lowered.document["states"]["s"]["states"]) == ["s0", "s1"]


def test_entering_acts_then_starts_timers_then_activities_and_leaving_undoes_it_backwards() -> None:
    lowered = lower(
        checked(
            """
            states:
              idle:
                enter: [chime, forget, chime]
                exit: forget
                do: [record, listen]
                after: {1s: {on: chime}, 2s: {on: chime}}
            """
        )
    )
    state = lowered.document["states"]["s"]["states"]["s0"]
    enter, leave = (lowered.slots[state[key]].operations for key in ("enter", "exit"))
    assert [(operation.kind, operation.name) for operation in enter] == [
        ("call", "chime"),
        ("call", "forget"),
        ("call", "chime"),
        ("timer", "timer.idle.1s"),
        ("timer", "timer.idle.2s"),
        ("start", "record"),
        ("start", "listen"),
    ]
    assert [(operation.kind, operation.name) for operation in leave] == [
        ("stop", "listen"),
        ("stop", "record"),
        ("cancel", "timer.idle.2s"),
        ("cancel", "timer.idle.1s"),
        ("call", "forget"),
    ]


def test_every_transition_is_known_with_its_line_and_guard() -> None:
    lowered = lower(
        checked(
            """\
            states:
              a: {transitions: [{event: link.up, cond: online, unless: heard_speech, target: b}]}
              b: {after: {1s: {target: a}}}
            """
        )
    )
    assert [(t.source, t.events, t.targets, t.guard, t.line) for t in lowered.transitions] == [
        ("a", ("link.up",), ("b",), "online and not (heard_speech)", 2),
        ("b", ("timer.b.1s",), ("a",), "", 3),
    ]
    assert lowered.waits == {"a": {"link.up"}, "b": {"timer.b.1s"}}


def test_what_comes_out_is_a_document_of_the_library() -> None:
    import json

    document = lower(
        checked("states: {a: {parallel: true, states: {b: {}, c: {states: {d: {final: true}}}}}}")
    ).document
    machine = load_library_chart(json.dumps(document), format="json")()
    assert set(machine.configuration_values) == {"s", "s0", "s1", "s2", "s3"}
