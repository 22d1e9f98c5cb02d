"""Running a table."""

from __future__ import annotations

import pytest
from chart_material import table_of

from pommai.chart.machine import ChartMachine

TABLE = table_of(
    """
    states:
      idle:
        transitions:
          - {event: link.up, cond: online and heard_speech, target: busy}
          - {event: link.up, cond: online, on: chime}
      busy: {do: record, transitions: {event: link.down, target: idle}}
    """
)


def yes(guard: str) -> bool:
    return True


def test_a_step_says_all_that_happens() -> None:
    machine = ChartMachine(TABLE)
    assert machine.start(yes).configuration == ("idle",)
    step = machine.receive("link.up", yes)
    assert [(operation.kind, operation.name, operation.state) for operation in step.operations] == [
        ("start", "record", "busy")
    ]
    assert step is machine.step
    assert machine.configuration == step.configuration == ("busy",)
    assert [TABLE.transitions[index].targets for index in step.taken] == [("busy",)]


def test_a_guard_is_asked_once_in_a_step_however_often_the_chart_asks() -> None:
    asked: list[str] = []

    def ask(guard: str) -> bool:
        asked.append(guard)
        return guard == "online"

    machine = ChartMachine(TABLE)
    machine.start(ask)
    step = machine.receive("link.up", ask)
    assert asked == ["online", "heard_speech"]
    assert [operation.name for operation in step.operations] == ["chime"]


@pytest.mark.parametrize("event", ["link.down", "never.heard.of", ""])
def test_an_event_that_means_nothing_here_changes_nothing(event: str) -> None:
    machine = ChartMachine(TABLE)
    machine.start(yes)
    step = machine.receive(event, yes)
    assert (step.operations, step.configuration, step.taken) == ((), ("idle",), ())


def test_before_it_is_started_a_machine_takes_no_events() -> None:
    machine = ChartMachine(TABLE)
    assert machine.configuration == ()
    with pytest.raises(RuntimeError, match="not been started"):
        machine.receive("link.up", yes)


def test_two_machines_of_one_table_know_nothing_of_each_other() -> None:
    one, other = ChartMachine(TABLE), ChartMachine(TABLE)
    one.start(yes)
    other.start(yes)
    one.receive("link.up", yes)
    assert (one.configuration, other.configuration) == (("busy",), ("idle",))


def test_starting_again_begins_anew() -> None:
    machine = ChartMachine(TABLE)
    machine.start(yes)
    machine.receive("link.up", yes)
    assert machine.start(yes).configuration == ("idle",)
