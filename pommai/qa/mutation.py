"""The mutation check: which of a chart's mutants do its properties notice?

A property that no mutant breaks may be one that cannot be broken; a mutant that breaks no property is something the
chart may do without anybody having said that it must not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pommai.chart.check import Checked, check_chart
from pommai.chart.compile import compile_chart
from pommai.chart.prove import Proof, prove
from pommai.chart.specification import Specification
from pommai.chart.table import DecisionTable
from pommai.chart.vocabulary import Vocabulary
from pommai.errors import ChartError
from pommai.qa.mutants import KINDS, Mutant, mutants, same_behaviour
from pommai.source import Reader

REFUSED: Final = "refused"
"""The chart is not even compiled: `pommai check` says why."""
SAME: Final = "same"
"""Nobody could tell it from the chart."""
CAUGHT: Final = "caught"
"""It behaves otherwise, and breaks a property."""
SURVIVED: Final = "survived"
"""It behaves otherwise, and no property says that it must not."""
ENOUGH: Final = 0.9
"""Share of the mutants that behave otherwise that a chart's properties are to catch."""
OUTCOMES: Final = (SAME, REFUSED, CAUGHT, SURVIVED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a mutant. `by` names the properties it breaks, or the first problem it is refused for."""

    mutant: Mutant
    outcome: str
    by: tuple[str, ...] = ()


class MutationCheck:
    """Judges the mutants of one chart. `text` is the chart's source, for problems to point into."""

    def __init__(self, checked: Checked, text: str, vocabulary: Vocabulary) -> None:
        self.checked, self._text, self._vocabulary = checked, text, vocabulary
        self.table: DecisionTable = compile_chart(checked)
        self.mutants = tuple(mutants(checked.chart))
        self._broken_anyway = _broken(prove(self.table))

    def judge(self, mutant: Mutant) -> Judgement:
        """Check, compile and prove one mutant."""
        reader = Reader(self._text, self.checked.chart.file, ChartError)
        try:
            checked = check_chart(mutant.chart, reader, self._vocabulary)
            table = compile_chart(checked)
            if same_behaviour(self.table, table):
                return Judgement(mutant, SAME)
            broken = _broken(prove(table))
        except ChartError as caught:
            return Judgement(mutant, REFUSED, (caught.problems[0].message,))
        by = tuple(id_ for id_ in broken if id_ not in self._broken_anyway)
        return Judgement(mutant, CAUGHT if by else SURVIVED, by)

    def run(self) -> Iterator[Judgement]:
        """Judge every mutant, one after the other."""
        for mutant in self.mutants:
            yield self.judge(mutant)


def share_caught(judgements: Iterable[Judgement]) -> float:
    """Of the mutants that are compiled and behave otherwise, the share that breaks a property: 0.0..1.0.

    What is refused before counts neither way, and nothing to catch is all caught.
    """
    outcomes = [judgement.outcome for judgement in judgements]
    changed = outcomes.count(CAUGHT) + outcomes.count(SURVIVED)
    return outcomes.count(CAUGHT) / changed if changed else 1.0


def _broken(proof: Proof) -> tuple[str, ...]:
    return tuple(verdict.id for verdict in proof.verdicts if not verdict.holds)


# -- the report ----------------------------------------------------------------------------


def as_text(file: str, judgements: Sequence[Judgement], specification: Specification) -> str:
    """A table of kinds and outcomes, then the survivors with why, then the sum."""
    width = max(map(len, KINDS))
    lines = [" " * width + "".join(f"{outcome:>10}" for outcome in OUTCOMES)]
    for kind in KINDS:
        here = [judgement.outcome for judgement in judgements if judgement.mutant.kind == kind]
        if here:
            lines.append(f"{kind:<{width}}" + "".join(f"{here.count(outcome) or '·':>10}" for outcome in OUTCOMES))
    survivors = [judgement.mutant for judgement in judgements if judgement.outcome == SURVIVED]
    if survivors:
        lines += ["", "No property notices:"]
        lines += [f"  {file}:{m.line}: {m.kind}: {m.words} ({KINDS[m.kind]})" for m in survivors]
    useful = {id_ for judgement in judgements for id_ in judgement.by}
    if idle := [claim.id for claim in specification.claims if claim.id not in useful]:
        lines += ["", f"No mutant breaks: {', '.join(idle)}"]
    outcomes = [judgement.outcome for judgement in judgements]
    caught, survived = outcomes.count(CAUGHT), len(survivors)
    lines += [
        "",
        f"{len(judgements)} mutants, of which {caught + survived} are compiled and behave otherwise: "
        f"{caught} caught, {share_caught(judgements):.1%}",
    ]
    return "\n".join(lines)


def as_json(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Everything `as_text` shows, and which properties each mutant breaks."""
    outcomes = [judgement.outcome for judgement in judgements]
    return {
        **{outcome: outcomes.count(outcome) for outcome in OUTCOMES},
        "share_caught": round(share_caught(judgements), 4),
        "mutants": [
            {
                "kind": judgement.mutant.kind,
                "line": judgement.mutant.line,
                "words": judgement.mutant.words,
                "outcome": judgement.outcome,
                "by": list(judgement.by),
            }
            for judgement in judgements
        ],
    }
