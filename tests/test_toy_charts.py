"""Finding and keeping compiled charts, on real files."""

import logging
import os
from pathlib import Path

import pytest
from simulated_toy import PATTERNS, ROOT, TABLE

from pommai.chart.table import dump
from pommai.errors import ChartError, SettingsError, TableError
from pommai.qa.simulated_toy import SOUND_NAMES
from pommai.toy import charts

CHART = ROOT / "statechart.yaml"


@pytest.fixture
def compiled(monkeypatch):
    """How often the compiler was asked. It answers at once."""
    calls = []

    def compile_file(path, led_patterns, sounds, commands=None):
        calls.append(path)
        return TABLE

    monkeypatch.setattr(charts, "compile_file", compile_file)
    return calls


def load(path: Path, cache: Path | None, sounds=SOUND_NAMES):
    return charts.load_behaviour(path, PATTERNS, sounds, cache)


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "charts").iterdir())


def test_a_chart_is_compiled_once_and_then_read_from_the_cache(tmp_path, compiled):
    assert load(CHART, tmp_path) == TABLE
    assert load(CHART, tmp_path) == TABLE
    assert len(compiled) == 1
    assert len(kept(tmp_path)) == 1


def test_another_chart_and_another_vocabulary_are_compiled_for_themselves(tmp_path, compiled):
    changed = tmp_path / "other.yaml"
    changed.write_text(CHART.read_text() + "\n# changed\n")
    load(CHART, tmp_path)
    load(changed, tmp_path)
    load(CHART, tmp_path, [*SOUND_NAMES, "giggle"])
    assert len(compiled) == 3


def test_another_compiler_compiles_anew(tmp_path, compiled, monkeypatch):
    load(CHART, tmp_path)
    compiler = tmp_path / "compiler"
    compiler.mkdir()
    (compiler / "table.py").write_text("# another one")
    monkeypatch.setattr(charts.tables, "__file__", str(compiler / "table.py"))
    load(CHART, tmp_path)
    assert len(compiled) == 2


@pytest.mark.parametrize("damage", ["", "{", '{"format": 99}', "\xff"])
def test_a_damaged_entry_is_replaced(tmp_path, compiled, caplog, damage):
    load(CHART, tmp_path)
    (entry,) = kept(tmp_path)
    entry.write_bytes(damage.encode("latin-1"))
    assert load(CHART, tmp_path) == TABLE
    assert load(CHART, tmp_path) == TABLE
    assert len(compiled) == 2
    assert [record.message for record in caplog.records] == ["cached chart not used"]


def test_a_cache_that_cannot_be_written_costs_time_and_a_warning(tmp_path, compiled, caplog):
    (tmp_path / "charts").write_text("a file where the folder should be")
    assert load(CHART, tmp_path) == TABLE
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "compiled chart not kept")
    ]


def test_without_a_cache_nothing_is_kept(tmp_path, compiled):
    load(CHART, None)
    load(CHART, None)
    assert len(compiled) == 2


def test_only_the_newest_entries_are_kept(tmp_path, compiled):
    folder = tmp_path / "charts"
    folder.mkdir()
    for age in range(12):
        old = folder / f"{age}.json"
        old.write_text("{}")
        os.utime(old, (1_000_000 - age, 1_000_000 - age))
    load(CHART, tmp_path)
    names = [path.name for path in kept(tmp_path)]
    assert len(names) == charts.KEPT
    assert "0.json" in names
    assert "11.json" not in names


def test_a_compiled_chart_is_run_as_it_is(tmp_path, compiled):
    path = tmp_path / "statechart.json"
    path.write_text(dump(TABLE))
    assert load(path, tmp_path) == TABLE
    assert compiled == []


def test_a_damaged_compiled_chart_is_refused_by_name(tmp_path):
    path = tmp_path / "statechart.json"
    path.write_text(dump(TABLE)[:-100])
    with pytest.raises(TableError, match=r"statechart\.json is no compiled chart"):
        load(path, None)


def test_a_chart_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.yaml cannot be read: No such file"):
        load(tmp_path / "none.yaml", None)


def test_a_chart_with_a_mistake_is_refused_with_its_place_and_not_kept(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(CHART.read_text().replace("play: hello", "play: helo"))
    with pytest.raises(ChartError, match=r"bad\.yaml:\d+:\d+: error: .*helo"):
        load(path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "file"
    charts.write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        charts.write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
