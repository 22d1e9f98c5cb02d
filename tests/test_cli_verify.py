"""`pommai verify` as people and machines see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pommai.chart.machine import ChartMachine
from pommai.cli import main
from pommai.cli.check import checked_chart
from pommai.qa.replay_file import read_file

CHART = """\
name: small
resting: idle
properties:
  quiet: {because: nobody asked, never: {in: busy, doing: record}}
  short: {because: time is short, returns: {within: 5s}}
  there: {because: one can get there, always: {from: idle, on: button.pressed, to: busy}}
states:
  idle: {led: breathing_blue, transitions: [{event: button.pressed, cond: microphone_works, target: busy}]}
  busy: {led: error_red, do: record, after: {9s: {target: idle, on: {play: sorry}}}}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    file = tmp_path / "chart.yaml"
    file.write_text(CHART)
    return file


def test_the_toys_own_chart_holds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["verify", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "✗" not in out
    assert "✓ only      safe_mode_is_private" in out
    assert "at rest within 170 s if nobody helps" in out.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_broken_property_is_shown_step_by_step(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(chart), "--out", str(chart.parent / "out")]) == 1
    out = capsys.readouterr().out
    assert "✗ never     quiet " in out
    assert "✗ quiet (line 4): this must never be, and is\n  because: nobody asked" in out
    assert "      0.1  button.pressed  microphone_works  timer timer.busy.9s 9 s" in out
    assert "✗ returns   short                     if nobody helps, it may take 9 s to come to idle" in out
    assert "11 properties, 3 broken: 2 configurations, 2 situations, 3 steps" in out


def test_the_shortest_way_is_written_as_a_replay_and_as_a_diagram(chart: Path) -> None:
    from pommai.chart.compile import compile_chart

    out = chart.parent / "out"
    main(["verify", str(chart), "--out", str(out)])
    assert sorted(file.name for file in out.iterdir()) == [
        f"{name}.{kind}" for name in ("quiet", "short", "there") for kind in ("mmd", "replay")
    ]
    replay = read_file(out / "quiet.replay")
    table = compile_chart(checked_chart(chart))
    assert (replay.chart, replay.source_sha256, replay.engine) == ("small", table.source_sha256, "table")
    machine = ChartMachine(table)
    machine.start(lambda _: True)
    for happening in replay.happenings[1:]:
        machine.receive(happening.name, happening.guards.__getitem__)
    assert machine.configuration == ("busy",)
    assert (out / "quiet.mmd").read_text().startswith("sequenceDiagram\n    participant button\n")


def test_what_is_written_fails_again_until_the_chart_is_mended(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = chart.parent / "out"
    main(["verify", str(chart), "--out", str(out)])
    slow = CHART.replace("do: record, ", "")
    for name, text, words in (
        ("quiet", CHART, "this must never be, and is (nobody asked)"),
        ("there", CHART, "leads to none of busy (one can get there)"),
        ("short", slow, "if nobody helps, it may take 9 s to come to idle (time is short)"),
    ):
        chart.write_text(text)
        capsys.readouterr()
        assert main(["replay", str(out / f"{name}.replay"), "--chart", str(chart)]) == 1
        assert capsys.readouterr().out.endswith(f"✗ {name}: {words}\n")
    chart.write_text(slow.replace("within: 5s", "within: 9s"))
    assert main(["replay", str(out / "short.replay"), "--chart", str(chart)]) == 0
    assert "does not fail any more: short: " in capsys.readouterr().out


def test_machines_get_all_of_it(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(chart), "--json", "--out", str(chart.parent / "out")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["chart"], told["holds"], told["situations"], told["rest_seconds"]) == ("small", False, 2, 9.0)
    short = next(one for one in told["properties"] if one["id"] == "short")
    assert (short["holds"], short["seconds"], short["line"]) == (False, 9.0, 5)
    assert [step["event"] for step in short["counterexample"]] == ["start", "button.pressed", "timer.busy.9s"]
    assert short["counterexample"][1]["guards"] == {"microphone_works": True}
    assert [Path(file).name for file in short["files"]] == ["short.replay", "short.mmd"]


def test_a_folder_that_cannot_be_written_is_said_and_the_story_is_told_all_the_same(
    chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(chart), "--out", str(chart)]) == 1
    out, err = capsys.readouterr()
    assert "cannot be written" in err
    assert "button.pressed  microphone_works" in out
    assert "written to" not in out


def test_a_chart_with_mistakes_is_not_proved(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chart.write_text(CHART.replace("in: busy", "in: bussy"))
    assert main(["verify", str(chart)]) == 1
    assert "chart.yaml:4:46: error: no state is called 'bussy' (did you mean 'busy'?)" in capsys.readouterr().err
    assert main(["check", str(chart)]) == 1
    assert "chart.yaml:4:46: error: no state is called 'bussy' (did you mean 'busy'?)" in capsys.readouterr().out


def test_without_a_chart_there_is_nothing_to_prove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none.yaml")]) == 2
    assert "there is no file" in capsys.readouterr().err
