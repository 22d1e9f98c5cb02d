"""`pommai lights`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pommai.cli import lights
from pommai.errors import LightsError

ROOT = Path(__file__).parents[1]


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    lights.add_parser(parser.add_subparsers())
    args = parser.parse_args(["lights", *words])
    code: int = args.run(args)
    return code


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("words", [(), ("--list",)])
def test_without_a_name_all_patterns_are_shown_with_their_words(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 0
    shown = capsys.readouterr().out
    for part in ("breathing_blue: breathe, every 5 s", "safe_glow: steady, still", "red, orange, yellow, green"):
        assert part in shown


def test_in_a_pipe_a_pattern_is_one_strip_per_led(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("loading_chase", "--leds", "3") == 0
    strips = capsys.readouterr().out.splitlines()[-3:]
    assert all(len(strip.split("  ")[1]) == 60 for strip in strips)
    assert len(set(strips)) == 3


def test_in_a_terminal_a_pattern_lives_and_ends_dark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run("thinking_swirl", "--seconds", "0.1", "--leds", "1") == 0
    shown = capsys.readouterr().out
    assert shown.count("\r\x1b[38;2;") > 2
    assert shown.endswith("○\x1b[0m\x1b[K\n")


def test_a_misspelt_name_gets_a_hint_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("thinking_swrl") == 2
    assert "no pattern 'thinking_swrl' (did you mean 'thinking_swirl'?)" in capsys.readouterr().err


def test_a_file_of_ones_own_is_shown_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("patterns: {mine: {kind: steady, description: My own., colour: red}}", "utf-8")
    assert run("mine", "--file", str(file)) == 0
    assert "My own." in capsys.readouterr().out
    file.write_text("patterns: {mine: {kind: flash, description: x, colour: red, period: 100ms}}", "utf-8")
    with pytest.raises(LightsError, match="flashes 10 times in one second"):
        run("mine", "--file", str(file))


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon", "1e9"])
def test_nonsense_for_seconds_is_wrong_usage(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("off", f"--seconds={seconds}")
    assert caught.value.code == 2
    assert "number of seconds above 0" in capsys.readouterr().err
