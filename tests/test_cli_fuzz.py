"""`pommai fuzz` as a shell sees it."""

from __future__ import annotations

import json

import pytest
from qa_material import forgetful_table, ground

from pommai.chart.table import dump
from pommai.cli import main
from pommai.cli.fuzz import _so_far
from pommai.qa.campaign import Result
from pommai.qa.coverage import Coverage
from pommai.qa.replay_file import read_file


@pytest.fixture
def broken(tmp_path):
    """A chart in which a recording is forgotten, compiled."""
    path = tmp_path / "broken.pommai.json"
    path.write_text(dump(forgetful_table()))
    return path


def test_a_campaign_says_how_much_it_did_and_covered(capsys) -> None:
    assert main(["fuzz", "--events", "4000", "--seed", "7", "--profile", "hostile"]) == 0
    out, err = capsys.readouterr()
    assert "4,000 events of profile hostile, seed 7, in 1 stream" in out
    assert "transition pairs" in out
    assert out.rstrip().endswith("nothing failed")
    assert err == ""


def test_a_failure_is_told_and_kept_in_a_file_that_fails_again(broken, tmp_path, capsys) -> None:
    folder = tmp_path / "report"
    assert main(["fuzz", str(broken), "--events", "50000", "--seed", "7", "--report", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "FAILED in stream" in out
    assert "✗ the activity record of listening goes on when that state has been left" in out
    (file,) = folder.glob("*.replay")
    assert f"run it again: pommai replay {file} --chart {broken}\n" in out
    assert read_file(file).seed == 7
    assert json.loads((folder / "coverage.json").read_text())["events"] > 0
    assert main(["replay", str(file), "--chart", str(broken)]) == 1
    assert "✗ the activity record of listening goes on" in capsys.readouterr().out


def test_a_failure_is_told_where_nothing_can_be_written(broken, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").write_text("in the way of a folder")
    assert main(["fuzz", str(broken), "--events", "50000", "--seed", "7"]) == 1
    out, err = capsys.readouterr()
    assert "✗ the activity record of listening goes on when that state has been left" in out
    assert "run it again" not in out
    assert err.startswith("pommai fuzz: out/fuzz/failure-7-")
    assert "cannot be written: " in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--events", "-5"], "argument --events: must be at least 1, not -5"),
        (["--events", "many"], "a number of events is a whole number, not 'many'"),
        (["--workers", "0"], "argument --workers: must be at least 1, not 0"),
        (["--seed", "-1"], "a seed is a whole number from 0 on"),
        (["--profile", "nihgt"], "there is no profile 'nihgt' (did you mean 'night'?"),
        (["gone.yaml"], "there is no file gone.yaml"),
        (["--report", "/proc/nowhere"], "the report cannot be written to /proc/nowhere"),
    ],
)
def test_wrong_usage_is_said_in_words_and_costs_nothing(words: list[str], told: str, capsys) -> None:
    assert main(["fuzz", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_profile_with_a_mistake_is_refused_with_its_line(tmp_path, capsys) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "sources:\n  b:\n    begin: button.released\n    chain:\n"
        "      button.released: {wait: 1s, then: button.presed}\n"
    )
    assert main(["fuzz", "--profile", str(path)]) == 1
    assert f"{path}:5:41: error: no event is called 'button.presed' (did you mean" in capsys.readouterr().err


def test_ctrl_c_prints_what_was_found(monkeypatch, capsys) -> None:
    from pommai.qa.table_engine import TableEngine

    whole = TableEngine.run

    def run(self, seed, number, events, record=None):
        if number == 1:
            raise KeyboardInterrupt
        return whole(self, seed, number, events, record)

    monkeypatch.setattr(TableEngine, "run", run)
    assert main(["fuzz", "--events", "20000"]) == 130
    out = capsys.readouterr().out
    assert "interrupted after 5,000 of 20,000 events; so far:" in out
    assert "configurations" in out


def test_progress_says_how_far_how_fast_and_how_long_still() -> None:
    result = Result(Coverage(ground()), 400_000, events=100_000, seconds=1.0)
    assert _so_far(result) == (0.25, "100,000 events, 100,000/s, 0 % covered, 0:03 left")


def test_a_report_is_a_page_with_the_chart_and_figures_for_machines(tmp_path, capsys) -> None:
    assert main(["fuzz", "--events", "3000", "--report", str(tmp_path)]) == 0
    assert f"coverage: {tmp_path / 'coverage.html'}, {tmp_path / 'coverage.json'}" in capsys.readouterr().out
    html = (tmp_path / "coverage.html").read_text()
    assert "3,000 events in 1 stream of profile child, seed 1, engine table" in html
    told = json.loads((tmp_path / "coverage.json").read_text())
    assert told["figures"].keys() == {"configurations", "events", "guard outcomes", "transitions", "transition pairs"}


def test_whole_toys_are_played_with(capsys) -> None:
    assert main(["fuzz", "--engine", "toy", "--events", "200", "--profile", "hostile"]) == 0
    assert "nothing failed" in capsys.readouterr().out
