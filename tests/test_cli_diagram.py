"""`pommai diagram`."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pommai.chart.diagram_dot import dot
from pommai.chart.load import load_chart
from pommai.cli import diagram
from pommai.errors import ChartError
from pommai.lights.load import parse_patterns
from pommai.source import Reader

ROOT = Path(__file__).parents[1]


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    diagram.add_parser(parser.add_subparsers())
    args = parser.parse_args(["diagram", *words])
    code: int = args.run(args)
    return code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lamp.yaml").write_text("states: {dark: {transitions: {event: link.up, target: lit}}, lit: {}}\n")
    return tmp_path


def test_without_a_file_mermaid_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lamp.yaml") == 0
    assert capsys.readouterr().out.startswith("stateDiagram-v2\n")


def test_mermaid_is_written_into_a_file(folder: Path) -> None:
    assert run("lamp.yaml", "--mermaid", "lamp.mmd") == 0
    assert "dark --> lit : link.up" in (folder / "lamp.mmd").read_text("utf-8")


def test_without_graphviz_one_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert run("lamp.yaml", "--svg", "lamp.svg") == 1
    assert capsys.readouterr().err == f"pommai diagram: {diagram.INSTALL}\n"


def a_dot_that(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Put a program called `dot` of our own first on the path."""
    program = folder / "bin" / "dot"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def test_the_picture_is_what_graphviz_makes_of_the_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_dot_that(folder, monkeypatch, "cat")
    assert run("lamp.yaml", "--svg", "lamp.svg") == 0
    text = dot(load_chart(Reader.of_file(folder / "lamp.yaml", ChartError)), {})
    assert (folder / "lamp.svg").read_text("utf-8") == text


def test_what_graphviz_refuses_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_dot_that(folder, monkeypatch, "cat >/dev/null; echo 'syntax error in line 3' >&2; exit 1")
    assert run("lamp.yaml", "--svg", "lamp.svg") == 1
    assert "Graphviz refused: syntax error in line 3" in capsys.readouterr().err


def test_a_chart_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("absent.yaml") == 2
    assert capsys.readouterr().err == "pommai diagram: there is no file absent.yaml\n"


def test_a_folder_is_no_chart(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(".") == 2
    assert capsys.readouterr().err == "pommai diagram: . is a folder, not a file\n"


def test_a_compiled_chart_has_no_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lamp.pommai.json").write_text('{"format": 2}')
    assert run("lamp.pommai.json") == 2
    assert "lamp.pommai.json is compiled; a picture needs the YAML it was made of" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lamp.yaml", "--mermaid", "no/lamp.mmd") == 1
    assert "no/lamp.mmd cannot be written: No such file or directory" in capsys.readouterr().err


def test_a_chart_with_errors_is_not_drawn(folder: Path) -> None:
    (folder / "lamp.yaml").write_text("states: {dark: {transitions: {event: link.up, target: litt}}}\n")
    with pytest.raises(ChartError, match="no state is called 'litt'"):
        run("lamp.yaml")


def test_the_picture_in_the_documents_shows_every_state_of_the_chart() -> None:
    """Graphviz places things differently from version to version, so its picture is not compared."""
    picture = ET.parse(ROOT / "docs" / "statechart.svg")
    shown = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    chart = load_chart(Reader.of_file(ROOT / "statechart.yaml", ChartError))
    assert {state.id for state in chart.walk()} <= shown


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('kind: steady, colour: "#804000", level: 20%', ("#ff8000",)),
        ('kind: breathe, colour: "#ff0000", period: 4s', ("#ff0000",)),
        ("kind: swirl, period: 3s", ("#ff0000", "#00ff00", "#0000ff")),
        ("kind: steady, colour: black", ()),
    ],
)
def test_a_pattern_is_shown_as_bright_as_a_screen_can(pattern: str, expected: tuple[str, ...]) -> None:
    patterns = parse_patterns(f"patterns: {{x: {{description: A light., {pattern}}}}}")
    assert diagram.swatches(patterns["x"]) == expected


def test_without_patterns_a_chart_is_drawn_without_colours(folder: Path) -> None:
    (folder / "led_patterns.yaml").write_text("patterns: {}\n")
    assert diagram.colours_for(folder / "lamp.yaml") == {}
