"""`pommai replay` as a shell sees it; and every file of tests/regressions, which must not fail again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from qa_material import forgetful_table

from pommai.chart.table import dump
from pommai.cli import main

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.replay"))
SAFE = Path(__file__).parent / "regressions" / "held-without-a-word.replay"


@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: file.stem)
def test_what_failed_once_does_not_fail_again(file: Path, capsys) -> None:
    assert main(["replay", str(file)]) == 0, capsys.readouterr().out


def test_a_replay_tells_what_happens(capsys) -> None:
    assert main(["replay", str(SAFE)]) == 0
    out = capsys.readouterr().out
    assert "(switched on)" in out
    assert "→ calm" in out
    assert "● safe_glow" in out


def test_one_event_at_a_time_waits_for_the_enter_key(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["replay", str(SAFE), "--step"]) == 0
    out = capsys.readouterr().out
    assert out.count("↵") == 2  # the second time, nobody is there any more, and all that is left happens
    assert main(["replay", str(SAFE)]) == 0
    at_once = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [line for line in out.replace("  ↵ ", "").splitlines() if line.strip()] == at_once


def test_what_fails_again_is_not_overlooked_when_nobody_presses_the_enter_key(tmp_path, monkeypatch, capsys) -> None:
    broken = tmp_path / "broken.pommai.json"
    broken.write_text(dump(forgetful_table()))
    monkeypatch.chdir(tmp_path)
    assert main(["fuzz", str(broken), "--events", "50000", "--seed", "7"]) == 1
    (file,) = tmp_path.glob("out/fuzz/*.replay")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["replay", str(file), "--chart", str(broken), "--step"]) == 1
    assert "✗ the activity record of listening goes on" in capsys.readouterr().out


def test_another_version_of_the_chart_is_said_and_another_chart_refused(tmp_path, capsys) -> None:
    text = SAFE.read_text()
    other = tmp_path / "other.replay"
    other.write_text("\n".join("source: " + "0" * 64 if "source:" in line else line for line in text.split("\n")))
    assert main(["replay", str(other)]) == 0
    err = capsys.readouterr().err
    assert "another version of the chart 'pommai'" in err
    assert "it may take another course; --chart names another\n" in err
    other.write_text(text.replace("chart: pommai", "chart: robot"))
    assert main(["replay", str(other)]) == 1
    assert "recorded with the chart 'robot', and this is 'pommai'" in capsys.readouterr().err


def test_a_file_that_was_cut_off_is_refused(tmp_path, capsys) -> None:
    cut = tmp_path / "cut.replay"
    cut.write_text(SAFE.read_text()[:-20])
    assert main(["replay", str(cut)]) == 1
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name a replay file, or a trace with --from-trace"),
        (["a.replay", "--from-trace", "b.jsonl"], "name a replay file, or a trace with --from-trace"),
        (["a.replay", "--chart", "gone.yaml"], "there is no file gone.yaml"),
        (["--from-trace", "b.jsonl"], "say where to write the replay file: -o FILE"),
    ],
)
def test_wrong_usage_is_said(words: list[str], told: str, capsys) -> None:
    assert main(["replay", *words]) == 2
    assert told in capsys.readouterr().err


def test_answers_that_the_file_does_not_have_are_named(tmp_path, capsys) -> None:
    bare = tmp_path / "bare.replay"
    head = SAFE.read_text().split("\n\n")[0]
    bare.write_text(head + "\n\n0 toy.loaded\n1 button.pressed\nend: 2 events\n")
    assert main(["replay", str(bare)]) == 0
    assert "taken for no: held_at_power_up, microphone_works, was_in_safe_mode\n" in capsys.readouterr().err


def test_a_trace_becomes_a_replay_file_that_takes_the_same_course(tmp_path, capsys) -> None:
    lines = [
        {"t_us": 5_000_000, "kind": "event", "name": "start", "turn": 0, "data": {}, "guards": {}},
        {"t_us": 6_000_000, "kind": "event", "name": "toy.loaded", "turn": 0, "data": {"toy_id": "owl"}, "guards": {}},
    ]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = tmp_path / "bug.replay"
    assert main(["replay", "--from-trace", str(tmp_path / "trace.jsonl"), "-o", str(made)]) == 0
    assert "2 events" in capsys.readouterr().out
    assert main(["replay", str(made)]) == 0
    assert "→ idle offline" in capsys.readouterr().out


def test_deeds_are_done_to_a_whole_toy_again(tmp_path, capsys) -> None:
    head = SAFE.read_text().split("\n\n")[0].replace("engine: table", "engine: toy")
    deeds = "0.1 link.up\n0.2 toy.loaded\n1 button.pressed\n1.2 speech.started\n3 button.released\nend: 5 events\n"
    (tmp_path / "toy.replay").write_text(f"{head}\n\n{deeds}")
    assert main(["replay", str(tmp_path / "toy.replay")]) == 0
    out = capsys.readouterr().out
    assert "• 3.000000 button.released" in out
    assert "→ asking online" in out
