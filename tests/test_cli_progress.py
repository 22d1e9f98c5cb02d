"""The line that says how far something long is."""

from __future__ import annotations

import io
import os
import termios

import pytest

from pommai.cli.progress import Progress, clock_time, of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_after_a_moment_and_wiped_away() -> None:
    now = [0.0]
    terminal = Terminal()
    with Progress(terminal, of("configurations"), lambda: now[0]) as progress:
        progress(1, 2)
        assert terminal.getvalue() == "", "what is done at once needs no line"
        now[0] = 1.5
        progress(10, 20)
        assert terminal.getvalue() == f"\r\x1b[K{'█' * 12}{'░' * 12} 10 of 20 configurations"
        progress(11, 20)
        assert "11 of" not in terminal.getvalue(), "ten times a second is enough"
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("columns", "shown"), [(40, 39), (0, 100), (200, 100)])
def test_a_narrow_terminal_gets_one_line_too(columns: int, shown: int) -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    now = [0.0]
    with (
        open(theirs, "w", encoding="utf-8") as terminal,
        Progress(terminal, of("configurations"), lambda: now[0]) as to,
    ):
        now[0] = 1.5
        to(10, 20)
        line = os.read(ours, 4096).decode()
    os.close(ours)
    whole = "█" * 12 + "░" * 12 + " 10 of 20 configurations"
    assert line == "\r\x1b[K" + whole[:shown]


def test_progress_is_not_shown_where_nobody_looks() -> None:
    now = [0.0]
    stream = io.StringIO()
    with Progress(stream, of("mutants"), lambda: now[0]) as progress:
        now[0] = 5.0
        progress(1, 2)
    assert stream.getvalue() == ""


def test_words_are_made_only_when_they_are_shown() -> None:
    asked = []

    def tell(number: int) -> tuple[float, str]:
        asked.append(number)
        return 2.0, "more than all"

    now = [0.0]
    terminal = Terminal()
    with Progress(terminal, tell, lambda: now[0]) as progress:
        progress(1)
        now[0] = 1.0
        progress(2)
    assert asked == [2]
    assert f"{'█' * 24} more than all" in terminal.getvalue(), "a bar is never longer than itself"


@pytest.mark.parametrize(("seconds", "shown"), [(0.2, "0:00"), (59.6, "1:00"), (3661.0, "1:01:01")])
def test_seconds_are_told_as_a_clock_shows_them(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown


def test_nothing_of_nothing_is_no_division() -> None:
    assert of("mutants")(0, 0) == (0.0, "0 of 0 mutants")
