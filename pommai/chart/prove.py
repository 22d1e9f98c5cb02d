"""Proof: what the chart promises, checked over everything that can happen.

    proof = prove(table)
    proof.holds

Nothing is sampled. Every situation that can come about is looked at (see `pommai.chart.prove_space`), and with it every
event that may come next and every answer of every guard; so what holds here holds for event sequences of any length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pommai.chart.prove_builtin import judge_all
from pommai.chart.prove_claims import Verdict, judge
from pommai.chart.prove_space import Space
from pommai.chart.table import DecisionTable


@dataclass(frozen=True, slots=True)
class Proof:
    """A verdict for each property, built-in ones first, and how much was looked at."""

    verdicts: tuple[Verdict, ...]
    situations: int
    steps: int
    """(situation, event, outcome of its guards) there are."""

    @property
    def holds(self) -> bool:
        """Whether all properties hold."""
        return all(verdict.holds for verdict in self.verdicts)

    @property
    def rest_seconds(self) -> float | None:
        """Longest time to a resting state, nobody helping; None when it may never come."""
        return next((v.seconds for v in self.verdicts if v.id == "comes_to_rest"), None)


def prove(table: DecisionTable, progress: Callable[[int, int], None] | None = None) -> Proof:
    """Check every property. `progress(done, found)` counts situations.

    Raises ChartError when there are more situations than can be looked at.
    """
    space = Space(table, progress)
    verdicts = (*judge_all(space), *(judge(space, claim) for claim in table.specification.claims))
    return Proof(verdicts, len(space.situations), space.steps)
