"""Charts as the commands take them: as YAML, or compiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from qa_material import ROOT, shipped_table

from pommai.chart.table import dump
from pommai.cli import main
from pommai.cli.compile import is_compiled, read_behaviour
from pommai.errors import ChartError, TableError
from pommai.events import EVENTS


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    path = tmp_path / "toy.pommai.json"
    path.write_text(dump(shipped_table()))
    return path


def test_a_chart_and_the_same_compiled_are_one_behaviour(compiled: Path) -> None:
    assert not is_compiled(ROOT / "statechart.yaml")
    assert is_compiled(compiled)
    assert read_behaviour(compiled) == read_behaviour(ROOT / "statechart.yaml")


def test_a_chart_compiled_before_an_event_was_there_is_proved_with_it(compiled: Path) -> None:
    table = shipped_table()
    older = replace(table.specification, outside=table.specification.outside - {"link.up"})
    compiled.write_text(dump(replace(table, specification=older)))
    assert read_behaviour(compiled).specification.outside == EVENTS.keys()


def test_a_damaged_one_is_refused_with_its_name(compiled: Path) -> None:
    compiled.write_bytes(compiled.read_bytes()[:-9] + b"\xff")
    with pytest.raises(TableError, match=r"toy\.pommai\.json "):
        read_behaviour(compiled)


def test_a_chart_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "bear.yaml"  # as good as a file that nobody may read, for root too
    folder.mkdir()
    with pytest.raises(ChartError, match=r"bear\.yaml:1:1: error: cannot be read: Is a directory"):
        read_behaviour(folder)


def test_a_compiled_chart_is_proved_as_its_yaml_is(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for chart in (compiled, ROOT / "statechart.yaml"):
        assert main(["verify", str(chart), "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out) | {"seconds": 0})
    assert told[0] == told[1]


def test_a_compiled_chart_has_no_mutants(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(compiled), "--mutants"]) == 2
    assert "needs its YAML" in capsys.readouterr().err
