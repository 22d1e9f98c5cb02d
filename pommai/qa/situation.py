"""Situations: all that the next step of a chart depends on, and what is wrong with a step in any chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pommai.chart.table import DecisionTable, Step


class Situation(NamedTuple):
    """Where a toy is. `node` is -1 before the chart has entered its initial states."""

    node: int
    running: tuple[tuple[str, str], ...]
    """(state, activity), sorted; twice when it runs twice."""
    pending: frozenset[str]
    """Events of the timers that run."""
    shown: str | None
    """Light pattern."""


BEGINNING = Situation(-1, (), frozenset(), None)


class Moment(NamedTuple):
    """One step, for whoever judges it."""

    before: Situation
    event: str
    guards: tuple[tuple[str, bool], ...]
    """Those asked, in order, with their answers."""
    step: Step
    after: Situation


Check = Callable[[Moment], str]
"""Says what is wrong with a step, as a sentence; empty when nothing is."""


def after(before: Situation, event: str, step: Step) -> Situation:
    """Where a step leads."""
    running = list(before.running)
    pending = set(before.pending) - {event}
    shown = before.shown
    for operation in step.operations:
        what = (operation.state, operation.name)
        match operation.kind:
            case "start":
                running.append(what)
            case "stop" if what in running:
                running.remove(what)
            case "timer":
                pending.add(operation.name)
            case "cancel":
                pending.discard(operation.name)
            case "led":
                shown = operation.name
    return Situation(step.node, tuple(sorted(running)), frozenset(pending), shown)


def sound_step(table: DecisionTable) -> Check:
    """What holds for every chart: activities, timers and lights belong to active states; each start has its stop."""
    activities = {state.id: [(state.id, name) for name in state.activities] for state in table.states}
    leds = {state.id: state.led for state in table.states}

    def check(moment: Moment) -> str:
        step, situation = moment.step, moment.after
        running = list(moment.before.running)
        for operation in step.operations:
            what = (operation.state, operation.name)
            if operation.kind == "start":
                if what in running:
                    return f"the activity {operation.name} of {operation.state} is started while it runs"
                running.append(what)
            elif operation.kind == "stop":
                if what not in running:
                    return f"the activity {operation.name} of {operation.state} is stopped and does not run"
                running.remove(what)
        due = sorted(entry for state in step.configuration for entry in activities[state])
        for state, name in situation.running:
            if (state, name) not in due:
                return f"the activity {name} of {state} goes on when that state has been left"
        for state, name in due:
            if (state, name) not in situation.running:
                return f"the activity {name} does not run while {state} is active"
        for event in sorted(situation.pending):
            if event.split(".")[1] not in step.configuration:
                return f"{event} is pending when its state has been left"
        if situation.shown != step.led:
            return f"the light {situation.shown} is shown where the chart says {step.led}"
        if step.led is not None and step.led not in {leds[state] for state in step.configuration}:
            return f"the light {step.led} is shown, which belongs to no active state"
        return ""

    return check


def first_wrong(moment: Moment, checks: Sequence[Check]) -> str:
    """What the first check that is not content says; empty when all are."""
    return next(filter(None, (check(moment) for check in checks)), "")
