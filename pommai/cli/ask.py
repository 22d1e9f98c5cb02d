"""`pommai ask`: what the toy would say without a network, and why."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import WRONG_USAGE

if TYPE_CHECKING:
    from pommai.gateway.personas import Personas
    from pommai.responses import Answer, Answerer, Listener, Responses

_DESCRIPTION = """\
Say a sentence to a toy that has no network, and see what it answers and why. Several sentences, or the lines of
standard input with -, are one conversation, ten seconds apart: so one can see that no reply comes twice running, and
what happens when a limit is reached. After a pause the next sentence comes when the pause is over.

When the sentence asks the toy to be somebody else, it is said who would come through a gateway that hears.
"""
_EPILOG = """\
Examples:
  pommai ask "sing a song"                               what a small child would hear
  pommai ask "tell me about ghosts" --safety relaxed     and a teenager
  pommai ask "i like dinosaurs" --safety custom --block dinosaurs
  pommai ask hello hello hello --toy robo-rex            three times, to another toy
  pommai ask "can you be robo" --toy pommai-bear         who would come
  pommai ask - < sentences.txt                           a conversation, one sentence a line
  pommai ask "my tummy hurts" --json                     for machines: one object a line

Each object has outcome (command, help, blocked, unknown), name (the command or the blocked category), reply, audio,
because (the words that decided), alert (how urgently a guardian is told), pause_seconds and asked_for (whom a gateway
would make of the toy: an id of personas.yaml, the toy's own when it is that one, null for nobody).

Exit code: 0 answered, 1 the file has errors (each with its line), 2 wrong usage.
"""
_SECONDS_APART = 10.0
_USUAL = "pommai-bear"


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
    parser.add_argument(
        "--toy",
        metavar="ID",
        help=f"who the toy is: an id of the personas, or of toys in the responses (default: {_USUAL}, or the first "
        "persona where none has this id)",
    )
    parser.add_argument(
        "--responses", type=Path, metavar="FILE", help="the responses (default: the project's offline_responses.yaml)"
    )
    parser.add_argument(
        "--personas", type=Path, metavar="FILE", help="who may be asked for (default: the project's personas.yaml)"
    )
    parser.add_argument("--json", action="store_true", help="write each answer as a JSON object on a line of its own")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer. The exit code: 0, or 2 when there is nothing to answer, or no such toy.

    Raises ResponsesError, PersonasError.
    """
    from pommai.responses import Answerer, Listener, load_responses
    from pommai.toy.settings import find_project_file

    file: Path = args.responses or find_project_file("offline_responses.yaml")
    responses = load_responses(file)
    answerer = Answerer(responses, random.randrange)
    personas = _personas(args.personas)
    if args.toy is not None and (wrong := _unknown(args.toy, personas, responses)):
        print(f"pommai ask: {wrong}", file=sys.stderr)
        return WRONG_USAGE
    toy = args.toy or (_USUAL if _USUAL in personas else next(iter(personas), _USUAL))
    listener = Listener(toy, args.safety, tuple(args.block))
    guests = _Guests(responses, personas if responses.persona_change else {}, toy)
    now = 0.0
    answered = False
    try:
        for sentence in _sentences(args.sentences):
            answer = answerer.answer(sentence, listener, now)
            if args.json:
                print(_as_json(answer, guests.asked_for(sentence, answer)), flush=True)
            else:
                lines = [*_as_words(sentence, answer), *guests.as_words(sentence, answer, answerer, listener)]
                print("\n".join(lines) + "\n", flush=True)
            now += (answer.pause_seconds or 0.0) + _SECONDS_APART
            answered = True
    except UnicodeDecodeError:
        print("pommai ask: standard input is not UTF-8 text", file=sys.stderr)
        return WRONG_USAGE
    if not answered:
        print("pommai ask: there is no sentence to answer", file=sys.stderr)
        return WRONG_USAGE
    return 0


def _personas(file: Path | None) -> Personas:
    """Who there is. The project's own are looked up by the way: an error in them is told, and nobody is there."""
    from pommai.errors import PersonasError, SettingsError
    from pommai.gateway.personas import load_personas
    from pommai.toy.settings import find_project_file

    if file is not None:
        return load_personas(file)
    try:
        return load_personas(find_project_file("personas.yaml"))
    except SettingsError:
        return {}
    except PersonasError as caught:
        first = caught.problems[0]
        print(f"pommai ask: nobody can be asked for; {first.file} has errors, first: {first}", file=sys.stderr)
        return {}


def _unknown(toy: str, personas: Personas, responses: Responses) -> str:
    """What is wrong with a toy that nobody knows; empty when somebody does, or when it is not known who there is."""
    from pommai.source import did_you_mean, quote

    known = {*personas, *responses.toys}
    if not personas or toy in known:
        return ""
    place = next(iter(personas.values())).where.rsplit(":", 2)[0]
    return f"{place} names no toy {quote(toy)} ({did_you_mean(toy, known)})"


class _Guests:
    """Who would come when a sentence asks for somebody, as a gateway decides it."""

    def __init__(self, responses: Responses, personas: Personas, toy_id: str) -> None:
        from pommai.gateway.speech.becoming import others

        self._responses = responses
        self._personas = personas
        self._toy = personas.get(toy_id)
        self._welcome = {} if self._toy is None else others(self._toy, personas)

    def asked_for(self, sentence: str, answer: Answer) -> str | None:
        """The id of who is asked for and may come, or is here already."""
        return self._wanted(sentence, answer, self._welcome)

    def as_words(self, sentence: str, answer: Answer, answerer: Answerer, listener: Listener) -> list[str]:
        """Who is asked for, and what becomes of it, in at most one line."""
        toy = self._toy
        if toy is None:
            return []
        toy_id = self.asked_for(sentence, answer)
        if toy_id == toy.toy_id:
            return [f"asks   for {toy_id}, who is here; a gateway says: {answerer.staying(toy.profile.name, listener)}"]
        if toy_id is not None:
            leaving = answerer.leaving(self._welcome[toy_id], listener)
            return [f"asks   for {toy_id}, who comes; a gateway says: {leaving}"]
        everybody = {other: persona.profile.name for other, persona in self._personas.items()}
        toy_id = self._wanted(sentence, answer, everybody)
        if toy_id is not None:
            return [f"asks   for {toy_id}, who does not come when {toy.toy_id} is asked: see by_voice in personas.yaml"]
        return []

    def _wanted(self, sentence: str, answer: Answer, names: Mapping[str, str]) -> str | None:
        from pommai.gateway.speech.becoming import wanted

        if self._toy is None or answer.outcome in ("help", "blocked"):
            return None
        return wanted(sentence, self._toy, names, self._responses)


def _sentences(words: list[str]) -> Iterator[str]:
    for word in words:
        for sentence in sys.stdin if word == "-" else (word,):
            # A shell hands over bytes that are no text as surrogates, which cannot be printed.
            if said := sentence.encode("utf-8", "replace").decode().strip():
                yield said


def _as_json(answer: Answer, asked_for: str | None) -> str:
    import json

    from msgspec.structs import asdict

    return json.dumps({**asdict(answer), "asked_for": asked_for}, ensure_ascii=False)


def _as_words(sentence: str, answer: Answer) -> list[str]:
    because = f", because of '{' '.join(answer.because)}'" if answer.because else ""
    name = "" if answer.name == answer.outcome else f" {answer.name}"
    lines = [f"child  {sentence}", f"toy    {answer.reply}", f"why    {answer.outcome}{name}{because}"]
    if answer.audio is not None:
        lines.append(f"sound  {answer.audio}, instead of the words")
    if answer.alert is not None:
        lines.append(f"alert  {answer.alert}: a guardian is told")
    if answer.pause_seconds is not None:
        lines.append(f"pause  {answer.pause_seconds:g} s")
    return lines
