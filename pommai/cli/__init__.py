"""The command line: one word chooses a command, each a module of this folder.

A command's module has `add_parser(subparsers)` and `run(args) -> int`, and imports what it needs inside
`run`: `pommai --help` asks every module for its parser and must stay fast on a slow core. A named command
asks its own module alone, because the toy itself starts that way.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

from pommai import __version__
from pommai.errors import PommaiError, SettingsError

COMMANDS = (
    "run",
    "demo",
    "check",
    "compile",
    "verify",
    "diagram",
    "fuzz",
    "replay",
    "schema",
    "lights",
    "ask",
    "gateway",
    "persona",
    "devices",
    "load",
    "soak",
    "models",
    "doctor",
    "data",
    "provision",
    "bundle",
)
"""In the order of `pommai --help`."""

WRONG_USAGE = 2
INTERRUPTED = 130
"""As shells say it: 128 and the number of SIGINT."""
PIPE_CLOSED = 141
"""128 and the number of SIGPIPE: what a program that does not catch it ends with."""
_STANDARD_OUTPUT = 1

_INTRODUCTION = """\
The software inside a talking toy, whose behaviour is a file.

A designer edits statechart.yaml and led_patterns.yaml, and asks `pommai check`.
A toy, or a desk that plays one, runs `pommai run`; it talks to a server such as `pommai gateway`.
"""


class CommandsHelp(argparse.RawDescriptionHelpFormatter):
    """What each command does beside its name, however long that is: argparse forgets that it indents the names."""

    def add_argument(self, action: argparse.Action) -> None:
        """Make room for an option, or for a list of commands."""
        super().add_argument(action)
        for inner in self._iter_indented_subactions(action):
            width = len(self._format_action_invocation(inner)) + self._current_indent
            self._action_max_length = max(self._action_max_length, width)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0 all is well, 1 something is wrong and said so on standard error, 2 wrong usage or settings, 130 interrupted.
    """
    if sys.stdout is None:  # closed by who started us: `pommai check >&-`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it is there for as long as we are
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A terminal may not know a note or a curly quote: it gets the letter's number, as it does on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _let_output_go()  # who read it has gone, as in `pommai diagram | head`
        return PIPE_CLOSED
    except OSError as caught:
        if caught.errno != errno.ENOSPC or not _output_is_full():
            raise
        _let_output_go()
        print(f"pommai: the output cannot be written: {caught.strerror}", file=sys.stderr)
        return 1
    return code


def _output_is_full() -> bool:
    """Whether it is standard output that takes no more, and no other file."""
    try:
        os.write(_STANDARD_OUTPUT, b"\n")
    except OSError:
        return True
    return False


def _let_output_go() -> None:
    """Python would complain at its exit once more of what it cannot write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STANDARD_OUTPUT)


def _run(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    named = [name for name in COMMANDS if words[:1] == [name]]
    if not named and words and not words[0].startswith("-"):
        print(_no_command(words[0]), file=sys.stderr)
        return WRONG_USAGE
    try:
        args = _parser(named or COMMANDS).parse_args(words)
    except SystemExit as caught:  # argparse has said what there was to say
        return caught.code if isinstance(caught.code, int) else WRONG_USAGE
    try:
        code: int = importlib.import_module(f"pommai.cli.{args.command}").run(args)
    except PommaiError as caught:
        for line in str(caught).splitlines():
            print(line, file=sys.stderr)
        return WRONG_USAGE if isinstance(caught, SettingsError) else 1
    return code


def _no_command(word: str) -> str:
    from pommai.hints import closest, quote  # late: most names are right

    near = closest(word, COMMANDS)
    hint = f"did you mean '{near}'?" if near else "`pommai --help` lists them"
    return f"pommai: there is no command {quote(word)} ({hint})"


def _parser(commands: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pommai",
        description=_INTRODUCTION,
        epilog="`pommai COMMAND --help` tells more.",
        formatter_class=CommandsHelp,
    )
    parser.add_argument("--version", action="version", version=f"pommai {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    for name in commands:
        importlib.import_module(f"pommai.cli.{name}").add_parser(subparsers)
    return parser
