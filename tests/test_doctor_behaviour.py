"""The files that make the toy behave: the project's own, and spoiled ones."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_material import look, settings, world

from pommai.cli import main
from pommai.doctor import behaviour
from pommai.doctor.finding import Finding, Mark
from pommai.io.sounds import SoundFolder
from pommai.lights.load import load_patterns
from pommai.responses import load_responses
from pommai.toy.charts import load_behaviour
from pommai.toy.settings import find_project_file


@pytest.fixture(autouse=True)
def no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not what these tests are about."""
    monkeypatch.setattr(behaviour, "SLOW_SECONDS", math.inf)


def seen(folder: Path, *, thorough: bool = False, **values: str) -> Finding:
    return look(
        behaviour.check_behaviour, replace(world(folder, settings=settings(folder, **values)), thorough=thorough)
    )


def spoilt(folder: Path, setting: str, file: str) -> Finding:
    values: dict[str, str] = {setting: file}
    return look(behaviour.check_behaviour, world(folder, settings=settings(folder, **values)))


def spoiled(folder: Path, name: str, old: str, new: str) -> str:
    text = find_project_file(name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    return str(folder / name)


def test_the_projects_own_files_are_well_and_nothing_is_written(tmp_path: Path) -> None:
    found = seen(tmp_path)
    assert found.mark is Mark.OK
    assert found.figures["patterns"] > 5  # type: ignore[operator]
    assert not (tmp_path / "charts").exists()


def test_a_chart_that_takes_long_to_compile_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour, "SLOW_SECONDS", 0.0)
    found = seen(tmp_path)
    assert (found.mark, found.next_step[:15]) == (Mark.NOTE, "pommai compile ")


def started_once(folder: Path) -> Path:
    """A toy has started with these settings; where its compiled chart is."""
    toy = settings(folder)
    sounds = SoundFolder(toy.sounds).names()
    responses = load_responses(toy.offline_responses, sounds)
    load_behaviour(
        toy.chart, frozenset(load_patterns(toy.led_patterns)), sounds, toy.cache_dir, responses.command_names
    )
    (kept,) = (folder / "charts").iterdir()
    return kept


def test_the_compiled_chart_that_the_toy_keeps_is_the_one_that_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started_once(tmp_path)
    monkeypatch.setattr(behaviour, "load_behaviour", None)  # nothing is compiled
    found = seen(tmp_path, thorough=True)
    assert (found.mark, found.figures["kept"]) == (Mark.OK, True)
    assert "compiled and kept; " in found.words


def test_a_kept_chart_that_is_damaged_is_wrong_and_left_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "my toys.json here"
    folder.mkdir()
    kept = started_once(folder)
    kept.write_text(kept.read_text()[:5000])
    found = seen(folder)
    assert (found.mark, found.figures["kept"]) == (Mark.WRONG, False)
    assert "is damaged" in found.words
    assert found.next_step.startswith(f"rm '{kept}'\n"), "and no other file"
    assert kept.stat().st_size == 5000


@pytest.mark.parametrize(
    ("setting", "name", "old", "new"),
    [
        ("chart", "statechart.yaml", "\nstates:", "\nstats:"),
        ("led_patterns", "led_patterns.yaml", "\npatterns:", "\npatern:"),
        ("offline_responses", "offline_responses.yaml", "\ncommands:", "\ncomands:"),
    ],
)
def test_a_file_with_a_mistake_is_broken_with_its_place(
    tmp_path: Path, setting: str, name: str, old: str, new: str
) -> None:
    found = spoilt(tmp_path, setting, spoiled(tmp_path, name, old, new))
    assert found.mark is Mark.BROKEN
    assert f"{name}:" in found.words
    assert found.next_step.startswith("pommai check ")


def test_a_compiled_chart_is_well_and_a_damaged_one_broken(tmp_path: Path) -> None:
    file = tmp_path / "chart.pommai.json"
    assert main(["compile", "--output", str(file)]) == 0
    assert seen(tmp_path, chart=str(file)).figures["compiled"] is True
    file.write_text('{"format": 99}')
    assert (seen(tmp_path, chart=str(file)).mark, "compile" in seen(tmp_path, chart=str(file)).next_step) == (
        Mark.BROKEN,
        True,
    )


def test_a_sound_that_cannot_be_played_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    shutil.copytree(settings(tmp_path).sounds, folder)
    bad = min(folder.glob("*.wav"))
    bad.write_bytes(b"no sound")
    found = seen(tmp_path, sounds=str(folder))
    assert (found.mark, str(bad) in found.words) == (Mark.WRONG, True)


def test_sounds_that_have_gone_are_broken(tmp_path: Path) -> None:
    shutil.copytree(settings(tmp_path).sounds, tmp_path / "sounds")
    there = world(tmp_path, settings=settings(tmp_path, sounds=str(tmp_path / "sounds")))
    shutil.rmtree(tmp_path / "sounds")
    found = look(behaviour.check_behaviour, there)
    assert (found.mark, found.words) == (Mark.BROKEN, f"there is no folder of sounds {tmp_path / 'sounds'}")


def test_on_request_the_properties_are_proved(tmp_path: Path) -> None:
    found = seen(tmp_path, thorough=True)
    assert (found.mark, found.figures["not_held"]) == (Mark.OK, [])
    assert "properties proved" in found.words


def test_a_chart_that_breaks_a_promise_is_broken_and_says_which(tmp_path: Path) -> None:
    chart = spoiled(tmp_path, "statechart.yaml", "pattern: safe_glow, priority: 100", "pattern: safe_glow, priority: 1")
    found = seen(tmp_path, thorough=True, chart=chart)
    assert (found.mark, found.figures["not_held"]) == (Mark.BROKEN, ["safe_mode_is_seen"])
    assert found.words.startswith("1 of ")
    assert found.next_step == f"pommai verify {chart}"
