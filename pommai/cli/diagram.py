"""`pommai diagram`: a chart as a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import WRONG_USAGE
from pommai.cli.arguments import chart_file
from pommai.errors import ChartError, SourceError
from pommai.source import Reader

if TYPE_CHECKING:
    from pommai.chart.diagram_dot import Swatches
    from pommai.lights.patterns import Pattern

_DESCRIPTION = """\
Draw a chart: its states with their lights, activities and timers, and the ways between them.

Mermaid is text that GitHub and many editors draw. The SVG is laid out by Graphviz; move the mouse over a state to read
what it is for.
"""
_EPILOG = """\
Examples:
  pommai diagram                                 the project's chart as Mermaid, printed
  pommai diagram --svg docs/statechart.svg       as a picture
  pommai diagram my_chart.yaml --mermaid my.mmd

Exit code: 0 drawn, 1 the chart has errors (each with its line) or cannot be drawn, 2 wrong usage.
"""
INSTALL = "Graphviz is missing: its program `dot` draws the picture (Debian: sudo apt-get install -y graphviz)"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "diagram",
        help="a chart as a picture",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chart", nargs="?", type=Path, metavar="CHART", help="the chart (default: the project's own)")
    parser.add_argument("--mermaid", type=Path, metavar="FILE", help="write Mermaid into this file")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture into this file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw. The exit code: 0, 1 when it cannot be drawn or written, 2 when there is no chart. Raises ChartError."""
    from pommai.chart.diagram_mermaid import mermaid
    from pommai.chart.load import load_chart
    from pommai.cli.compile import is_compiled

    file = chart_file("diagram", args.chart)
    if file is None:
        return WRONG_USAGE
    if is_compiled(file):
        print(f"pommai diagram: {file} is compiled; a picture needs the YAML it was made of", file=sys.stderr)
        return WRONG_USAGE
    chart = load_chart(Reader.of_file(file, ChartError))
    if args.mermaid is None and args.svg is None:
        print(mermaid(chart), end="")
        return 0
    try:
        if args.mermaid:
            args.mermaid.write_text(mermaid(chart), "utf-8")
        if args.svg:
            from pommai.chart.diagram_dot import dot

            args.svg.write_text(svg(dot(chart, colours_for(file))), "utf-8")
    except CannotDrawError as caught:
        print(f"pommai diagram: {caught}", file=sys.stderr)
        return 1
    except OSError as caught:
        print(f"pommai diagram: {caught.filename} cannot be written: {caught.strerror}", file=sys.stderr)
        return 1
    return 0


class CannotDrawError(Exception):
    """There is no picture; the message is a sentence."""


def svg(text: str) -> str:
    """Lay a drawing out with Graphviz. Raises CannotDrawError when that is missing or refuses."""
    import graphviz

    from pommai.chart.diagram_frame import framed

    try:
        return framed(str(graphviz.Source(text).pipe(format="svg", encoding="utf-8", quiet=True)))
    except graphviz.ExecutableNotFound:
        raise CannotDrawError(INSTALL) from None
    except graphviz.CalledProcessError as caught:
        raise CannotDrawError(f"Graphviz refused: {caught.stderr}") from caught


def colours_for(chart: Path) -> dict[str, Swatches]:
    """The colours of the light patterns that go with a chart; none when their file is missing or wrong."""
    from pommai.cli.check import patterns_for
    from pommai.lights.load import load_patterns

    file = patterns_for(chart, {})
    try:
        patterns = {} if file is None else dict(load_patterns(file))
    except SourceError:
        return {}
    return {name: swatches(pattern) for name, pattern in patterns.items()}


def swatches(pattern: Pattern) -> Swatches:
    """A pattern's colour, as bright as a screen can show it: three for one that changes it, none for darkness."""
    moments = [pattern.light(index / 24) for index in range(24)]
    brightest = max(max(moment) for moment in moments)
    if not brightest:
        return ()
    lit = [moment for moment in moments if max(moment) > brightest / 4]
    hues = {tuple(round(part / max(moment), 1) for part in moment) for moment in lit}
    third = len(lit) // 3
    shown = [max(lit, key=max)] if len(hues) <= 2 else [lit[0], lit[third], lit[2 * third]]
    return tuple("#" + "".join(f"{round(255 * part / max(moment)):02x}" for part in moment) for moment in shown)
