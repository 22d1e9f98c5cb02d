"""What the documents and help texts name exists: commands and their options, files, links and targets of make."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pommai import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.md"), ROOT / "cloud/README.md"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
COMMAND = re.compile(r"(?:^|[\s/])pommai (?!pommai )([a-z][a-z-]*)((?: [^|&#;`']*)?)")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
FILE = re.compile(r"(?<![\w./-])(?:benchmarks|cloud|deploy|docs|examples|pommai|schemas|tests|tools)/[\w./-]*[\w/]")
MADE = {"cloud/node_modules"}


def code_of(page: Path) -> Iterator[str]:
    """What a page shows as code: spans, and lines of blocks."""
    fenced = False
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def parser_of(*words: str) -> argparse.ArgumentParser:
    """The parser of `pommai WORDS`."""
    parser = cli._parser(words[:1] or cli.COMMANDS)
    for word in words:
        (actions,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        parser = actions.choices[word]
    return parser


def has_actions(parser: argparse.ArgumentParser) -> bool:
    return any(isinstance(action, argparse._SubParsersAction) for action in parser._actions)


def wrong_with(command: str, rest: str) -> str:
    """What does not exist of a command as a text shows it; empty when all of it does."""
    if command not in cli.COMMANDS:
        return f"there is no command {command}"
    parser, said = parser_of(command), rest.split()
    if has_actions(parser) and said and re.fullmatch("[a-z-]+", said[0]) and not said[0].startswith("-"):
        try:
            parser = parser_of(command, said[0])
        except KeyError:
            return f"pommai {command} has no {said[0]}"
    known = {option for action in parser._actions for option in action.option_strings}
    unknown = sorted(set(OPTION.findall(rest)) - known)
    return f"pommai {command} has no {', '.join(unknown)}" if unknown else ""


def commands_of(text: str) -> Iterator[tuple[str, str]]:
    for found in COMMAND.finditer(text):
        yield found[1], found[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_that_a_page_shows_exists(name: str) -> None:
    shown = [words for code in code_of(ROOT / name) for words in commands_of(code)]
    assert [wrong for command, rest in shown if (wrong := wrong_with(command, rest))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_a_page_names_exists(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = {file for code in code_of(page) for file in FILE.findall(code)} - MADE
    # A page may name what lies beside it, and this repository's folder on a toy, which is called pommai.
    known = (ROOT.joinpath, page.parent.joinpath, lambda file: ROOT / file.removeprefix("pommai/"))
    assert [file for file in sorted(named) if not any(path(file).exists() for path in known)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_target_of_make_that_a_page_shows_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = {target for code in code_of(ROOT / name) for target in re.findall(r"^ *make ([a-z-]+)", code)}
    assert shown <= targets


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_example_in_a_help_text_is_of_a_command_and_options_that_exist(command: str) -> None:
    parser = parser_of(command)
    helps = [parser.format_help()]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps += [inner.format_help() for inner in action.choices.values()]
    # After two spaces stands what an example is for.
    examples = [line.strip().partition("  ")[0] for text in helps for line in text.splitlines() if line[:2] == "  "]
    shown = [words for line in examples if " pommai " in f" {line}" for words in commands_of(line)]
    shown += [words for text in helps for span in re.findall(r"`([^`]+)`", text) for words in commands_of(span)]
    assert [wrong for name, rest in shown if (wrong := wrong_with(name, rest))] == []


def test_what_does_not_exist_is_noticed() -> None:
    ((command, rest),) = commands_of("POMMAI_URL=x pommai devices add bear-7 --dta toys.db  # and more")
    assert wrong_with(command, rest) == "pommai devices has no --dta"
    assert wrong_with("devices", " adde x") == "pommai devices has no adde"
    assert wrong_with("device", "") == "there is no command device"
