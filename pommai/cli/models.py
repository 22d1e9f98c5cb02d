"""`pommai models`: the speech models on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pommai.io.vosk_model import VoskModel

_DESCRIPTION = """\
Speech models: what a toy hears its wake word with, and understands a child with while there is no network. They are
kept in the folder of the setting models. A model anywhere else goes by its path, here and in the setting vosk_model.
"""
_EPILOG = """\
Examples:
  pommai models list                    what there is, here and to be had
  pommai models get                     Vosk's small model for English (41 MB)
  pommai models get ~/my-model.zip      a model of your own, from a zip file or a folder
  pommai models check                   does it know the wake words of personas.yaml?
  pommai models check ~/my-model --phrase "hey pommai" --phrase "hey pom my"

Exit code: 0 all is well, 1 something is wrong: no network, a damaged model, a toy without any wake word.
"""
_LIST = """\
List the speech models that are here, those `pommai models get` knows, and those that come with microWakeWord.
"""
_GET = """\
Get a model by name from its maker, with its checksum looked at, or keep a copy of your own by the path of a folder or
zip file. It is put in its place whole or not at all: a Ctrl-C, a broken network or a full disk leave nothing behind.
"""
_CHECK = """\
Load a model, and say which words of the wake words it does not know. A toy can be called by any phrase whose words are
all known: by its wake word, or else by one of its alternatives.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "models",
        help="get and check speech models",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")

    listing = commands.add_parser("list", help="what there is", description=_LIST)
    listing.add_argument("--json", action="store_true", help="a list of objects, sizes in bytes")
    _add_settings(listing)

    getting = commands.add_parser("get", help="put a model into the folder of models", description=_GET)
    getting.add_argument(
        "name", nargs="?", metavar="NAME|PATH", help="the model (default: Vosk's small one for English)"
    )
    _add_settings(getting)

    checking = commands.add_parser("check", help="does it know the wake words?", description=_CHECK)
    checking.add_argument(
        "name", nargs="?", metavar="NAME|PATH", help="the model (default: Vosk's small one for English)"
    )
    checking.add_argument(
        "--phrase",
        action="append",
        metavar="WORDS",
        help="a wake word, then its alternatives, in place of those of all personas",
    )
    checking.add_argument("--json", action="store_true", help="one object; `ok` says what the exit code does")
    _add_settings(checking)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for. The exit code: 0, or 1 when a toy has no wake word. Raises ModelError, PersonasError."""
    from pommai.cli.own_toy import own_settings
    from pommai.io.models import DEFAULT

    settings = own_settings(args)()
    folder, cache = settings.models, settings.cache_dir
    if args.action == "list":
        return _list(folder, as_json=args.json)
    if args.action == "get":
        return _get(args.name or DEFAULT, folder, cache)
    return _check(args.name or DEFAULT, folder, cache, args.phrase, as_json=args.json)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from pommai.toy.settings import add_setting_arguments

    add_setting_arguments(parser, only=("models", "cache_dir"))


# -- list ----------------------------------------------------------------------------------


def _list(folder: Path, *, as_json: bool) -> int:
    from msgspec.structs import asdict

    from pommai.io.model_download import spoken_size
    from pommai.io.models import list_models

    models = list_models(folder)
    if as_json:
        print(json.dumps([asdict(model) for model in models], indent=2))
        return 0
    rows = [("NAME", "ENGINE", "SIZE", "STATE", "WHERE")]
    rows += [(model.name, model.engine, spoken_size(model.size), model.state, model.where) for model in models]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        name, engine, size, state = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        print(f"{name}  {engine}  {size.strip().rjust(widths[2])}  {state}  {row[4]}")
    return 0


# -- get -----------------------------------------------------------------------------------


def _get(what: str, folder: Path, cache: Path) -> int:
    from pommai.cli.progress import Progress
    from pommai.io.models import get_model
    from pommai.io.vosk_model import load_model

    with Progress(sys.stderr, _told) as progress:
        place, new = get_model(what, folder, progress)
    load_model(place, cache).close()  # tried out now, so that a toy need not when a child waits
    print(f"{place.name} is {'now in' if new else 'there already:'} {place}")
    return 0


def _told(doing: str, done: int, total: int) -> tuple[float, str]:
    from pommai.io.model_download import spoken_size

    return done / max(total, 1), f"{doing} {spoken_size(done)} of {spoken_size(total)}"


# -- check ---------------------------------------------------------------------------------


def _check(what: str, folder: Path, cache: Path, phrases: Sequence[str] | None, *, as_json: bool) -> int:
    from pommai.io.model_download import spoken_size
    from pommai.io.models import find_model, size_of
    from pommai.io.vosk_model import load_model

    place = find_model(what, folder)
    toys, others = _toys() if phrases is None else ({"the phrases": phrases}, {})
    model = load_model(place, cache)
    try:
        vocabulary = frozenset(model.vocabulary())
        told = {toy: [_heard(model, vocabulary, phrase) for phrase in wanted] for toy, wanted in toys.items()}
    finally:
        model.close()
    mute = [toy for toy, found in told.items() if not any(phrase["heard"] for phrase in found)]
    if as_json:
        report = {"model": str(place), "size": size_of(place), "words": len(vocabulary), "toys": told, "ok": not mute}
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return 1 if mute else 0
    print(f"{place}: a Vosk model of {spoken_size(size_of(place))} that knows {len(vocabulary):,} words")
    for toy, found in told.items():
        print(f"{toy}:")
        for phrase in found:
            print(f"  {_line(phrase)}")
    for toy, engine in others.items():
        print(f"{toy}: needs no Vosk to be called; its wake engine is {engine}")
    for toy in mute:
        asked = "none of the phrases can be heard" if phrases else f"{toy} could not be called by any wake word"
        print(f"pommai models: {asked}; spell one in words this model knows, as an alternative", file=sys.stderr)
    return 1 if mute else 0


def _toys() -> tuple[Mapping[str, Sequence[str]], Mapping[str, str]]:
    """Of each persona that listens with Vosk, its wake word and alternatives; of each other, its wake engine."""
    from pommai.gateway.personas import load_personas
    from pommai.toy.settings import find_project_file

    profiles = [persona.profile for persona in load_personas(find_project_file("personas.yaml")).values()]
    phrases = {
        profile.toy_id: [*([profile.wake_word] if profile.wake_word else []), *profile.wake_word_alternatives]
        for profile in profiles
        if profile.wake_engine == "vosk"
    }
    return (
        {toy: wanted for toy, wanted in phrases.items() if wanted},
        {profile.toy_id: profile.wake_engine for profile in profiles if profile.toy_id not in phrases},
    )


def _heard(model: VoskModel, vocabulary: frozenset[str], phrase: str) -> dict[str, Any]:
    """Whether a model can hear a phrase, and what is spelled like the words it lacks."""
    missing = model.missing(phrase)
    return {
        "phrase": phrase,
        "heard": bool(phrase.split()) and not missing,
        "missing": [{"word": word, "near": [*_halves(word, vocabulary), *model.near(word)]} for word in missing],
    }


def _halves(word: str, vocabulary: frozenset[str]) -> list[str]:
    """A word as two known ones, where it can be cut so: "pom mai". A syllable is two letters at least."""
    pairs = ((word[:cut], word[cut:]) for cut in range(2, len(word) - 1))
    return [f"{first} {second}" for first, second in pairs if first in vocabulary and second in vocabulary]


def _line(phrase: dict[str, Any]) -> str:
    said = f'"{phrase["phrase"]}"'
    if phrase["heard"]:
        return f"{said} can be heard"
    if not phrase["missing"]:
        return f"{said} has no words"
    lacks = [
        f"'{item['word']}'" + (f" (spelled alike: {', '.join(item['near'])})" if item["near"] else "")
        for item in phrase["missing"]
    ]
    return f"{said} cannot: the model does not know {' and '.join(lacks)}"
