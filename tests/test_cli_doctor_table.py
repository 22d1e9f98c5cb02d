"""The doctor's table on a terminal of 80 columns, and its JSON."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from doctor_material import world

from pommai.cli.doctor_table import Table, as_json, plain, summary
from pommai.doctor.finding import Check, Finding, broken, note, ok, wrong
from pommai.doctor.round import Result, examine
from pommai.doctor.surroundings import Surroundings


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


async def well(_: Surroundings) -> Finding:
    return ok("well")


CHECK = Check("mixer", "Sound", "the mixer", well)
LONG = Check("libraries", "Machine", "libraries", well)


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def rows(finding: Finding, stream: io.StringIO | None = None) -> list[str]:
    return Table(stream or io.StringIO(), io.StringIO(), [CHECK, LONG]).row(Result(CHECK, finding, 0.1))


def test_words_are_folded_beneath_themselves() -> None:
    found = rows(broken(" ".join(["word"] * 40), "do this"))
    assert found[0].startswith("  ✗ mixer      word")
    assert all(line.startswith(" " * 15 + "word") for line in found[1:-1])
    assert found[-1] == " " * 15 + "→ do this"
    assert max(map(len, found)) <= 80


def test_a_command_is_never_folded_so_that_it_can_be_copied() -> None:
    command = "sudo apt-get install " + " ".join(f"lib{number}" for number in range(20))
    assert rows(wrong("x", command))[1] == " " * 15 + f"→ {command}"
    lines = rows(wrong("x", "amixer -c hat sset 'A' 80%\nsudo alsactl store"))
    assert [line.strip() for line in lines[1:]] == ["→ amixer -c hat sset 'A' 80%", "→ sudo alsactl store"]


def test_the_same_step_is_not_said_twice() -> None:
    table = Table(io.StringIO(), io.StringIO(), [CHECK])
    table.row(Result(CHECK, note("a", "stop the toy"), 0.1))
    assert table.row(Result(CHECK, note("b", "stop the toy"), 0.1))[1].strip() == "→ as said above"
    assert len(table.row(Result(CHECK, ok("c"), 0.1))) == len(table.row(Result(CHECK, ok("d"), 0.1))) == 1


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in rows(ok("x"))[0]
    assert "\x1b[32m✓\x1b[0m" in rows(ok("x"), Screen())[0]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in rows(ok("x"), Screen())[0]


@pytest.mark.parametrize("columns", ["20", "80", "300"])
def test_lines_are_neither_too_short_nor_too_long(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert 40 < max(map(len, rows(note(" ".join(["word"] * 100))))) <= 100


def test_nothing_that_others_wrote_steers_the_terminal() -> None:
    assert "\x1b" not in "".join(rows(broken("evil \x1b[2J\r words", "\x1b]0;title\x07")))
    assert plain("a\nb\tc\x07") == "a b c\\x07"


def test_rows_come_as_the_checks_end_and_the_line_is_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.cli.progress.PATIENCE_S", 0.0)
    stream, errors = io.StringIO(), Screen()

    async def slow(_: Surroundings) -> Finding:
        while "slow" not in errors.getvalue():
            await asyncio.sleep(0)
        return ok("done")

    checks = [CHECK, Check("slow", "Server", "something slow", slow)]

    async def main() -> None:
        table = Table(stream, errors, checks)
        table.head(world(tmp_path), "settings of here")
        async with table:
            await examine(world(tmp_path), checks, begin=table.begin, end=table.end)

    asyncio.run(main())
    assert stream.getvalue().splitlines()[1:] == ["", "Sound", "  ✓ mixer  well", "", "Server", "  ✓ slow   done"]
    assert "looking at something slow …" in errors.getvalue()
    assert errors.getvalue().endswith("\r\x1b[K")


def results(*findings: Finding) -> list[Result]:
    return [Result(CHECK, finding, 0.1234) for finding in findings]


def test_the_summary_says_whether_the_toy_would_work() -> None:
    assert summary(results(ok("a"), ok("b"), note("c"), wrong("d", "e")))[1:] == [
        "4 looked at: 2 well ✓, 1 to note ·, 1 to mend !",
        "Nothing that was looked at keeps the toy from working.",
    ]
    assert summary(results(broken("a", "b")))[-1] == "The toy would not work. Begin with: mixer."
    assert summary(results(broken("a", "b"), broken("c", "d")))[-1] == (
        "The toy would not work. Begin with the first of these: mixer, mixer."
    )


def test_machines_are_told_everything(tmp_path: Path) -> None:
    told = json.loads(as_json(world(tmp_path), results(broken("a", "b\nc", level=3))))
    assert told["ok"] is False
    assert told["device_id"] == "default-toy-001"
    (check,) = told["checks"]
    assert check == {
        "id": "mixer",
        "group": "Sound",
        "title": "the mixer",
        "mark": "broken",
        "words": "a",
        "next_step": "b\nc",
        "figures": {"level": 3},
        "seconds": 0.123,
    }
