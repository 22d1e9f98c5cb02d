"""`pommai compile`."""

from __future__ import annotations

import argparse
import io
import stat
from pathlib import Path

import pytest

from pommai.chart.table import load
from pommai.cli import compile as command
from pommai.errors import ChartError

ROOT = Path(__file__).parents[1]
CHART = "name: lamp\nstates: {idle: {transitions: {event: button.pressed, target: idle}}}\n"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["compile", *words])
    code: int = args.run(args)
    return code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lamp.yaml").write_text(CHART)
    return tmp_path


def test_the_table_stands_beside_the_chart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lamp.yaml") == 0
    table = load((folder / "lamp.pommai.json").read_text("utf-8"))
    assert table.name == "lamp"
    shown = capsys.readouterr().out
    assert shown.startswith("lamp.pommai.json: 1 configuration, 1 event, 2 steps, ")
    assert sorted(path.name for path in folder.iterdir()) == ["lamp.pommai.json", "lamp.yaml"]


def test_the_projects_chart_compiles_and_every_transition_of_it_can_be_taken(folder: Path) -> None:
    assert run(str(ROOT / "statechart.yaml"), "-o", "toy.json") == 0
    table = load((folder / "toy.json").read_text("utf-8"))
    taken = {index for step in table.steps() for index in step.taken}
    assert [t for index, t in enumerate(table.transitions) if index not in taken] == []
    active = {id_ for node in table.nodes for id_ in node.configuration} | {t.source for t in table.transitions}
    assert [state.id for state in table.states if state.id not in active] == []


def test_a_chart_with_errors_writes_nothing(folder: Path) -> None:
    (folder / "lamp.yaml").write_text("states: {idle: {do: fly}}\n")
    with pytest.raises(ChartError, match="no activity is called 'fly'"):
        run("lamp.yaml")
    assert sorted(path.name for path in folder.iterdir()) == ["lamp.yaml"]


def test_a_chart_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("absent.yaml") == 2
    assert capsys.readouterr().err == "pommai compile: there is no file absent.yaml\n"


def test_a_chart_is_never_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lamp.yaml", "-o", "./lamp.yaml") == 2
    assert "is the chart itself" in capsys.readouterr().err
    assert (folder / "lamp.yaml").read_text() == CHART


def test_a_file_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lamp.yaml", "-o", "lamp.yaml/toy.json") == 1
    assert "cannot be written: " in capsys.readouterr().err


def test_a_table_may_be_read_by_whoever_may_read_other_files(folder: Path) -> None:
    assert run("lamp.yaml", "-o", "toy.json") == 0
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in ("toy.json", "lamp.yaml")}
    assert len(modes) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
