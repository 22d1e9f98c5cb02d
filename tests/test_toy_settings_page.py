"""The reference page of the settings is the one that the software would write, and tells all of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pommai.cli import main
from pommai.toy.settings import Settings
from pommai.toy.settings_page import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"


def test_the_page_in_the_repository_is_new() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: pommai schema --settings > docs/settings.md"


def test_it_tells_every_setting_and_no_flag_for_a_secret() -> None:
    for row in dataclasses.fields(Settings):
        assert f"\n### {row.name}\n" in page()
    assert "`--token`" not in page()


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--settings"]) == 0
    assert capsys.readouterr().out == page()
