"""A counterexample as people read it, and when its events may happen."""

from __future__ import annotations

from prove_material import PLAYER, player, space_of

from pommai.chart.prove_space import Edge, Space
from pommai.chart.prove_story import as_mermaid, as_table, tell

LATE = "returns: {within: 12s}"


def test_timers_run_out_when_they_are_due_and_other_events_come_shortly_after_each_other() -> None:
    story = player(LATE).counterexample
    assert story is not None
    assert story.timely
    assert [moment.seconds for moment in story.moments] == [0.0, 0.1, 10.1, 13.1]


def test_the_table_has_a_line_for_each_operation() -> None:
    story = player("always: {from: busy, on: button.released, to: idle}").counterexample
    assert story is not None
    assert (
        as_table(space_of(PLAYER).table, story)
        == """\
seconds  event            guards            operations                   then in
    0.0  start                              led breathing_blue           idle
                                                                         off
    0.1  button.pressed                     call chime                   busy
                                            timer timer.busy.limit 10 s  off
                                            start record
                                            led error_red
    0.2  button.released  not heard_speech  stop record                  over
                                            cancel timer.busy.limit      off
                                            call forget
                                            call play sound=sorry
                                            timer timer.over.sorry 3 s
                                            led off"""
    )


def test_the_diagram_shows_who_says_what() -> None:
    story = player("never: {in: over}").counterexample
    assert story is not None
    lines = as_mermaid(space_of(PLAYER).table, story).splitlines()
    assert lines[:3] == ["sequenceDiagram", "    participant button", "    participant chart"]
    assert "    button->>chart: button.released [not heard_speech]" in lines
    assert "    chart->>chart: call play sound=sorry" in lines
    assert lines[-2:] == ["    Note over chart: over, off", "    Note over chart: this must never be, and is"]


def _edge(space: Space, here: str, event: str) -> Edge:
    return next(e for node, _, e in space.all_taken() if here in space.active[node] and e.event == event)


def test_a_story_that_time_does_not_allow_says_so() -> None:
    space = space_of("""\
        states:
          both:
            parallel: true
            states:
              left: {states: {l1: {after: {9s: {target: l2}}}, l2: {}}}
              right: {states: {r1: {after: {5s: {target: r2}}}, r2: {}}}
    """)
    assert tell(space, [space.starts[0], _edge(space, "r1", "timer.r1.5s")], "").timely
    story = tell(space, [space.starts[0], _edge(space, "l1", "timer.l1.9s")], "")
    assert not story.timely
    assert [moment.seconds for moment in story.moments] == [0.0, 9.0]
