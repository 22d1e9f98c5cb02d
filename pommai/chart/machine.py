"""Runs a decision table: event in, step out."""

from __future__ import annotations

from collections.abc import Callable

from pommai.chart.table import OTHER, DecisionTable, Step, Tree

Ask = Callable[[str], bool]
"""Answers a guard. Asked at most once per guard and step: the answer holds for the whole step.

All questions of a step come before any of its operations is carried out. So a guard about what an action does is
answered as of before that action; the next event, whatever it is, lets an eventless transition ask again.
"""


class ChartMachine:
    """The chart as it runs. Not thread-safe; owned by whoever takes events one after the other.

    machine = ChartMachine(table)
    step = machine.start(ask)                       # enter the initial states
    step = machine.receive("button.pressed", ask)   # step.operations is what to do now
    """

    __slots__ = ("_node", "_other", "_trees", "step", "table")

    def __init__(self, table: DecisionTable) -> None:
        self.table = table
        self._trees = [node.events for node in table.nodes]
        self._other = [trees.get(OTHER) or table.nothing(i) for i, trees in enumerate(self._trees)]
        self._node = -1
        self.step = Step((), (), None, (), -1)
        """The latest step."""

    @property
    def configuration(self) -> tuple[str, ...]:
        """Active states in document order; empty before `start`."""
        return self.step.configuration

    def start(self, ask: Ask) -> Step:
        """Enter the initial states."""
        return self._take(self.table.start, ask)

    def receive(self, event: str, ask: Ask) -> Step:
        """Take one event. An event that means nothing here gives a step without operations.

        Raises RuntimeError before `start`.
        """
        node = self._node
        if node < 0:
            raise RuntimeError("the machine has not been started")
        return self._take(self._trees[node].get(event) or self._other[node], ask)

    def _take(self, tree: Tree, ask: Ask) -> Step:
        while not isinstance(tree, Step):
            guard, yes, no = tree
            tree = yes if ask(guard) else no
        self.step = tree
        self._node = tree.node
        return tree
