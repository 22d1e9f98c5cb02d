"""`pommai replay`: what happened once, again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import WRONG_USAGE
from pommai.cli.arguments import chart_file

if TYPE_CHECKING:
    from pommai.chart.table import DecisionTable
    from pommai.qa.replay_file import Happening, Replay
    from pommai.qa.subject import Subject

_DESCRIPTION = """\
Let happen again what a replay file holds, event by event, and look whether it still fails. With --step, one event at a
time: the Enter key lets the next one happen.

A real toy writes what happens to it with `pommai run --trace`; --from-trace makes a replay file of that, so that what
happened at somebody's home happens again on a desk.
"""
_EPILOG = """\
Examples:
  pommai replay out/fuzz/failure-7-0.replay
  pommai replay bug-123.replay --step
  pommai replay --from-trace out/trace.jsonl -o bug-123.replay

Exit code: 0 nothing is wrong (any more), 1 it fails again, or the file cannot be read, 2 wrong usage.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "replay",
        help="what happened once, again",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the replay file")
    parser.add_argument("--chart", type=Path, metavar="CHART", help="the chart (default: the project's own)")
    parser.add_argument("--step", action="store_true", help="one event at a time")
    parser.add_argument("--from-trace", type=Path, metavar="TRACE", help="make a replay file of a toy's trace")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to, with --from-trace")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay. The exit code: 0 nothing wrong, 1 it fails again, 2 wrong usage. Raises ReplayError, ChartError."""
    from pommai.cli.fuzz import subject_of
    from pommai.qa.profile import Profile
    from pommai.qa.replay_file import chart_doubts, read_file

    if (args.file is None) == (args.from_trace is None):
        print("pommai replay: name a replay file, or a trace with --from-trace", file=sys.stderr)
        return WRONG_USAGE
    chart = chart_file("replay", args.chart)
    if chart is None:
        return WRONG_USAGE
    nobody = Profile("replay", "", "", {}, ())
    if args.from_trace is not None:
        return _from_trace(args, subject_of(chart, nobody).ground.table)
    replay = read_file(args.file)
    subject = subject_of(chart, nobody, replay.engine)
    if doubts := chart_doubts(replay, subject.ground.table, str(args.file)):
        print(f"pommai replay: {doubts}{'' if args.chart else '; --chart names another'}", file=sys.stderr)
    again = _on_table if replay.engine == "table" else _on_toy
    wrong = again(replay, subject, args) or _over_time(replay, subject.ground.table)
    if wrong:
        print(f"{'':12}✗ {wrong}")
        return 1
    print("nothing is wrong" if not replay.why else f"does not fail any more: {replay.why}")
    return 0


def _from_trace(args: argparse.Namespace, table: DecisionTable) -> int:
    from pommai.qa.from_trace import replay_of_trace
    from pommai.qa.replay_file import write
    from pommai.toy.charts import write_atomically

    if args.output is None:
        print("pommai replay: say where to write the replay file: -o FILE", file=sys.stderr)
        return WRONG_USAGE
    replay = replay_of_trace(args.from_trace, table)
    try:
        write_atomically(args.output, write(replay))
    except OSError as caught:
        print(f"pommai replay: {args.output} cannot be written: {caught.strerror}", file=sys.stderr)
        return 1
    print(f"{args.output}: {len(replay.happenings):,} events")
    return 0


def _on_table(replay: Replay, subject: Subject, args: argparse.Namespace) -> str:
    """What is wrong; empty when nothing is."""
    from pommai.qa.story import told_lines
    from pommai.qa.table_replay import TableReplay, check_names

    table = subject.ground.table
    check_names(replay.happenings, table, str(args.file))
    player = TableReplay(table, subject.checks)
    assumed: set[str] = set()
    enter = _EnterKey(args.step)
    for number, happening in enumerate(replay.happenings, 1):
        for told in player.take(happening):
            print("\n".join(told_lines(table, told)))
            assumed.update(told.assumed)
            if told.wrong:
                return told.wrong
        if number < len(replay.happenings):
            enter.wait()
    if assumed:
        names = ", ".join(sorted(assumed))
        print(f"pommai replay: the file does not say how these were answered, taken for no: {names}", file=sys.stderr)
    return ""


def _over_time(replay: Replay, table: DecisionTable) -> str:
    """What the proof says of the property that the replay is about, where no single step breaks it; empty: it holds."""
    from pommai.chart.prove import prove
    from pommai.qa.claims import left_to_the_prover

    about = replay.why.partition(": ")[0]
    if about not in left_to_the_prover(table.specification):
        return ""
    verdict = next(one for one in prove(table).verdicts if one.id == about)
    return "" if verdict.holds else f"{verdict.id}: {verdict.words} ({verdict.because})"


def _on_toy(replay: Replay, subject: Subject, args: argparse.Namespace) -> str:
    """What is wrong; empty when nothing is."""
    from pommai.qa.replay_file import line_of
    from pommai.qa.story import told_lines
    from pommai.qa.table_replay import check_names

    table = subject.ground.table
    check_names(replay.happenings, table, str(args.file))

    def before(happening: Happening) -> None:
        enter.wait()
        print(f"  • {line_of(happening)}")

    enter = _EnterKey(args.step)
    engine = subject.toy_engine()
    run = engine.replay(replay.happenings, before, lambda told: print("\n".join(told_lines(table, told))))
    return "" if run.failure is None else run.failure.why


class _EnterKey:
    """Waited for before each event, with --step. When nobody can press it any more, what is left happens at once."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def wait(self) -> None:
        if self._wanted:
            print("  ↵ ", end="", flush=True)
            self._wanted = sys.stdin.readline() != ""
            if not self._wanted:
                print()
