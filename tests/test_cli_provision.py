"""`pommai provision` as people and the system call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pommai.cli import main

GOOD = 'device_id = "bear-7"\ntoken = "very-hush-hush"\n'


def test_a_file_is_checked_at_a_desk_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pommai.toml").write_text(GOOD)
    assert main(["provision", "--check", str(tmp_path / "pommai.toml")]) == 0
    assert "would take this: device_id, token" in capsys.readouterr().out
    (tmp_path / "pommai.toml").write_text(GOOD + "volume = 1000\n")
    assert main(["provision", "--check", str(tmp_path / "pommai.toml")]) == 2
    assert "volume must be" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pommai.toml"]


def test_a_file_is_taken_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pommai.toml").write_text(GOOD)
    settings = tmp_path / "etc" / "pommai.toml"
    words = ["provision", "--boot", str(tmp_path), "--settings", str(settings), "--owner", "root"]
    assert main(words) == 0
    assert "taken and wiped" in capsys.readouterr().out
    assert 'device_id = "bear-7"' in settings.read_text()
    assert main(words) == 0
    assert "nothing to take" in capsys.readouterr().out


def test_a_file_that_is_not_good_ends_it_with_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pommai.toml").write_text("nonsense")
    words = ["provision", "--boot", str(tmp_path), "--settings", str(tmp_path / "etc" / "pommai.toml")]
    assert main([*words, "--owner", "root"]) == 2
    assert "a line is like" in capsys.readouterr().err
    assert not (tmp_path / "etc").exists()


def test_before_a_secret_is_taken_there_is_somebody_to_own_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pommai.toml").write_text(GOOD)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    words = ["provision", "--boot", str(tmp_path), "--settings", str(tmp_path / "etc" / "pommai.toml")]
    assert main([*words, "--owner", "pomai"]) == 2
    assert "no user pomai" in capsys.readouterr().err
    assert (tmp_path / "pommai.toml").read_text() == GOOD
