"""`pommai ask`: what the toy would say without a network, and why."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import WRONG_USAGE

if TYPE_CHECKING:
    from pommai.responses import Answer

_DESCRIPTION = """\
Say a sentence to a toy that has no network, and see what it answers and why. Several sentences, or the lines of
standard input with -, are one conversation, ten seconds apart: so one can see that no reply comes twice running, and
what happens when a limit is reached. After a pause the next sentence comes when the pause is over.
"""
_EPILOG = """\
Examples:
  pommai ask "sing a song"                               what a small child would hear
  pommai ask "tell me about ghosts" --safety relaxed     and a teenager
  pommai ask "i like dinosaurs" --safety custom --block dinosaurs
  pommai ask hello hello hello --toy robo-rex            three times, to another toy
  pommai ask - < sentences.txt                           a conversation, one sentence a line
  pommai ask "my tummy hurts" --json                     for machines: one object a line

Each object has outcome (command, help, blocked, unknown), name (the command or the blocked category), reply, audio,
because (the words that decided), alert (how urgently a guardian is told) and pause_seconds.

Exit code: 0 answered, 1 the file has errors (each with its line), 2 wrong usage.
"""
_SECONDS_APART = 10.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "ask",
        help="what the toy would say without a network",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sentences", nargs="+", metavar="SENTENCE", help="what a child says; - for the lines of standard input"
    )
    parser.add_argument(
        "--safety",
        choices=("strict", "moderate", "relaxed", "custom"),
        default="strict",
        help="who listens: under 8, 8 to 12, 13 and older, or exactly the topics of --block (default: %(default)s)",
    )
    parser.add_argument(
        "--block",
        action="append",
        default=[],
        metavar="TOPIC",
        help="a category or a word that a guardian has blocked; may be given again",
    )
    parser.add_argument("--toy", default="pommai-bear", metavar="ID", help="who the toy is (default: %(default)s)")
    parser.add_argument(
        "--responses", type=Path, metavar="FILE", help="the responses (default: the project's offline_responses.yaml)"
    )
    parser.add_argument("--json", action="store_true", help="write each answer as a JSON object on a line of its own")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer. The exit code: 0, or 2 when there is nothing to answer. Raises ResponsesError."""
    from pommai.responses import Answerer, Listener, load_responses
    from pommai.toy.settings import find_project_file

    file: Path = args.responses or find_project_file("offline_responses.yaml")
    answerer = Answerer(load_responses(file), random.randrange)
    listener = Listener(args.toy, args.safety, tuple(args.block))
    now = 0.0
    answered = False
    try:
        for sentence in _sentences(args.sentences):
            answer = answerer.answer(sentence, listener, now)
            print(_as_json(answer) if args.json else _as_words(sentence, answer), flush=True)
            now += (answer.pause_seconds or 0.0) + _SECONDS_APART
            answered = True
    except UnicodeDecodeError:
        print("pommai ask: standard input is not UTF-8 text", file=sys.stderr)
        return WRONG_USAGE
    if not answered:
        print("pommai ask: there is no sentence to answer", file=sys.stderr)
        return WRONG_USAGE
    return 0


def _sentences(words: list[str]) -> Iterator[str]:
    for word in words:
        for sentence in sys.stdin if word == "-" else (word,):
            # A shell hands over bytes that are no text as surrogates, which cannot be printed.
            if said := sentence.encode("utf-8", "replace").decode().strip():
                yield said


def _as_json(answer: Answer) -> str:
    import json

    from msgspec.structs import asdict

    return json.dumps(asdict(answer), ensure_ascii=False)


def _as_words(sentence: str, answer: Answer) -> str:
    because = f", because of '{' '.join(answer.because)}'" if answer.because else ""
    name = "" if answer.name == answer.outcome else f" {answer.name}"
    lines = [f"child  {sentence}", f"toy    {answer.reply}", f"why    {answer.outcome}{name}{because}"]
    if answer.audio is not None:
        lines.append(f"sound  {answer.audio}, instead of the words")
    if answer.alert is not None:
        lines.append(f"alert  {answer.alert}: a guardian is told")
    if answer.pause_seconds is not None:
        lines.append(f"pause  {answer.pause_seconds:g} s")
    return "\n".join(lines) + "\n"
