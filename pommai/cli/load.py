"""`pommai load`: a crowd of simulated toys at a gateway."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import INTERRUPTED, WRONG_USAGE
from pommai.cli.arguments import cannot_write, seed
from pommai.cli.progress import Progress
from pommai.errors import SecretError, SettingsError
from pommai.source import parse_duration

if TYPE_CHECKING:
    from ssl import SSLContext

    from pommai.qa.load_report import About
    from pommai.qa.load_run import Load, Now
    from pommai.qa.load_speech import Utterance
    from pommai.qa.load_toy import Habits

TOKEN_VARIABLE = "POMMAI_GATEWAY_TOKEN"
MOST_TOYS = 2000
MOST_TURNS = 1000
LONGEST_S = 3600.0

_DESCRIPTION = """\
Send a crowd of simulated toys to a gateway: each has a connection of its own, says real sentences as real Opus at real
pace, a frame every 20 ms, listens to the answer, thinks, and talks again; now and then it interrupts. Told is how soon
the gateway answers, whether its answers would break off in a toy's loudspeaker, what went wrong, and what the gateway
takes of processor and memory.

Without --gateway it starts one of its own on this machine, with the personas.yaml and gateway.yaml that
`pommai gateway` would take here, and ends it afterwards.
"""
_EPILOG = f"""\
A gateway on another machine is refused until you say that it is yours: so many toys at once are an attack on everybody
else. The toys are called load-0001 and so on. They stop by themselves, {MOST_TOYS} at most, after an hour at most.

Its own figures are worth nothing when this program gets too little processor time itself: it watches that, and says so.

Examples:
  pommai load                                        fifty toys for half a minute, at a gateway of its own
  pommai load --toys 50,100,200,300 --report out/load    step by step, with a picture of latency over toys
  pommai load --toys 300 --turns 5 --barge-in 0.2    five turns each, every fifth answer interrupted
  {TOKEN_VARIABLE}=... pommai load --gateway ws://127.0.0.1:8765/audio-stream --pid 4711
  pommai load --speech hello.wav --speech song.wav   recordings of yours: WAV, 16 kHz, mono, 16 bit

Exit code: 0 nothing went wrong, 1 something did or the gateway cannot be reached, 2 wrong usage, 130 interrupted (what
was measured so far is told).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "load",
        help="a crowd of simulated toys at a gateway, and what it does to it",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--gateway", metavar="URL", help="such as ws://127.0.0.1:8765/audio-stream (default: one of its own)"
    )
    parser.add_argument(
        "--this-server-is-mine", action="store_true", help="the gateway is on another machine, and you may load it"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"what holds the token (default: ${TOKEN_VARIABLE})"
    )
    parser.add_argument(
        "--toys", type=_crowds, default=(50,), metavar="N[,N...]", help="how many at once; several: steps (default 50)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--for",
        dest="seconds",
        type=_duration,
        default=30.0,
        metavar="TIME",
        help="how long the toys of a step talk: 30s, 2m (default 30s); turns under way are finished",
    )
    length.add_argument("--turns", type=_number("turns", MOST_TURNS), metavar="N", help="or how many turns each takes")
    parser.add_argument(
        "--barge-in", type=_share, default=0.05, metavar="SHARE", help="of answers interrupted, 0 to 1 (default 0.05)"
    )
    parser.add_argument(
        "--speech", type=Path, action="append", metavar="FILE", help="a WAV file to say (default: espeak-ng speaks)"
    )
    parser.add_argument("--seed", type=seed, default=1, metavar="N", help="who says what and when (default 1)")
    parser.add_argument(
        "--pid", type=_number("processes", 2**31 - 1), metavar="N", help="the process of --gateway, to be looked at"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a report and a picture into this folder")
    parser.add_argument("--json", action="store_true", help="write the figures as JSON")
    parser.set_defaults(run=run)


def _number(what: str, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()):
            raise argparse.ArgumentTypeError(f"a number of {what} is a whole number, not '{text}'")
        if not 1 <= int(text[:12]) <= most:
            raise argparse.ArgumentTypeError(f"must be 1..{most}, not {text[:12]}")
        return int(text)

    return parse


def _crowds(text: str) -> tuple[int, ...]:
    crowds = tuple(_number("toys", MOST_TOYS)(part.strip()) for part in text.split(","))
    if any(later <= earlier for earlier, later in pairwise(crowds)):
        raise argparse.ArgumentTypeError(f"steps go up, as 50,100,200, not '{text}'")
    return crowds


def _duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None or not 1.0 <= seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"a time is 1s to 1h, as 30s or 2m, not '{text}'")
    return seconds


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"a share is 0 to 1, not '{text}'")
    return share


def run(args: argparse.Namespace) -> int:
    """Load a gateway. Raises LinkError: no toy gets in; SettingsError, SoundError, SpeechError, CodecError."""
    from pommai.qa.load_process import allow_files
    from pommai.qa.load_report import as_json, as_text
    from pommai.qa.load_toy import Habits

    if args.report is not None and (words := cannot_write(args.report)):
        print(f"pommai load: {words}", file=sys.stderr)
        return WRONG_USAGE
    _check_gateway(args)
    allow_files(max(args.toys))
    habits = Habits(args.turns, None if args.turns else args.seconds, args.barge_in)
    load, about = asyncio.run(_load(args, habits))
    print(json.dumps(as_json(load, about), indent=2) if args.json else as_text(load, about))
    if args.report is not None:
        _report(args.report, load, about)
    if load.interrupted:
        return INTERRUPTED
    return 0 if load.well else 1


def _check_gateway(args: argparse.Namespace) -> None:
    """Refuse what makes no sense together, and servers of others. Raises SettingsError."""
    from pommai.qa.load_target import check_address

    if args.gateway is not None:
        check_address(args.gateway, owned=args.this_server_is_mine)
        return
    for name in ("token_file", "pid"):
        if getattr(args, name) is not None:
            raise SettingsError(f"--{name.replace('_', '-')} is about a gateway that runs already: say --gateway, too")


def _token(file: Path | None) -> str:
    """What the gateway knows the toys by. Raises SettingsError."""
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise SettingsError(f"the gateway wants a token: set {TOKEN_VARIABLE}, or say --token-file FILE")
        return token
    from pommai.io.secret import MAX_BYTES, read_closed

    try:
        return read_closed(file, MAX_BYTES, waits=True).decode("utf-8").strip()
    except SecretError as caught:
        raise SettingsError(f"the token: {caught}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the token: {file} holds no text") from None


async def _load(args: argparse.Namespace, habits: Habits) -> tuple[Load, About]:
    from pommai.qa.load_gateway import OwnGateway
    from pommai.qa.load_process import SPARE_FILES, WatchedProcess
    from pommai.qa.load_report import About
    from pommai.qa.load_run import run_load
    from pommai.qa.load_target import Target
    from pommai.toy.settings import load_settings

    speech = await _speech(args.speech)
    toy_id = load_settings().toy_id
    async with AsyncExitStack() as stack:
        own, watched = None, None
        if args.gateway is None:
            own = await stack.enter_async_context(OwnGateway())
            target = Target(own.url, own.token, toy_id)
            watched = WatchedProcess(own.pid)
        else:
            target = Target(args.gateway, _token(args.token_file), toy_id, _ssl(args.gateway))
            watched = None if args.pid is None else WatchedProcess(args.pid)
            needed = max(args.toys) + SPARE_FILES
            if watched is not None and (allowed := watched.most_files()) is not None and allowed < needed:
                raise SettingsError(f"the gateway may open {allowed} files, and needs {needed}: ulimit -n {needed}")
        stop = asyncio.Event()  # only from here on is there something to tell when it is interrupted
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        progress = stack.enter_context(Progress(sys.stderr, _so_far))
        load = await run_load(
            target,
            args.toys,
            speech,
            habits,
            seed=args.seed,
            watched=watched,
            gateway=own,
            stop=stop,
            progress=progress,
        )
    turns = "1 turn" if habits.turns == 1 else f"{habits.turns} turns"
    length = f"{turns} a toy" if habits.turns else f"{habits.seconds:g} s a step"
    gateway = "a gateway of its own" if own is not None else args.gateway
    return load, About(gateway, f"{length}, {100 * habits.barge_in:g} % interrupted", args.seed, own is not None)


async def _speech(files: list[Path] | None) -> tuple[Utterance, ...]:
    from pommai.qa.load_speech import read_recordings, speak_sentences

    if files:
        return await asyncio.to_thread(read_recordings, files)
    return await speak_sentences()


def _ssl(url: str) -> SSLContext | None:
    from ssl import create_default_context

    return create_default_context() if url.startswith("wss:") else None


def _so_far(now: Now) -> tuple[float, str]:
    latency = "no answer yet" if math.isnan(now.latency_s) else f"p50 {1000 * now.latency_s:.0f} ms"
    wrong = f", {now.mistakes:,} errors" if now.mistakes else ""
    return now.share, f"{now.up:,} of {now.toys:,} toys, {now.turns:,} turns, {latency}{wrong}"


def _report(folder: Path, load: Load, about: About) -> None:
    """Write report.md, report.json and the picture; without matplotlib say so, and write the rest."""
    from pommai.qa.load_picture import draw
    from pommai.qa.load_report import as_json, as_markdown
    from pommai.qa.picture import NoPictureError
    from pommai.toy.charts import write_atomically

    pictures = [folder / "load.svg", folder / "load.png"] if load.steps else []
    try:
        if pictures:
            draw(load.steps, f"{about.gateway}, {about.habits}, seed {about.seed}", pictures)
    except NoPictureError as caught:
        print(f"pommai load: {caught}", file=sys.stderr)
        pictures = []
    write_atomically(folder / "report.md", as_markdown(load, about, [path.name for path in pictures]))
    write_atomically(folder / "report.json", json.dumps(as_json(load, about), indent=1) + "\n")
    written = [folder / "report.md", folder / "report.json", *pictures]
    print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
