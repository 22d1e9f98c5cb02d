"""Coverage of a chart, with denominators that are exact because the decision table is complete.

configurations       situations the chart can be in, its histories included
events               each event in each configuration, those that mean nothing there included
guard outcomes       each answer to each question that an event asks in a configuration
transitions          as written in the chart
transition pairs     one transition taken in the step that takes one after another was taken
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pommai.chart.table import OTHER, Answers, DecisionTable, Step, leaves_of
from pommai.events import EVENTS

MEASURES = ("configurations", "events", "guard outcomes", "transitions", "transition pairs")


class Leaf(NamedTuple):
    """One thing that can happen: an event in a configuration, with these answers."""

    number: int
    node: int
    event: str
    path: Answers
    step: Step


Possible = Callable[[Mapping[str, bool], frozenset[str], str], bool]
"""Whether guards can answer so in these states on this event."""


class Ground:
    """All there is to cover in a table. `leaves` are numbered the same way on every machine."""

    def __init__(self, table: DecisionTable, possible: Possible = lambda answers, states, event: True) -> None:
        """`possible` leaves out what the chart's assumptions rule out."""
        self.table = table
        self.leaves: list[Leaf] = []
        self.of_node: list[dict[str, list[Leaf]]] = []
        """Per node: the leaves of every event."""
        for index, node in enumerate(table.nodes):
            other = node.events.get(OTHER) or table.nothing(index)
            own = {event for event in node.events if _possible(event, node.configuration)}
            found: dict[str, list[Leaf]] = {}
            states = frozenset(node.configuration)
            for event in sorted(own | EVENTS.keys()):
                found[event] = []
                for path, step in leaves_of(node.events.get(event, other)):
                    if possible(dict(path), states, event):
                        found[event].append(Leaf(len(self.leaves), index, event, path, step))
                        self.leaves.append(found[event][-1])
            self.of_node.append(found)
        self.transitions = frozenset(number for leaf in self.leaves for number in leaf.step.taken)
        self.pairs = self._pairs()
        self.outcomes = frozenset(outcome for leaf in self.leaves for outcome in outcomes_of(leaf))

    def _pairs(self) -> frozenset[tuple[int, int]]:
        into: list[set[int]] = [set() for _ in self.table.nodes]
        out: list[set[int]] = [set() for _ in self.table.nodes]
        for _, step in leaves_of(self.table.start):
            into[step.node].update(step.taken)
        for leaf in self.leaves:
            into[leaf.step.node].update(leaf.step.taken)
            out[leaf.node].update(leaf.step.taken)
        return frozenset((a, b) for node in range(len(into)) for a in into[node] for b in out[node])


def outcomes_of(leaf: Leaf) -> Iterator[tuple[int, str, Answers]]:
    """The answers on the way to a leaf, each with the question's place."""
    for length in range(1, len(leaf.path) + 1):
        yield leaf.node, leaf.event, leaf.path[:length]


@dataclass(slots=True)
class Coverage:
    """What of a Ground was visited. Coverages of one table can be merged in any order."""

    ground: Ground
    counts: list[int] = field(default_factory=list)
    """Visits of each leaf, by its number."""
    pairs: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [0] * len(self.ground.leaves)

    def merge(self, counts: Mapping[int, int], pairs: set[tuple[int, int]]) -> None:
        """Add the visits of another run: leaf number to how often."""
        for number, count in counts.items():
            self.counts[number] += count
        self.pairs |= pairs

    def visited(self) -> list[Leaf]:
        """The leaves that were visited."""
        return [leaf for leaf in self.ground.leaves if self.counts[leaf.number]]

    def figures(self) -> dict[str, tuple[int, int]]:
        """(visited, all there are) of each measure."""
        ground, visited = self.ground, self.visited()
        nodes = {leaf.node for leaf in visited} | {leaf.step.node for leaf in visited}
        done = (
            (len(nodes), len(ground.table.nodes)),
            (len({(leaf.node, leaf.event) for leaf in visited}), sum(map(len, ground.of_node))),
            (len({outcome for leaf in visited for outcome in outcomes_of(leaf)}), len(ground.outcomes)),
            (len({number for leaf in visited for number in leaf.step.taken}), len(ground.transitions)),
            (len(self.pairs & ground.pairs), len(ground.pairs)),
        )
        return dict(zip(MEASURES, done, strict=True))

    def taken(self) -> list[int]:
        """How often each transition of the table was taken, by its number."""
        found = [0] * len(self.ground.table.transitions)
        for leaf in self.visited():
            for number in leaf.step.taken:
                found[number] += self.counts[leaf.number]
        return found

    def steps_in(self) -> dict[str, int]:
        """How many steps began while each state was active."""
        found = dict.fromkeys((state.id for state in self.ground.table.states), 0)
        for leaf in self.visited():
            for state in self.ground.table.nodes[leaf.node].configuration:
                found[state] += self.counts[leaf.number]
        return found

    def summary(self) -> str:
        """A line a measure."""
        lines = []
        for measure, (done, there_are) in self.figures().items():
            share = 1.0 if not there_are else done / there_are
            bar = "█" * int(20 * share)
            lines.append(f"  {measure:17} {bar:░<20} {100 * share:6.1f} %  {done:,} of {there_are:,}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """Figures, and all that was not visited."""
        table = self.ground.table
        taken = self.taken()
        return {
            "chart": table.name,
            "source_sha256": table.source_sha256,
            "figures": {name: {"visited": done, "there_are": all_} for name, (done, all_) in self.figures().items()},
            "states": self.steps_in(),
            "transitions": [
                {"line": info.line, "from": info.source, "events": info.events, "to": info.targets, "taken": taken[i]}
                for i, info in enumerate(table.transitions)
            ],
            "not_visited": [
                {"configuration": table.nodes[leaf.node].configuration, "event": leaf.event, "guards": dict(leaf.path)}
                for leaf in self.ground.leaves
                if not self.counts[leaf.number]
            ],
        }


def _possible(event: str, configuration: tuple[str, ...]) -> bool:
    """Whether an event that the table has here can come: a timer's only while its state is active."""
    if event == OTHER:
        return False
    return not event.startswith("timer.") or event.split(".")[1] in configuration
