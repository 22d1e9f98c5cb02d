"""`pommai fuzz`: random streams of events, and what must not happen in them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import INTERRUPTED, WRONG_USAGE
from pommai.cli.arguments import cannot_write, chart_file, seed
from pommai.cli.progress import Progress, clock_time
from pommai.errors import ChartError, SettingsError
from pommai.source import Reader

if TYPE_CHECKING:
    from pommai.qa.campaign import Hire, Result
    from pommai.qa.profile import Profile
    from pommai.qa.subject import Subject

_DESCRIPTION = """\
Let machines press the button: random streams of events, drawn from a profile, on the chart's decision table or on whole
toys. After each event it is asked what must always hold: of the table, the chart's properties; of a toy, what is sent
and heard, the microphone, the lights, and that it comes to rest. What fails is cut down to a few events, told as a
story, and written into a file for `pommai replay`.

The same seed gives the same streams on any machine, with any number of workers, here or on a cluster.
"""
_EPILOG = """\
Examples:
  pommai fuzz                                           a hundred thousand events of a good-natured child
  pommai fuzz --events 1000000 --seed 7 --profile hostile --workers 4
  pommai fuzz --engine toy --events 20000               a day with whole toys, in half a minute
  pommai fuzz --events 100000000 --scheduler tcp://192.168.1.5:8786
  pommai fuzz --profile my_home.yaml --report out/home  with coverage as JSON and as a page to look at

Exit code: 0 nothing failed, 1 something did, 2 wrong usage, 130 interrupted (what was found is printed).
"""
FAILURES = Path("out") / "fuzz"
"""Where a failure's replay file goes without --report."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "fuzz",
        help="random streams of events, and what must not happen in them",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chart", nargs="?", type=Path, metavar="CHART", help="the chart (default: the project's own)")
    parser.add_argument(
        "--events", type=_count("events"), default=100_000, metavar="N", help="how many (default 100000)"
    )
    parser.add_argument("--seed", type=seed, default=1, metavar="N", help="which streams (default 1)")
    parser.add_argument(
        "--profile",
        default="child",
        metavar="NAME",
        help="child, night, flaky-wifi, hostile, or a file (default child)",
    )
    parser.add_argument(
        "--engine",
        choices=("table", "toy"),
        default="table",
        help="the decision table alone, or whole toys with simulated devices on virtual time (default table)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_count("workers"), default=1, metavar="N", help="processes (default 1)")
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run on the workers of a Dask cluster, such as tcp://192.168.1.5:8786; they need this Pommai installed",
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write coverage and failures into this folder")
    parser.set_defaults(run=run)


def _count(what: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"a number of {what} is a whole number, not '{text}'") from None
        if number < 1:
            raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
        return number

    return parse


def run(args: argparse.Namespace) -> int:
    """Fuzz. The exit code: 0 nothing failed, 1 something did, 2 no such chart or folder, 130 interrupted."""
    from pommai.qa.campaign import run_campaign
    from pommai.qa.profile import load_profile

    chart = chart_file("fuzz", args.chart)
    if chart is None:
        return WRONG_USAGE
    if args.report is not None and (words := cannot_write(args.report)):
        print(f"pommai fuzz: {words}", file=sys.stderr)
        return WRONG_USAGE
    subject = subject_of(chart, load_profile(args.profile), args.engine)
    with _pool(args.scheduler) as hire, Progress(sys.stderr, _so_far) as progress:
        result = run_campaign(
            subject,
            subject.ground,
            seed=args.seed,
            events=args.events,
            workers=args.workers,
            hire=hire,
            progress=progress,
        )
    print(summary(result, args.profile, args.seed))
    for words in result.deaths:
        print(f"pommai fuzz: {words}", file=sys.stderr)
    if args.report is not None:
        _report(args.report, result, chart, f"{args.profile}, seed {args.seed}, engine {args.engine}")
    if result.failure is not None:
        _tell_failure(subject, result, args)
        return 1
    return INTERRUPTED if result.interrupted else 0


@contextmanager
def _pool(scheduler: str | None) -> Iterator[Hire | None]:
    """What hires a cluster's workers; None for those of this machine. Raises LinkError, SettingsError."""
    if scheduler is None:
        yield None
        return
    from pommai.qa.cluster import ClusterPool, connected

    with connected(scheduler) as client:
        yield partial(ClusterPool, client)


def subject_of(chart: Path, profile: Profile, engine: str = "table") -> Subject:
    """What a campaign on this chart is about.

    Raises ChartError, LightsError, SettingsError, TableError.
    """
    from pommai.chart import table
    from pommai.cli.check import patterns_for
    from pommai.cli.compile import read_behaviour
    from pommai.lights.load import load_patterns
    from pommai.qa.subject import Subject

    compiled = table.dump(read_behaviour(chart))
    patterns = None
    if engine == "toy":
        if (lights := patterns_for(chart, {})) is None:
            raise SettingsError("a whole toy needs its lights: there is no led_patterns.yaml")
        load_patterns(lights)  # its mistakes are told here, with the name of the file
        patterns = lights.read_text("utf-8")
    return Subject(compiled, profile, patterns)


def summary(result: Result, profile: str, seed: int) -> str:
    """What the campaign came to."""
    hours = result.life_seconds / 3600
    rate = result.events / result.seconds if result.seconds else 0.0
    words = [
        f"{result.events:,} events of profile {profile}, seed {seed}, in {_streams(result)}: "
        f"{hours:,.1f} h of a toy's life in {result.seconds:.1f} s, {rate:,.0f} events/s",
        result.coverage.summary(),
    ]
    if result.interrupted:
        words.insert(0, f"interrupted after {result.events:,} of {result.events_wanted:,} events; so far:")
    if result.failure is None:
        words.append("nothing failed")
    return "\n".join(words)


def _streams(result: Result) -> str:
    return "1 stream" if result.streams == 1 else f"{result.streams:,} streams"


def _report(folder: Path, result: Result, chart: Path, about: str) -> None:
    from pommai.qa.page import page
    from pommai.toy.charts import write_atomically

    words = f"{result.events:,} events in {_streams(result)} of profile {about}"
    failed = "" if result.failure is None else result.failure.why
    write_atomically(folder / "coverage.html", page(result.coverage, _drawing(chart, result), words, failed))
    told = result.coverage.as_json() | {"events": result.events, "streams": result.streams}
    write_atomically(folder / "coverage.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(f"coverage: {folder / 'coverage.html'}, {folder / 'coverage.json'}")


def _drawing(chart: Path, result: Result) -> str:
    """The chart as an SVG, coloured by visits; a sentence when it cannot be drawn."""
    from pommai.chart.diagram_dot import dot
    from pommai.chart.load import load_chart
    from pommai.cli.compile import is_compiled
    from pommai.cli.diagram import CannotDrawError, colours_for, svg
    from pommai.qa.page import state_colours

    if is_compiled(chart):
        return "A compiled chart cannot be drawn; give the YAML it was made of."
    loaded = load_chart(Reader.of_file(chart, ChartError))
    try:
        return svg(dot(loaded, colours_for(chart), state_colours(result.coverage)))
    except CannotDrawError as caught:
        return str(caught)


def _tell_failure(subject: Subject, result: Result, args: argparse.Namespace) -> None:
    from pommai.qa.failure import minimal_on_table, minimal_on_toy
    from pommai.qa.replay_file import write
    from pommai.qa.story import story
    from pommai.toy.charts import write_atomically

    assert result.failure is not None
    print(f"FAILED in stream {result.failed_stream}, event {result.failure.number:,}: {result.failure.why}")
    if result.failure.number == 0 and result.deaths:
        return
    if args.engine == "toy":
        replay, told = minimal_on_toy(subject.toy_engine(), result, args.seed)
    else:
        replay, told = minimal_on_table(subject.table_engine(), result, args.seed, subject.checks)
    print(f"\ncut down to {len(replay.happenings)}:\n")
    print(story(subject.ground.table, told, replay.why))
    file = (args.report or FAILURES) / f"failure-{args.seed}-{result.failed_stream}.replay"
    try:
        write_atomically(file, write(replay))
    except OSError as caught:
        print(f"pommai fuzz: {file} cannot be written: {caught.strerror}", file=sys.stderr)
        return
    of_chart = "" if args.chart is None else f" --chart {args.chart}"
    print(f"\nrun it again: pommai replay {file}{of_chart}")


def _so_far(result: Result) -> tuple[float, str]:
    """How far, how fast, how much is covered, how long it will take."""
    rate = result.events / max(result.seconds, 1e-9)
    left = (result.events_wanted - result.events) / max(rate, 1e-9)
    done, there_are = result.coverage.figures()["events"]
    covered = f"{100 * done / there_are:.0f} % covered"
    words = f"{result.events:,} events, {rate:,.0f}/s, {covered}, {clock_time(left)} left"
    return result.events / result.events_wanted, words
