"""A broken property as a story: the events that lead there, when each may happen, and what the chart does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pommai.chart.prove_space import Edge, Space
from pommai.chart.table import Answers, DecisionTable, Operation, Step
from pommai.events import EVENTS

CHART = "chart"
"""The participant of a diagram that everything is told to; `toy` is a source of events."""
GAP_S = 0.1
"""Seconds between two events that no timer is the cause of."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of a story. `event` is empty at the start. `seconds` count from there."""

    event: str
    answers: Answers
    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A shortest sequence that breaks a property. The first moment is the start.

    `timely` is false when the timers of the sequence, each of which is pending when its turn comes, cannot run out in
    this order after all: the search knows which timers are pending, not for how long.
    """

    moments: tuple[Moment, ...]
    words: str
    """What is wrong at its end, as a sentence."""
    timely: bool = True


def tell(space: Space, edges: Sequence[Edge], words: str) -> Counterexample:
    """The story of some edges, the first of which is the start."""
    seconds, timely = schedule([(edge.event, edge.step) for edge in edges])
    moments = tuple(Moment(e.event, e.answers, e.step, s) for e, s in zip(edges, seconds, strict=True))
    return Counterexample(moments, words, timely)


def schedule(happened: Sequence[tuple[str, Step]]) -> tuple[list[float], bool]:
    """The earliest second at which each event of a sequence can happen, and whether it can at all: see Counterexample.

    Where it cannot, timers that do not fire are left out of account.
    """
    seconds = _earliest(happened, strict=True)
    if seconds is not None:
        return seconds, True
    return _earliest(happened, strict=False) or [0.0] * len(happened), False


def _earliest(happened: Sequence[tuple[str, Step]], *, strict: bool) -> list[float] | None:
    """The earliest time of each event; None when there is none. `strict`: timers that do not fire have time left."""
    later: list[tuple[int, int, float]] = []  # (i, j, s): j happens at least s after i
    started: dict[str, tuple[int, float]] = {}
    for index, (event, step) in enumerate(happened):
        if index:
            later.append((index - 1, index, 0.0 if event.startswith("timer.") else GAP_S))
        if event in started:
            since, seconds = started.pop(event)
            later += [(since, index, seconds), (index, since, -seconds)]
        if strict:
            later += [(index, since, -seconds) for since, seconds in started.values()]
        for operation in step.operations:
            if operation.kind == "timer":
                started[operation.name] = index, operation.seconds
            elif operation.kind == "cancel":
                started.pop(operation.name, None)
    times = [0.0] * len(happened)
    for _ in range(len(happened) + 1):
        settled = True
        for before, after, seconds in later:
            if times[before] + seconds > times[after] + 1e-9:
                times[after], settled = times[before] + seconds, False
        if settled:
            return [round(time, 6) for time in times]
    return None


# -- as text -------------------------------------------------------------------------------


def leaves(table: DecisionTable, configuration: Sequence[str]) -> str:
    """A configuration by its innermost states."""
    around = {state.parent for state in table.states if state.id in configuration}
    return ", ".join(id_ for id_ in configuration if id_ not in around)


def operation_words(operation: Operation) -> str:
    """One operation, shortly: `call play sound=hello`."""
    arguments = [f"{key}={value}" for key, value in operation.args.items()]
    if operation.kind == "timer":
        arguments = [f"{operation.seconds:g} s"]
    return " ".join([operation.kind, operation.name, *arguments])


def guard_words(answers: Answers) -> list[str]:
    """The guards asked, each with `not` when it did not hold."""
    return [name if held else f"not {name}" for name, held in answers]


def as_table(table: DecisionTable, story: Counterexample) -> str:
    """The steps as columns of text: time, event, guards, operations, configuration afterwards."""
    rows = [("seconds", "event", "guards", "operations", "then in")]
    for moment in story.moments:
        guards = guard_words(moment.answers)
        operations = [operation_words(operation) for operation in moment.step.operations]
        then = leaves(table, moment.step.configuration).split(", ")
        for line in range(max(1, len(guards), len(operations), len(then))):
            first = (f"{moment.seconds:.1f}", moment.event or "start") if line == 0 else ("", "")
            rest = [column[line] if line < len(column) else "" for column in (guards, operations, then)]
            rows.append((*first, rest[0], rest[1], rest[2]))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 0 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def as_mermaid(table: DecisionTable, story: Counterexample) -> str:
    """The steps as a Mermaid sequence diagram: who says what to the toy, and what it does."""
    sources = list(dict.fromkeys(_source(moment.event) for moment in story.moments if moment.event))
    lines = ["sequenceDiagram", *(f"    participant {source}" for source in sources), f"    participant {CHART}"]
    for moment in story.moments:
        if moment.event:
            guards = guard_words(moment.answers)
            asked = f" [{', '.join(guards)}]" if guards else ""
            lines.append(f"    {_source(moment.event)}->>{CHART}: {_plain(moment.event + asked)}")
        for operation in moment.step.operations:
            lines.append(f"    {CHART}->>{CHART}: {_plain(operation_words(operation))}")
        lines.append(f"    Note over {CHART}: {_plain(leaves(table, moment.step.configuration))}")
    lines.append(f"    Note over {CHART}: {_plain(story.words)}")
    return "\n".join(lines) + "\n"


def _source(event: str) -> str:
    spec = EVENTS.get(event)
    return spec.source if spec is not None else event.split(".")[0]


def _plain(text: str) -> str:
    """Text without the two characters that end a line of Mermaid."""
    return text.replace(";", ",").replace("#", "")
