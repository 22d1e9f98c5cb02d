"""`pommai verify --mutants`: break the chart in every way, and show which properties notice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pommai.chart.properties import Specification
    from pommai.qa.mutation import Judgement

ENOUGH: Final = 0.9
"""Share of the mutants that behave otherwise that the properties have to catch."""


def verify_mutants(chart: Path, *, as_json: bool) -> int:
    """Judge every mutant of a chart and print what came of it.

    The exit code: 0 when enough are caught, else 1. Raises ChartError for a chart with mistakes.
    """
    from pommai.cli.check import checked_chart, vocabulary_for
    from pommai.cli.compile import Progress
    from pommai.qa.mutation import MutationCheck, share_caught

    checked = checked_chart(chart)
    check = MutationCheck(checked, chart.read_text("utf-8"), vocabulary_for(chart))
    judgements = []
    with Progress(sys.stderr, what="mutants") as progress:
        for judgement in check.run():
            judgements.append(judgement)
            progress(len(judgements), len(check.mutants))
    if as_json:
        import json

        print(json.dumps(_as_json(judgements), indent=2, ensure_ascii=False))
    else:
        print(_as_text(chart, judgements, checked.specification))
    return 0 if share_caught(judgements) >= ENOUGH else 1


def _as_text(chart: Path, judgements: Sequence[Judgement], specification: Specification) -> str:
    """A table of kinds and outcomes, then the survivors with why, then the sum."""
    from pommai.qa.mutants import KINDS
    from pommai.qa.mutation import CAUGHT, OUTCOMES, SURVIVED, share_caught

    width = max(map(len, KINDS))
    lines = [" " * width + "".join(f"{outcome:>10}" for outcome in OUTCOMES)]
    for kind in KINDS:
        here = [judgement.outcome for judgement in judgements if judgement.mutant.kind == kind]
        if here:
            lines.append(f"{kind:<{width}}" + "".join(f"{here.count(outcome) or '·':>10}" for outcome in OUTCOMES))
    survivors = [judgement.mutant for judgement in judgements if judgement.outcome == SURVIVED]
    if survivors:
        lines += ["", "No property notices:"]
        lines += [f"  {chart}:{m.line}: {m.kind}: {m.words} ({KINDS[m.kind]})" for m in survivors]
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


def _as_json(judgements: Sequence[Judgement]) -> dict[str, Any]:
    from pommai.qa.mutation import OUTCOMES, share_caught

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
