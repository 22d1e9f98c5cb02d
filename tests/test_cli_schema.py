"""`pommai schema`, and the schemas that stand in the project."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pommai.cli import schema as command

ROOT = Path(__file__).parents[1]
FILES = {
    "statechart.schema.json": "statechart.yaml",
    "led_patterns.schema.json": "led_patterns.yaml",
    "offline_responses.schema.json": "offline_responses.yaml",
    "personas.schema.json": "personas.yaml",
    "gateway.schema.json": "gateway.yaml",
}


class _WordsLoader(yaml.SafeLoader):
    """YAML 1.2's idea of true and false, as editors have it: `on` and `off` are words."""


_WordsLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":bool") or first in "tTfF"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["schema", *words])
    code: int = args.run(args)
    return code


def test_without_a_folder_all_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert list(json.loads(capsys.readouterr().out)) == list(FILES)


def test_each_schema_is_written_into_a_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--write", str(tmp_path / "new" / "schemas")) == 0
    written = sorted((tmp_path / "new" / "schemas").iterdir())
    assert [path.name for path in written] == sorted(FILES)
    assert sorted(capsys.readouterr().out.split()) == [str(path) for path in written]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("--write", str(tmp_path / "file")) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_the_schemas_in_the_project_are_those_of_the_code(name: str) -> None:
    written = (ROOT / "schemas" / name).read_text("utf-8")
    assert written == command.as_text(command.schemas()[name]), "write it anew: pommai schema --write schemas"


@pytest.mark.parametrize(("name", "file"), FILES.items())
def test_each_file_names_its_schema_in_its_first_line_and_keeps_to_it(name: str, file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert text.splitlines()[0] == f"# yaml-language-server: $schema=schemas/{name}"
    schema = command.schemas()[name]
    Draft202012Validator.check_schema(schema)
    document = yaml.load(text, Loader=_WordsLoader)
    problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]
    assert problems == []
