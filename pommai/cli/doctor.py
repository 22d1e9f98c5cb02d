"""`pommai doctor`: what is wrong with this toy, and what to do next."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from pommai.cli import WRONG_USAGE
from pommai.errors import PommaiError

if TYPE_CHECKING:
    from pommai.doctor.finding import Check
    from pommai.doctor.surroundings import Surroundings

_DESCRIPTION = """\
Look at everything this toy stands on, and say what to do next: the board, the sound card and its mixer, lights and
button, chart and patterns, speech model and wake words, the server, its certificate, the token, the clock.

It plays three short notes and listens for them, shows red, green and blue, and asks whoever stands before it. It leaves
everything as it was. Where pommai.service is installed, its settings are looked at, unless --config names others. A toy
that is running holds its sound card, lights and button: stop it first (sudo systemctl stop pommai).
"""
_EPILOG = """\
Examples:
  pommai doctor                           everything
  pommai doctor --only cards,mixer,loop   sound alone; --list says what there is
  pommai doctor --yes --no-sound --json   for programs: asks nobody, makes no noise
  sudo -u pommai /opt/pommai/venv/bin/pommai doctor
                                          as the toy's own user, who sees what is closed to others

Exit code: 0 the toy would work, whatever could be better; 1 it would not; 2 wrong usage or settings.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    from pommai.toy.settings import add_setting_arguments

    parser = subparsers.add_parser(
        "doctor",
        help="what is wrong with this toy, and what to do next",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="NAME,...", help="these checks alone")
    parser.add_argument("--list", action="store_true", help="list the checks, and do none")
    parser.add_argument("--json", action="store_true", help="one object; `ok` says what the exit code does")
    parser.add_argument("--yes", action="store_true", help="ask nobody: what would be asked counts as seen")
    parser.add_argument("--no-sound", action="store_true", help="leave out what can be heard")
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="prove the chart's properties, too: seconds here, minutes on a small board",
    )
    add_setting_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine. The exit code: 0 the toy would work, 1 it would not, 2 wrong usage. Raises SettingsError."""
    import asyncio

    from pommai.doctor.catalogue import CHECKS

    if args.list:
        width = max(len(check.id) for check in CHECKS)
        print("\n".join(f"{check.id:<{width}}  {check.title}" for check in CHECKS))
        return 0
    chosen, problem = _chosen(args.only, CHECKS)
    if chosen and args.no_sound:
        chosen = [check for check in chosen if not check.sounds]
        problem = "" if chosen else "--no-sound leaves nothing of what --only names"
    if problem:
        print(f"pommai doctor: {problem}", file=sys.stderr)
        return WRONG_USAGE
    try:
        return asyncio.run(_examine(args, chosen))
    except (PommaiError, BrokenPipeError):  # said, or understood, by whoever called
        raise
    except Exception as caught:
        from pommai.doctor.crash import one_line

        print(f"pommai doctor: it failed by its own fault: {one_line(caught)}; tell the makers", file=sys.stderr)
        return 1


def _chosen(only: str | None, checks: Sequence[Check]) -> tuple[list[Check], str]:
    """The checks to be done, in their own order; and what is wrong with the names."""
    from pommai.source import did_you_mean, quote

    if only is None:
        return list(checks), ""
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = {check.id: check for check in checks}
    for name in names:
        if name not in known:
            return [], f"--only: there is no check {quote(name)} ({did_you_mean(name, known)})"
    if not names:
        return [], f"--only: name one of {', '.join(known)}"
    return [check for check in checks if check.id in names], ""


async def _examine(args: argparse.Namespace, checks: Sequence[Check]) -> int:
    import logging
    import threading

    from pommai.cli.doctor_table import Table, as_json, summary
    from pommai.doctor.crash import one_line
    from pommai.doctor.round import examine, would_not_work

    def tell(told: threading.ExceptHookArgs) -> None:  # Python's own report shows what the error says
        if told.exc_value is not None:
            print(f"pommai doctor: a thread failed: {one_line(told.exc_value)}", file=sys.stderr)

    quiet = logging.NullHandler()  # what the toy's parts would log, the findings say
    logging.getLogger().addHandler(quiet)
    before, threading.excepthook = threading.excepthook, tell
    try:
        surroundings, origin = await _surroundings(args)
        if args.json:
            results = await examine(surroundings, checks)
            print(as_json(surroundings, results))
        else:
            table = Table(sys.stdout, sys.stderr, checks)
            table.head(surroundings, origin)
            async with table:
                results = await examine(surroundings, checks, begin=table.begin, end=table.end)
            print("\n".join(summary(results)))
    finally:
        threading.excepthook = before
        logging.getLogger().removeHandler(quiet)
    return 1 if would_not_work(results) else 0


async def _surroundings(args: argparse.Namespace) -> tuple[Surroundings, str]:
    """The world as it is, and where the settings came from. Raises SettingsError."""
    from pommai.doctor.service import find_unit
    from pommai.doctor.settings import are_its_own, settings_of
    from pommai.doctor.surroundings import Nobody, Surroundings, run_command

    unit = await find_unit(run_command)
    if unit is not None and are_its_own(args, unit, os.environ):
        # As its service: no file of this folder counts, models and updates are where the toy has them, and the button's
        # driver may make the pipe that it needs.
        args.config = unit.config or ""
        os.chdir(tempfile.gettempdir())
        os.environ.update({name: place for name, place in unit.environment.items() if name.startswith("XDG_")})
    found = settings_of(args, unit, os.environ)
    asks = not args.yes and sys.stdin.isatty()
    person = AtTerminal(sys.stderr if args.json else sys.stdout) if asks else Nobody()
    surroundings = Surroundings(
        settings=found.settings,
        unit=unit,
        person=person,
        thorough=args.thorough,
    )
    return surroundings, found.origin


class AtTerminal:
    """The port Person: whoever sits at the terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, words: str) -> None:
        """Show a line."""
        print(words, file=self._stream, flush=True)

    async def agrees(self, question: str) -> bool | None:
        """Enter is yes. None when the terminal has gone."""
        import asyncio

        print(f"  {question} [Y/n] ", end="", file=self._stream, flush=True)
        # Not on a thread: one that waits for a line would not let a Ctrl-C end the program.
        loop, there = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), there.set)
        try:
            await there.wait()
        finally:
            loop.remove_reader(sys.stdin.fileno())
        answer = sys.stdin.readline()  # a terminal hands over whole lines
        return answer.strip().lower() in ("", "y", "yes") if answer else None
