"""What a proof takes for granted, asserted while a toy runs."""

from __future__ import annotations

from pommai.chart.machine import Ask, ChartMachine
from pommai.chart.specification import wrong_assumptions
from pommai.chart.table import Step


class AssertingMachine(ChartMachine):
    """Takes the place of a toy's machine; raises AssertionError at an event on which an assumption is not true.

    It asks guards of its own accord, so they are asked more often than the chart does.
    """

    __slots__ = ()

    def receive(self, event: str, ask: Ask) -> Step:
        """Take one event. Raises AssertionError with every assumption that is not true."""
        wrong = wrong_assumptions(self.table.specification, frozenset(self.configuration), event, ask)
        if wrong:
            raise AssertionError("; ".join(wrong))
        return super().receive(event, ask)
