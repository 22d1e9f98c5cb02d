"""What happened, told for people: a table of steps, the latest at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pommai.chart.table import DecisionTable, Operation
from pommai.qa.replay_file import START
from pommai.qa.table_replay import Told


def leaves(table: DecisionTable, configuration: Iterable[str]) -> str:
    """The innermost of the active states."""
    active = list(configuration)
    parents = {state.parent for state in table.states if state.id in active}
    return " ".join(state for state in active if state not in parents)


def operation_words(operation: Operation) -> str:
    """One operation, as a chart has it."""
    if operation.kind == "call":
        return " ".join([operation.name, *(str(value) for value in operation.args.values())])
    verbs = {"start": "begins", "stop": "ends"}
    return f"{operation.name} {verbs[operation.kind]}" if operation.kind in verbs else ""


def told_lines(table: DecisionTable, told: Told) -> list[str]:
    """One step: the event, the answers, what is done, the states and the light afterwards."""
    happening, step = told.happening, told.moment.step
    if told.dropped:
        return [f"{happening.at:10.3f}  {happening.name}  (not pending: dropped)"]
    data = ", ".join(f"{key} {value}" for key, value in happening.data.items())
    guards = ", ".join(name if holds else f"not {name}" for name, holds in told.moment.guards)
    words = [happening.name if happening.name != START else "(switched on)"]
    words += [f"({data})"] if data else []
    words += [f"[{guards}]"] if guards else []
    lines = [f"{happening.at:10.3f}  {' '.join(words)}"]
    done = [done_words for operation in step.operations if (done_words := operation_words(operation))]
    if done:
        lines.append(f"{'':14}/ {', '.join(done)}")
    before = told.moment.before
    moved = before.node < 0 or table.nodes[before.node].configuration != step.configuration
    if moved or before.shown != told.moment.after.shown:
        lines.append(f"{'':14}→ {leaves(table, step.configuration)}   ● {told.moment.after.shown}")
    elif not step.taken and not done:
        lines[0] += "   nobody cares"
    return lines


def story(table: DecisionTable, told: Sequence[Told], why: str) -> str:
    """All steps, and what is wrong at the end."""
    lines = [line for one in told for line in told_lines(table, one)]
    return "\n".join([*lines, f"{'':12}✗ {why}"] if why else lines)
