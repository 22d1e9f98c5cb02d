"""`pommai verify`: prove what the chart promises, or show how it is broken."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pommai.cli import WRONG_USAGE
from pommai.cli.arguments import chart_file
from pommai.cli.progress import Progress, of

if TYPE_CHECKING:
    from pommai.chart.prove import Proof
    from pommai.chart.prove_claims import Verdict
    from pommai.chart.prove_story import Counterexample
    from pommai.chart.table import DecisionTable
    from pommai.qa.replay_file import Replay

OUT = Path("out") / "verify"
_DESCRIPTION = """\
Prove the properties of a chart: those under `properties:` in it, and some that hold for every chart. Each is checked in
every situation the chart can come to, on every event, for every answer of every guard, so for event sequences of any
length. For a property that is broken, the shortest sequence that breaks it is shown, and written as a replay file and a
Mermaid sequence diagram.
"""
_EPILOG = """\
Examples:
  pommai verify                        the project's own chart
  pommai verify my_chart.yaml --json   for machines
  pommai verify toy.pommai.json        a compiled chart, which carries its properties
  pommai verify --mutants              break the chart in every way: do the properties notice?

Exit code: 0 all properties hold, 1 one is broken or the chart has errors, 2 wrong usage. With --mutants: 0 when at
least 90 % of the mutants that behave otherwise are caught, else 1.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "verify",
        help="prove what the chart promises, or show how it is broken",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chart", nargs="?", type=Path, metavar="CHART", help="the chart (default: the project's own)")
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="DIR", help=f"where replays and diagrams go (default: {OUT})"
    )
    parser.add_argument("--json", action="store_true", help="write the result as JSON")
    parser.add_argument(
        "--mutants",
        action="store_true",
        help="break the chart on purpose, in one place at a time, and show what the properties notice",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Verify. The exit code: 0 all hold, 1 one is broken, 2 there is no chart. Raises ChartError, TableError."""
    from pommai.chart.prove import prove
    from pommai.cli.compile import read_behaviour

    chart = chart_file("verify", args.chart)
    if chart is None:
        return WRONG_USAGE
    if args.mutants:
        return _judge_mutants(chart, as_json=args.json)
    begun = time.perf_counter()
    with Progress(sys.stderr, of("configurations found so far")) as progress:
        table = read_behaviour(chart, progress)
    gc.freeze()  # the table stays: with a large one, looking whether it is garbage would take a part of the time
    try:
        with Progress(sys.stderr, of("situations found so far")) as counting:
            proof = prove(table, counting)
    finally:
        gc.unfreeze()
    seconds = time.perf_counter() - begun
    written = {v.id: _write(args.out, table, v, v.counterexample) for v in proof.verdicts if v.counterexample}
    if args.json:
        import json

        print(json.dumps(as_json(table, proof, seconds, written), indent=2, ensure_ascii=False))
    else:
        print(as_text(table, proof, seconds, written))
    return 0 if proof.holds else 1


def _judge_mutants(chart: Path, *, as_json: bool) -> int:
    """Judge every mutant and print what came of it. The exit code: 0 when enough are caught, else 1."""
    from pommai.cli.check import checked_chart, vocabulary_for
    from pommai.cli.compile import is_compiled
    from pommai.qa import mutation

    if is_compiled(chart):
        print(
            f"pommai verify: {chart} is compiled; --mutants breaks what a chart says, and needs its YAML",
            file=sys.stderr,
        )
        return WRONG_USAGE
    checked = checked_chart(chart)
    check = mutation.MutationCheck(checked, chart.read_text("utf-8"), vocabulary_for(chart))
    judgements = []
    with Progress(sys.stderr, of("mutants")) as progress:
        for judgement in check.run():
            judgements.append(judgement)
            progress(len(judgements), len(check.mutants))
    if as_json:
        import json

        print(json.dumps(mutation.as_json(judgements), indent=2, ensure_ascii=False))
    else:
        print(mutation.as_text(str(chart), judgements, checked.specification))
    return 0 if mutation.share_caught(judgements) >= mutation.ENOUGH else 1


# -- for people ----------------------------------------------------------------------------


def as_text(table: DecisionTable, proof: Proof, seconds: float, written: dict[str, list[str]]) -> str:
    """A line for each property, then the stories of those that are broken, then how much was looked at."""
    kinds = max(len(verdict.kind) for verdict in proof.verdicts)
    names = max(len(verdict.id) for verdict in proof.verdicts)
    lines = [
        f"{'✓' if v.holds else '✗'} {v.kind:<{kinds}}  {v.id:<{names}}  {_remark(v)}".rstrip() for v in proof.verdicts
    ]
    for verdict in proof.verdicts:
        if not verdict.holds:
            lines += ["", *_story(table, verdict, written.get(verdict.id, []))]
    broken = sum(not verdict.holds for verdict in proof.verdicts)
    rest = "" if proof.rest_seconds is None else f"; at rest within {proof.rest_seconds:g} s if nobody helps"
    verdict_words = "all hold" if not broken else f"{broken} broken"
    lines += [
        "",
        f"{len(proof.verdicts)} properties, {verdict_words}: {len(table.nodes):,} configurations, "
        f"{proof.situations:,} situations, {proof.steps:,} steps, {seconds:.2f} s{rest}",
    ]
    return "\n".join(lines)


def _remark(verdict: Verdict) -> str:
    if verdict.holds and verdict.seconds is not None:
        return f"{verdict.seconds:g} s at most"
    return verdict.words


def _story(table: DecisionTable, verdict: Verdict, written: list[str]) -> list[str]:
    from pommai.chart.prove_story import as_table

    where = f" (line {verdict.line})" if verdict.line else ""
    lines = [f"✗ {verdict.id}{where}: {verdict.words}", f"  because: {verdict.because}"]
    story = verdict.counterexample
    if story is not None:
        lines += ["", *(f"  {line}" for line in as_table(table, story).splitlines()), ""]
        if not story.timely:
            lines.append("  Timers of this length would run out in another order; the proof does not see that.")
        if written:
            lines.append(f"  written to {', '.join(written)}")
    return lines


# -- for machines --------------------------------------------------------------------------


def as_json(table: DecisionTable, proof: Proof, seconds: float, written: dict[str, list[str]]) -> dict[str, Any]:
    """Everything `as_text` shows."""
    return {
        "chart": table.name,
        "source_sha256": table.source_sha256,
        "holds": proof.holds,
        "configurations": len(table.nodes),
        "situations": proof.situations,
        "steps": proof.steps,
        "seconds": round(seconds, 3),
        "rest_seconds": proof.rest_seconds,
        "properties": [
            {
                "id": v.id,
                "kind": v.kind,
                "because": v.because,
                "line": v.line or None,
                "holds": v.holds,
                "words": v.words,
                "seconds": v.seconds,
                "counterexample": v.counterexample and _moments(v.counterexample),
                "files": written.get(v.id, []),
            }
            for v in proof.verdicts
        ],
    }


def _moments(story: Counterexample) -> list[dict[str, Any]]:
    return [
        {
            "seconds": moment.seconds,
            "event": moment.event or "start",
            "guards": dict(moment.answers),
            "operations": [
                {"kind": o.kind, "name": o.name, "args": dict(o.args), "state": o.state, "seconds": o.seconds}
                for o in moment.step.operations
            ],
            "configuration": list(moment.step.configuration),
            "led": moment.step.led,
        }
        for moment in story.moments
    ]


# -- files ---------------------------------------------------------------------------------


def _write(folder: Path, table: DecisionTable, broken: Verdict, story: Counterexample) -> list[str]:
    """The replay file and the diagram of a broken property; the names of those that could be written."""
    from pommai.chart.prove_story import as_mermaid
    from pommai.qa.replay_file import write

    files = {
        folder / f"{broken.id}.replay": write(as_replay(table, broken, story)),
        folder / f"{broken.id}.mmd": as_mermaid(table, story),
    }
    written = []
    for file, text in files.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            written.append(str(file))
        except OSError as caught:
            print(f"pommai verify: {file} cannot be written: {caught.strerror}", file=sys.stderr)
    return written


def as_replay(table: DecisionTable, broken: Verdict, story: Counterexample) -> Replay:
    """The story of a broken property as `pommai replay` takes it."""
    from pommai.qa.replay_file import START, Happening, Replay

    happenings = tuple(
        Happening(moment.seconds, moment.event or START, {}, dict(moment.answers)) for moment in story.moments
    )
    why = f"{broken.id}: {story.words} ({broken.because})"
    return Replay(table.name, table.source_sha256, "table", happenings, why)
