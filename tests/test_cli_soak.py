"""`pommai soak` as it is typed; what it does: see test_qa_soak_run and test_qa_soak_days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from soak_sights import a_soak

from pommai.cli import main
from pommai.qa import soak_days, soak_disk, soak_run
from pommai.qa.soak_plan import KINDS
from pommai.qa.soak_run import Now
from pommai.qa.soak_verdict import Soak


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """In place of a soak: what was asked for, and what comes of it."""
    asked: dict[str, Any] = {"soak": a_soak()}

    async def run(out: Path, model: Path, resting: frozenset[str], *, progress: Any, **more: Any) -> Soak:
        asked.update(out=out, model=model, resting=resting, **more)
        progress(Now(0.5, 60.0, 3, "clock", 1, 61.2))
        await asyncio.sleep(0)
        soak: Soak = asked["soak"]
        return soak

    monkeypatch.setattr(soak_run, "run_soak", run)
    monkeypatch.setattr(soak_disk, "go_apart", lambda: asked.get("no_disks", ""))
    return asked


def test_a_soak_that_went_well_leaves_a_report_and_a_picture(
    seen: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["soak", "--for", "5m", "--seed", "9", "--report", str(tmp_path)]) == 0
    assert "nothing went wrong" in capsys.readouterr().out
    assert (seen["seconds"], seen["seed"], seen["out"]) == (300.0, 9, tmp_path)
    assert {"idle", "safe_mode"} <= seen["resting"]
    assert (seen["model"] / "am" / "final.mdl").is_file()
    assert json.loads((tmp_path / "report.json").read_text())["well"] is True
    assert "![What they take" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


def test_without_disks_of_their_own_it_is_done_another_way_and_told(
    seen: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["soak", "--report", str(tmp_path)]) == 0
    assert seen["disks"] is True
    seen["no_disks"] = "Operation not permitted"
    assert main(["soak", "--report", str(tmp_path)]) == 0
    assert seen["disks"] is False
    assert "Operation not permitted" in capsys.readouterr().out


def test_what_went_wrong_is_told_and_is_exit_code_1(
    seen: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen["soak"].ended = "the toy has ended"
    assert main(["soak", "--json", "--report", str(tmp_path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == ["ended early: the toy has ended"]
    assert seen["seconds"] == 1800.0


def test_who_interrupts_gets_what_was_seen_so_far(
    seen: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen["soak"].interrupted = True
    assert main(["soak", "--report", str(tmp_path)]) == 130
    assert "interrupted; this is what was seen so far" in capsys.readouterr().out
    assert (tmp_path / "report.md").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--for", "5s"], "a time is 20s to 168h"),
        (["--for", "soon"], "a time is 20s to 168h"),
        (["--days", "0"], "a number of days is 1..366"),
        (["--days", "-3"], "a number of days is 1..366"),
        (["--days", "3", "--for", "1m"], "not allowed with"),
        (["--only", "card lost,link cutt"], "no fault 'link cutt' (did you mean 'link cut'?)"),
        (["--only", ""], "known: card lost"),
    ],
)
def test_wrong_usage_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("words", "kinds"), [([], KINDS), (["--only", "clock, card lost"], ("clock", "card lost"))])
def test_of_the_faults_all_come_or_those_that_are_named(
    words: list[str], kinds: Collection[str], seen: dict[str, Any], tmp_path: Path
) -> None:
    assert main(["soak", *words, "--report", str(tmp_path)]) == 0
    assert list(seen["kinds"]) == list(kinds)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_begun(
    seen: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["soak", "--report", str(tmp_path / "file")]) == 2
    assert "pommai soak: " in capsys.readouterr().err
    assert "out" not in seen


def test_a_model_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--vosk-model", str(tmp_path / "nothing"), "--report", str(tmp_path)]) == 1
    assert "there is no speech model" in capsys.readouterr().err


# -- days ----------------------------------------------------------------------------------


@pytest.fixture
def short_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_days, "DAY_S", 900.0)
    monkeypatch.setattr(soak_days, "SPELL_S", 200.0)
    monkeypatch.setattr(soak_days, "PLAY_S", 60.0)


@pytest.mark.usefixtures("short_days")
def test_days_are_a_table_with_a_line_for_each_midnight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--days", "2", "--report", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "2 days, seed 1: nothing grew, nothing went wrong" in told
    assert [line.split()[0] for line in told.splitlines()[:3]] == ["day", "1", "2"]
    assert (tmp_path / "days.txt").read_text() == told


@pytest.mark.usefixtures("short_days")
def test_days_that_are_interrupted_or_went_wrong_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak_days, "MOST_TIMERS", -1)
    assert main(["soak", "--days", "1", "--json", "--report", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["wrongs"] != []

    def interrupt(*_: Any) -> Callable[[], None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(soak_days, "live_for_days", interrupt)
    assert main(["soak", "--days", "1", "--report", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().out
