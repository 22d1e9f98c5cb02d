"""What several commands take on the command line."""

from __future__ import annotations

import argparse

import pytest

from pommai.cli.arguments import cannot_write, print_json_or, seed


def test_a_seed_is_any_whole_number_that_fits() -> None:
    assert seed("0") == 0
    assert seed("9" * 18) == 10**18 - 1


@pytest.mark.parametrize("text", ["-1", "1.5", "", "9" * 19, "²", "seven"])
def test_anything_else_is_no_seed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a seed is a whole number from 0 on"):
        seed(text)


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
