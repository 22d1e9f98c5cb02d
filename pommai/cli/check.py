"""`pommai check`: what is wrong in the files people edit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import WRONG_USAGE
from pommai.errors import ChartError, EnginesError, PersonasError, Problem, SettingsError, SoundError, SourceError
from pommai.source import Mapping, Reader, closest

if TYPE_CHECKING:
    from pommai.chart.check import Checked
    from pommai.chart.vocabulary import Vocabulary

_DESCRIPTION = """\
Read statecharts, light patterns, offline responses, personas, the gateway's engines and settings, and say everything
that is wrong in them, one line each:

    statechart.yaml:64:38: error: no state is called 'processin' (did you mean 'processing'?)

What a file is, is told by what stands in it (states, patterns, commands, personas, or hearing, answering, voice), and
else by its name. A chart is also tried out: every configuration, every event, every answer of every guard. Its light
patterns are looked up in the led_patterns.yaml that is checked along with it, else beside it, else the project's; with
a chart, the toy's sound files are checked, too. Of offline responses every trigger is said to the toy, and every reply
is heard by its own filter. Of personas, sounds, light patterns and the voices of espeak-ng are looked up on this
machine. So are engines, without loading them; they must be able to answer for the personas that are checked along with
them.
"""
_EPILOG = """\
Examples:
  pommai check                          the project's own files
  pommai check statechart.yaml          one of them
  pommai check my/*.yaml --json         for machines: a list of {file, line, column, severity, message, hint}

Exit code: 0 no errors, 1 errors, 2 wrong usage.
"""

PROJECT_FILES = (
    "statechart.yaml",
    "led_patterns.yaml",
    "offline_responses.yaml",
    "personas.yaml",
    "gateway.yaml",
    "pommai.toml",
)
_KINDS = {
    "states": "statechart",
    "patterns": "led_patterns",
    "commands": "offline_responses",
    "personas": "personas",
    "hearing": "gateway",
    "answering": "gateway",
    "voice": "gateway",
}
"""What stands at the top of a file of each kind."""
_SETTINGS = "settings"


class _UsageError(Exception):
    """The command was given something it cannot check; the message is a sentence."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "check",
        help="what is wrong in the files people edit",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="the files (default: the project's own, those there are)"
    )
    parser.add_argument("--json", action="store_true", help="write the problems as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check. The exit code: 0 no errors, 1 errors, 2 wrong usage."""
    try:
        kinds = {file: kind_of(file) for file in args.files or project_files()}
    except _UsageError as caught:
        print(f"pommai check: {caught}", file=sys.stderr)
        return WRONG_USAGE
    problems = check_files(kinds)
    if args.json:
        import json

        print(json.dumps([problem.as_json() for problem in problems], indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem)
    print(_summary(problems, len(kinds)), file=sys.stderr)
    return 1 if problems else 0


def project_files() -> list[Path]:
    """The project's own files, those there are."""
    from pommai.toy.settings import find_project_file

    found = []
    for name in PROJECT_FILES:
        try:
            found.append(find_project_file(name))
        except SettingsError:
            continue
    return found


def kind_of(file: Path) -> str:
    """One of _KINDS, or settings. Raises _UsageError when it is none of them, or no file."""
    if not file.is_file():
        raise _UsageError(f"there is no file {file}" if not file.exists() else f"{file} is a folder, not a file")
    if file.suffix == ".toml":
        return _SETTINGS
    words: list[str] = []
    try:
        root = Reader.of_file(file, SourceError).root
        words = [key.text for key, _ in root] if isinstance(root, Mapping) else []
    except SourceError:
        pass  # whatever it is meant to be, its own loader says what is wrong
    if {"format", "nodes"} <= {*words}:
        raise _UsageError(f"{file} is a compiled chart; check the one it was made of")
    for same in (lambda word: word if word in _KINDS else None, lambda word: closest(word, _KINDS)):
        for word in words:
            if near := same(word):
                return _KINDS[near]
    for kind in _KINDS.values():
        if kind in file.stem.replace("-", "_"):
            return kind
    if not words and file.suffix in (".yaml", ".yml"):
        return _KINDS["states"]
    raise _UsageError(f"{file} holds no states, patterns, commands, personas or engines; what is it?")


def check_files(kinds: dict[Path, str]) -> list[Problem]:
    """All problems of these files, in the order of the files, then of their lines."""
    problems: list[Problem] = []
    shown = {file: _shown(file) for file in kinds}
    for file, kind in kinds.items():
        try:
            if kind == _SETTINGS:
                _check_settings(shown[file])
            elif kind == "statechart":
                from pommai.chart.compile import compile_chart

                compile_chart(checked_chart(shown[file], patterns_for(file, kinds), _responses_of(kinds)))
            elif kind == "offline_responses":
                from pommai.responses.load import load_responses

                load_responses(shown[file], _sounds())
            elif kind == "personas":
                from pommai.gateway.personas import check_personas
                from pommai.io.speech_names import voice_problem

                reader = Reader.of_file(shown[file], PersonasError)
                beside = file.with_name("led_patterns.yaml")
                patterns = beside if beside.is_file() else patterns_for(file, kinds)
                check_personas(reader, _sounds(), _pattern_names(patterns), voice_problem)
            elif kind == "gateway":
                _check_engines(shown[file], [shown[each] for each, other in kinds.items() if other == "personas"])
            else:
                from pommai.lights.load import load_patterns

                load_patterns(shown[file])
        except SourceError as caught:
            problems += caught.problems
    return problems + (_sound_problems() if "statechart" in kinds.values() else [])


def _shown(file: Path) -> Path:
    """The file as it is named in problems: from the working directory when it lies in it."""
    try:
        return file.resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        return file


def patterns_for(chart: Path, kinds: dict[Path, str]) -> Path | None:
    """The light patterns that go with a chart."""
    from pommai.toy.settings import find_project_file

    given = [file for file, kind in kinds.items() if kind == "led_patterns"]
    beside = chart.with_name("led_patterns.yaml")
    if given:
        return min(given, key=lambda file: file.resolve().parent != chart.resolve().parent)
    if beside.is_file():
        return beside
    try:
        return find_project_file("led_patterns.yaml")
    except SettingsError:
        return None


def checked_chart(file: Path, patterns: Path | None = None, responses: Path | None = None) -> Checked:
    """Load a chart and look up its names: light patterns in `patterns` (default: beside the chart, else the project's),
    commands in `responses` (default: the project's).

    Raises ChartError.
    """
    from pommai.chart.check import check_chart
    from pommai.chart.load import read_chart

    reader = Reader.of_file(file, ChartError)
    chart = read_chart(reader)
    if chart is None:
        reader.finish()
        raise AssertionError("a chart that cannot be read has a problem")
    return check_chart(chart, reader, vocabulary_for(file, patterns, responses))


def vocabulary_for(chart: Path, patterns: Path | None = None, responses: Path | None = None) -> Vocabulary:
    """What a chart may say; see `checked_chart`."""
    from pommai.toy.vocabulary import toy_vocabulary

    return toy_vocabulary(_pattern_names(patterns or patterns_for(chart, {})), _sounds(), _command_names(responses))


def _responses_of(kinds: dict[Path, str]) -> Path | None:
    """The offline responses that are checked along with a chart."""
    return next((file for file, kind in kinds.items() if kind == "offline_responses"), None)


def _command_names(file: Path | None) -> frozenset[str] | None:
    """The commands of offline responses (default: the project's); None when their file has errors itself."""
    from pommai.responses import load_responses
    from pommai.toy.settings import find_project_file

    try:
        return load_responses(file or find_project_file("offline_responses.yaml")).command_names
    except (SourceError, SettingsError):
        return None


def _pattern_names(file: Path | None) -> frozenset[str] | None:
    """The names of the patterns; None, so that they are not looked up, when their file has errors itself."""
    from pommai.lights.load import load_patterns

    try:
        return None if file is None else frozenset(load_patterns(file))
    except SourceError:
        return None


def _sounds() -> frozenset[str]:
    """The names of the toy's sounds."""
    from pommai.io.sounds import SoundFolder

    try:
        return SoundFolder(_sound_folder()).names()
    except SoundError:
        return frozenset()


def _sound_folder() -> Path:
    """Where the toy's sounds are: its own when the settings are wrong."""
    from pommai.toy.settings import RESOURCES, load_settings

    try:
        return load_settings().sounds
    except SettingsError:
        return RESOURCES / "sounds"


def _sound_problems() -> list[Problem]:
    """What is wrong with the toy's sounds: a toy could not play them."""
    from pommai.io.sounds import SoundFolder

    folder = _sound_folder()
    try:
        sounds = SoundFolder(folder)
    except SoundError as caught:
        return [Problem(str(_shown(folder)), 1, 1, str(caught))]
    problems = []
    for name in sorted(sounds.names()):
        file = sounds.file(name)
        try:
            sounds.frames(name)
        except SoundError as caught:
            problems.append(Problem(str(_shown(file)), 1, 1, str(caught).removeprefix(f"{file} ")))
    return problems


def _check_engines(file: Path, personas: Iterable[Path]) -> None:
    """The gateway's engines: whether they are to be had here, and can answer for these personas."""
    from pommai.gateway.gateway_file import Endpoint, read_gateway_file
    from pommai.gateway.personas import load_personas
    from pommai.gateway.speech.present import missing_engines, unanswerable
    from pommai.toy.settings import load_settings

    reader = Reader.of_file(file, EnginesError)
    settings = read_gateway_file(reader)
    try:
        models = load_settings().models
    except SettingsError:
        models = Path()
    assert isinstance(reader.root, Mapping)
    for key, why in missing_engines(settings, models).items():
        reader.problem(reader.root.get(key) or reader.root, why)
    problems = reader.problems
    for each in personas:
        try:
            everybody = load_personas(each)
        except PersonasError:
            continue  # told already
        for persona in everybody.values():
            has_model = isinstance(settings.answering, Endpoint)
            why_not = unanswerable(persona, hears=settings.hearing is not None, has_model=has_model)
            if why_not is not None:
                _, line, column = persona.where.rsplit(":", 2)
                problems.append(Problem(str(each), int(line), int(column), why_not))
    reader.finish()


def _check_settings(file: Path) -> None:
    from pommai.toy.settings import load_settings

    try:
        load_settings(argparse.Namespace(config=str(file)), environment={})
    except SettingsError as caught:
        raise SourceError(_problems(str(file), str(caught).splitlines())) from caught


def _problems(file: str, lines: Iterable[str]) -> list[Problem]:
    """Settings say `FILE:LINE: what`; give them the form of all others."""
    found = []
    for line in lines:
        _, _, words = line.partition(f"{file}:")
        number, _, message = words.partition(": ")
        row, _, column = number.partition(":")
        if row.isdigit():
            found.append(Problem(file, int(row), int(column) if column.isdigit() else 1, message))
        else:
            found.append(Problem(file, 1, 1, line))
    return found


def _summary(problems: list[Problem], files: int) -> str:
    def counted(number: int, word: str) -> str:
        return f"{number} {word}" if number == 1 else f"{number} {word}s"

    if not problems:
        return f"{counted(files, 'file')}, no errors"
    return f"{counted(len(problems), 'error')} in {counted(len({problem.file for problem in problems}), 'file')}"
