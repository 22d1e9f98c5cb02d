"""What several commands take on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pommai.cli.arguments import cannot_write, chart_file, print_json_or, seed
from pommai.toy.settings import find_project_file


def test_a_seed_is_any_whole_number_that_fits() -> None:
    assert seed("0") == 0
    assert seed("9" * 18) == 10**18 - 1


@pytest.mark.parametrize("text", ["-1", "1.5", "", "9" * 19, "²", "seven"])
def test_anything_else_is_no_seed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a seed is a whole number from 0 on"):
        seed(text)


def test_the_chart_is_the_one_that_was_named_or_else_the_projects_own(tmp_path) -> None:
    named = tmp_path / "mine.yaml"
    named.touch()
    assert chart_file("verify", named) == named
    assert chart_file("verify", None) == find_project_file("statechart.yaml")


def test_a_chart_that_is_no_file_is_told_in_the_name_of_the_command(tmp_path, capsys) -> None:
    assert chart_file("fuzz", Path("gone.yaml")) is None
    assert chart_file("verify", tmp_path) is None
    assert capsys.readouterr().err.splitlines() == [
        "pommai fuzz: there is no file gone.yaml",
        f"pommai verify: {tmp_path} is a folder, not a file",
    ]


def test_a_folder_is_made_and_left_as_it_was(tmp_path) -> None:
    folder = tmp_path / "reports" / "today"
    assert cannot_write(folder) == ""
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told_with_the_reason(tmp_path) -> None:
    (tmp_path / "file").touch()
    assert "the report cannot be written to" in cannot_write(tmp_path / "file" / "reports")


def test_a_result_is_printed_for_machines_or_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_json_or(True, {"name": "Bär"}, "a bear")
    print_json_or(False, {"name": "Bär"}, "a bear")
    assert capsys.readouterr().out == '{\n  "name": "Bär"\n}\na bear\n'
