"""What was read from files is kept, and never older than the file, and never anything but data."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from pommai.lights.load import load_patterns
from pommai.responses import Answerer, Listener, load_responses
from pommai.toy.kept import KEPT, kept
from pommai.toy.settings import find_project_file

PATTERNS = find_project_file("led_patterns.yaml")


def only(cache: Path) -> Path:
    (found,) = (cache / "read").iterdir()
    return found


def unwanted() -> Mapping[str, object]:
    raise AssertionError("read again")


def test_a_file_is_read_once(tmp_path: Path) -> None:
    first = kept(tmp_path, "lights", PATTERNS, lambda: load_patterns(PATTERNS), code=["lights"])
    assert kept(tmp_path, "lights", PATTERNS, unwanted, code=["lights"]) == first == load_patterns(PATTERNS)


def test_what_is_kept_answers_as_the_file_would(tmp_path: Path) -> None:
    path = find_project_file("offline_responses.yaml")
    for _ in range(2):
        responses = kept(tmp_path, "responses", path, lambda: load_responses(path), code=["responses"])
        answers = [
            Answerer(each, lambda count: 0).answer("sing me a song please", Listener("bear"), 0.0)
            for each in (responses, load_responses(path))
        ]
        assert answers[0] == answers[1]


def test_mappings_stay_such_that_nobody_can_change_them(tmp_path: Path) -> None:
    for _ in range(2):
        found = kept(tmp_path, "x", PATTERNS, lambda: MappingProxyType({"a": (1, frozenset({"b"}))}), code=[])
        assert isinstance(found, MappingProxyType)
        assert dict(found) == {"a": (1, frozenset({"b"}))}


def test_another_file_other_code_and_another_question_are_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    asked = []

    def read() -> str:
        asked.append(file.read_text())
        return asked[-1]

    for text, code, more in (("1", [], ""), ("2", [], ""), ("2", ["lights"], ""), ("2", ["lights"], "hello")):
        file.write_text(text)
        for _ in range(2):
            assert kept(tmp_path / "cache", "x", file, read, code=code, more=more) == text
    assert asked == ["1", "2", "2", "2"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    for number in range(KEPT + 3):
        file.write_text(str(number))
        kept(tmp_path / "cache", "x", file, lambda number=number: number, code=[])  # type: ignore[misc]
    assert len(list((tmp_path / "cache" / "read").iterdir())) == KEPT


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x80\x05"])
def test_what_is_damaged_is_read_anew_and_made_good(tmp_path: Path, damage: bytes) -> None:
    kept(tmp_path, "x", PATTERNS, lambda: 1, code=[])
    only(tmp_path).write_bytes(damage)
    assert kept(tmp_path, "x", PATTERNS, lambda: 2, code=[]) == 2
    assert kept(tmp_path, "x", PATTERNS, lambda: 3, code=[]) == 2


class Villain:
    def __init__(self, command: object, *arguments: object) -> None:
        self._what = (command, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._what


@pytest.mark.parametrize(
    "villain",
    [
        Villain(os.system, "touch {}"),
        Villain(subprocess.run, ["touch", "{}"]),
        Villain(eval, "open('{}', 'w')"),
        Villain(shutil.rmtree, "{}"),
        Villain(load_patterns, PATTERNS),
    ],
)
def test_nothing_that_is_kept_can_have_anything_run(tmp_path: Path, villain: Villain) -> None:
    kept(tmp_path, "x", PATTERNS, lambda: 1, code=[])
    mark = tmp_path / "mark"
    only(tmp_path).write_bytes(pickle.dumps(villain).replace(b"{}", str(mark).encode()[:2]))
    assert kept(tmp_path, "x", PATTERNS, lambda: 2, code=[]) == 2
    assert not mark.exists()


def test_a_folder_that_cannot_be_written_costs_time_alone(caplog: pytest.LogCaptureFixture) -> None:
    assert kept(Path("/proc/nowhere"), "x", PATTERNS, lambda: 1, code=[]) == 1
    assert "nothing kept" in caplog.text


def test_a_file_that_is_not_there_is_left_to_who_reads_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="read again"):
        kept(tmp_path, "x", tmp_path / "absent", unwanted, code=[])
    assert not (tmp_path / "read").exists()
