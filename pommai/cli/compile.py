"""`pommai compile`: a chart as the file that a toy runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import WRONG_USAGE
from pommai.cli.arguments import chart_file
from pommai.cli.progress import Progress, of
from pommai.errors import ChartError, Problem, TableError

if TYPE_CHECKING:
    from pommai.chart.table import DecisionTable

SUFFIX = ".pommai.json"
_DESCRIPTION = """\
Compile a chart: try it out with every event and every answer of every guard, in every configuration it can come to,
and write down what it does as a decision table. A toy runs this file as it runs the YAML, and starts sooner.
"""
_EPILOG = f"""\
Examples:
  pommai compile                             statechart.yaml to statechart{SUFFIX}
  pommai compile my_chart.yaml -o toy.json

Exit code: 0 written, 1 the chart has errors (each with its line), 2 wrong usage.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "compile",
        help="a chart as the file that a toy runs",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chart", nargs="?", type=Path, metavar="CHART", help="the chart (default: the project's own)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help=f"where to (default: beside the chart, with {SUFFIX})"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compile. The exit code: 0, 1 when the file cannot be written, 2 when there is no chart. Raises ChartError."""
    from pommai.chart.table import dump
    from pommai.toy.charts import write_atomically

    chart = chart_file("compile", args.chart)
    if chart is None:
        return WRONG_USAGE
    output: Path = args.output or chart.with_suffix(SUFFIX)
    if output.exists() and output.samefile(chart):
        print(f"pommai compile: {output} is the chart itself; name another file to write", file=sys.stderr)
        return WRONG_USAGE
    begun = time.perf_counter()
    with Progress(sys.stderr, of("configurations found so far")) as progress:
        table = read_behaviour(chart, progress)
    text = dump(table)
    seconds = time.perf_counter() - begun
    try:
        write_atomically(output, text)
    except OSError as caught:
        print(f"pommai compile: {output} cannot be written: {caught.strerror}", file=sys.stderr)
        return 1
    counts = [(len(table.nodes), "configuration"), (len(table.events), "event"), (len(table.steps()), "step")]
    parts = ", ".join(f"{number:,} {word}" if number == 1 else f"{number:,} {word}s" for number, word in counts)
    print(f"{output}: {parts}, {len(text.encode()) / 1000:,.0f} kB, {seconds:.2f} s")
    return 0


def is_compiled(chart: Path) -> bool:
    """Whether a chart's file is a compiled one. Raises ChartError when it cannot be read."""
    try:
        with chart.open("rb") as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError as caught:
        raise ChartError([Problem(str(chart), 1, 1, f"cannot be read: {caught.strerror}")]) from caught


def read_behaviour(chart: Path, progress: Callable[[int, int], None] | None = None) -> DecisionTable:
    """The decision table of a chart, with what is to be proved of it; `progress(done, found)` while it is compiled.

    A compiled chart may be older than this software: what devices emit today counts. Raises ChartError, TableError.
    """
    if not is_compiled(chart):
        from pommai.chart.compile import compile_chart
        from pommai.cli.check import checked_chart

        return compile_chart(checked_chart(chart), progress)
    from msgspec import structs

    from pommai.chart.table import load
    from pommai.events import EVENTS

    try:
        table = load(chart.read_text("utf-8"))
    except (TableError, UnicodeDecodeError) as caught:
        raise TableError(f"{chart} {caught}") from caught
    promised = table.specification
    return structs.replace(table, specification=structs.replace(promised, outside=promised.outside | EVENTS.keys()))
