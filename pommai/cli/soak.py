"""`pommai soak`: a toy and its gateway, for half an hour, while one thing after the other breaks."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import INTERRUPTED, WRONG_USAGE
from pommai.cli.arguments import cannot_write, seed
from pommai.cli.progress import Progress, clock_time
from pommai.errors import SettingsError
from pommai.hints import did_you_mean, quote
from pommai.qa.soak_plan import KINDS
from pommai.source import parse_duration

if TYPE_CHECKING:
    from pommai.qa.soak_days import Midnight
    from pommai.qa.soak_run import Now
    from pommai.qa.soak_verdict import Soak

OUT = Path("out") / "soak"
SHORTEST_S, LONGEST_S = 20.0, 7 * 86_400.0
MOST_DAYS = 366

_DESCRIPTION = """\
Live with a toy for half an hour, and break things all the time. A real toy (PortAudio on a sound card made of pipes,
Vosk, SQLite) talks to a real gateway through a bad network. A child plays, an operator gives orders by HTTP, a designer
edits personas.yaml; meanwhile connections are cut, delayed and left half open, the gateway ends, dies or hangs, disks
are full, the clock jumps, the sound card is pulled out, the toy hangs, memory is short, the speech model is damaged.

It went well when the toy came to rest and back online after each fault in time, everything that was said is at the
gateway once, nothing grows after the first five minutes (memory, open files, threads, tasks, wakeups, databases, logs),
nobody ended who should not have, and no log holds a traceback.

With --days it lets a simulated toy live for so many days on virtual time instead, with a child, a bad network, clock
jumps and a power-off each night, and counts what it holds at each midnight.
"""
_EPILOG = """\
The faults are drawn from the seed: the same seed breaks the same things in the same order. Nothing needs root. Toy and
gateway have a disk in memory each that nobody else sees; what was on it is in the report's folder at the end. Where the
machine mounts nothing for those who are not root, no file may grow instead (RLIMIT_FSIZE), and the report says so. The
clock jumps, and memory is taken away, in the toy's own process.

Examples:
  pommai soak                            half an hour; report, picture, logs and databases are in out/soak
  pommai soak --for 40s                  each kind of fault about once, and short
  pommai soak --for 8h --seed 7          over night
  pommai soak --only "card lost,clock"   two kinds of faults, and no others
  pommai soak --days 14                  two simulated weeks, in some minutes

Exit code: 0 nothing went wrong, 1 something did, 2 wrong usage, 130 interrupted (what was seen so far is told).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "soak",
        help="a toy and its gateway for half an hour, while everything breaks",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--for",
        dest="seconds",
        type=_duration,
        default=1800.0,
        metavar="TIME",
        help="how long: 40s, 30m, 8h (default 30m); below two minutes all faults are short",
    )
    length.add_argument("--days", type=_days, metavar="N", help="simulate so many days instead")
    parser.add_argument("--seed", type=seed, default=1, metavar="N", help="what breaks when (default 1)")
    parser.add_argument(
        "--only",
        type=_kinds,
        metavar="KIND,...",
        help="these faults alone, to learn which of them something follows: " + ", ".join(KINDS),
    )
    parser.add_argument(
        "--vosk-model",
        metavar="MODEL",
        help="for toy and gateway: a name of `pommai models list`, or a folder (default: the settings' own; in a "
        "source checkout the tiny one of the tests)",
    )
    parser.add_argument(
        "--report", type=Path, default=OUT, metavar="DIR", help="folder for all that it writes (default out/soak)"
    )
    parser.add_argument("--json", action="store_true", help="write the figures as JSON")
    parser.set_defaults(run=run)


def _duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None or not SHORTEST_S <= seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"a time is 20s to 168h, as 40s, 30m or 8h, not '{text}'")
    return seconds


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(f"a number of days is 1..{MOST_DAYS}, not '{text[:12]}'")
    return int(text)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(" ".join(word.split()) for word in text.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"there is no fault {quote(kind)} ({did_you_mean(kind, KINDS)})")
    return kinds


def run(args: argparse.Namespace) -> int:
    """Soak. Raises PommaiError when it cannot begin."""
    if words := cannot_write(args.report):
        print(f"pommai soak: {words}", file=sys.stderr)
        return WRONG_USAGE
    return _live_for_days(args) if args.days else _soak(args)


def _soak(args: argparse.Namespace) -> int:
    from pommai.qa.soak_disk import go_apart
    from pommai.qa.soak_report import as_text

    no_disks = go_apart()
    model = _model(args.vosk_model)
    soak = asyncio.run(_run(args, model, disks=not no_disks))
    soak.no_disks = no_disks
    _report(args.report, soak)
    print(json.dumps(soak.as_json(), indent=1) if args.json else as_text(soak))
    if soak.interrupted:
        return INTERRUPTED
    return 1 if soak.verdict else 0


def _model(name: str | None) -> Path:
    """The folder of the speech model. Raises SettingsError, ModelError."""
    from pommai.demo.ears import speech_model_for
    from pommai.io.models import find_model
    from pommai.toy.settings import load_settings

    settings = load_settings()
    if name is not None:
        return find_model(name, settings.models)
    model = speech_model_for(settings, a_person_speaks=False)
    if model is None:
        raise SettingsError("a soak needs a speech model: `pommai models get`, or --vosk-model FOLDER")
    return model


async def _run(args: argparse.Namespace, model: Path, *, disks: bool) -> Soak:
    from pommai.lights.load import load_patterns
    from pommai.qa.soak_run import run_soak
    from pommai.toy.charts import load_behaviour
    from pommai.toy.settings import load_settings

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = load_settings()
    patterns = load_patterns(settings.led_patterns)
    sounds = frozenset(path.stem for path in settings.sounds.iterdir())
    table = load_behaviour(settings.chart, frozenset(patterns), sounds, settings.cache_dir)
    resting = frozenset(table.specification.resting)
    with Progress(sys.stderr, _so_far) as progress:
        return await run_soak(
            args.report,
            model,
            resting,
            seconds=args.seconds,
            seed=args.seed,
            stop=stop,
            progress=progress,
            disks=disks,
            kinds=args.only or KINDS,
        )


def _so_far(now: Now) -> tuple[float, str]:
    wrong = f", {now.wrongs:,} WRONG" if now.wrongs else ""
    at_work = f", now {now.fault}" if now.fault else ""
    words = f"{clock_time(now.left_s)} left, {now.faults:,} faults, toy {now.memory_mb:.0f} MB{wrong}{at_work}"
    return now.share, words


def _report(folder: Path, soak: Soak) -> None:
    """Write report.md, report.json and the picture; without matplotlib say so, and write the rest."""
    from pommai.qa.picture import NoPictureError
    from pommai.qa.soak_picture import draw
    from pommai.qa.soak_report import as_markdown
    from pommai.toy.charts import write_atomically

    pictures = [folder / "soak.svg", folder / "soak.png"]
    try:
        draw(soak, pictures)
    except NoPictureError as caught:
        print(f"pommai soak: {caught}", file=sys.stderr)
        pictures = []
    write_atomically(folder / "report.md", as_markdown(soak, [path.name for path in pictures]))
    write_atomically(folder / "report.json", json.dumps(soak.as_json(), indent=1) + "\n")
    written = [folder / "report.md", folder / "report.json", *pictures]
    print(f"written: {', '.join(map(str, written))}", file=sys.stderr)


# -- days on virtual time ------------------------------------------------------------------


def _live_for_days(args: argparse.Namespace) -> int:
    from pommai.cli.fuzz import subject_of
    from pommai.cli.progress import of
    from pommai.qa.profile import load_profile
    from pommai.qa.soak_days import PROFILES, findings, live_for_days, table
    from pommai.toy.charts import write_atomically
    from pommai.toy.settings import find_project_file

    subject = subject_of(find_project_file("statechart.yaml"), load_profile(PROFILES[0]), "toy")
    nights: list[Midnight] = []
    interrupted = False
    with Progress(sys.stderr, of("days")) as progress:

        def told(night: Midnight) -> None:
            nights.append(night)
            progress(night.day, args.days)

        try:
            live_for_days(subject, args.days, args.seed, told)
        except KeyboardInterrupt:
            interrupted = True
    wrongs = findings(nights)
    lines = [*table(nights), "", *[f"WRONG: {words}" for words in wrongs]]
    lines += ["interrupted; this is what was seen so far"] if interrupted else []
    lines += [] if wrongs else [f"{len(nights)} days, seed {args.seed}: nothing grew, nothing went wrong"]
    write_atomically(args.report / "days.txt", "\n".join(lines) + "\n")
    print(json.dumps({"days": len(nights), "well": not wrongs, "wrongs": wrongs}) if args.json else "\n".join(lines))
    if interrupted:
        return INTERRUPTED
    return 1 if wrongs else 0
