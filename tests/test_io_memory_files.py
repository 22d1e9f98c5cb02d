"""The files of a memory: opened or begun anew, moved aside, copied."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pommai.io import memory_files as files
from pommai.io.memory_schema import APPLICATION_ID, VERSION


def remember(path: Path, fact: str) -> None:
    files.prepare(path)
    database = sqlite3.connect(path)
    database.execute("INSERT OR REPLACE INTO facts VALUES ('fact', ?)", (fact,))
    database.commit()
    database.close()


def remembered(path: Path) -> str:
    database = sqlite3.connect(path)
    ((fact,),) = database.execute("SELECT value FROM facts").fetchall()
    database.close()
    return str(fact)


def stranger(path: Path, version: int = 3, application: int = 77) -> bytes:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE mine (x)")
    database.execute(f"PRAGMA user_version = {version}")
    database.execute(f"PRAGMA application_id = {application}")
    database.commit()
    database.close()
    return path.read_bytes()


def test_a_file_of_another_program_or_a_later_version_is_left_alone(tmp_path: Path) -> None:
    for name, application, version in (("other.db", 77, 1), ("later.db", APPLICATION_ID, VERSION + 1)):
        before = stranger(tmp_path / name, version, application)
        done = files.prepare(tmp_path / name)
        assert done.path == tmp_path / name.replace(".db", f".v{VERSION}.db")
        assert done.path.is_file()
        assert "is left alone" in done.troubles[0]
        assert (tmp_path / name).read_bytes() == before
        assert not list(tmp_path.glob(f"{name}-*"))


def test_only_the_newest_three_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    for number in range(5):
        path.write_bytes(b"garbage %d" % number * 100)
        path.with_name("memory.db-wal").write_bytes(b"garbage")
        assert len(files.prepare(path).troubles) == 1
    assert [file.name for file in files.damaged_files(path)] == [f"memory.db.damaged-{n}" for n in (3, 4, 5)]
    assert files.damaged_files(path)[-1].read_bytes().startswith(b"garbage 4")
    assert files.prepare(path).troubles == []


def test_what_was_moved_aside_is_forgotten_in_its_time(tmp_path: Path) -> None:
    path, now = tmp_path / "memory.db", 1_790_000_000.0
    for number, age in enumerate((1.0, 31.0, 20_000.0), 1):
        file = path.with_name(f"memory.db.damaged-{number}")
        file.write_bytes(b"what a child said")
        os.utime(file, (now - age * 86_400, now - age * 86_400))
    files.forget_damaged(path, now, 30)
    assert [file.name[-1] for file in files.damaged_files(path)] == ["1", "3"]
    files.forget_damaged(path, now + 31 * 86_400, 30)
    assert files.damaged_files(path) == []


def test_a_log_that_was_cut_off_loses_no_more_than_its_end(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    remember(path, "old")
    database = sqlite3.connect(path)
    database.execute("UPDATE facts SET value = 'new'")
    database.commit()
    wal = path.with_name("memory.db-wal").read_bytes()
    whole = path.read_bytes()
    database.close()
    path.write_bytes(whole)
    path.with_name("memory.db-wal").write_bytes(wal[: len(wal) - 100])
    assert files.prepare(path).troubles == []
    assert remembered(path) == "old"


def test_a_damaged_file_is_replaced_by_the_copy_and_a_damaged_copy_by_nothing(tmp_path: Path) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
    remember(copy, "copied")
    path.write_bytes(b"garbage" * 1000)
    done = files.prepare(path, copy)
    assert done.restored
    assert remembered(path) == "copied"
    copy.write_bytes(b"garbage" * 1000)
    path.write_bytes(b"garbage" * 1000)
    done = files.prepare(path, copy)
    assert not done.restored
    assert len(done.troubles) == 2
    path.unlink()
    done = files.prepare(path, copy)
    assert not done.restored
    assert len(done.troubles) == 1


@pytest.fixture
def careless() -> Iterator[None]:
    """A process whose files are everybody's, where it does not say otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_whatever_becomes_of_a_memory_nobody_else_reads_it(tmp_path: Path) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
    remember(copy, "copied")
    files.part_of(path).write_bytes(b"left by a power cut, and open")
    assert files.prepare(path, copy).restored
    assert files.make_reserve(path)
    database = sqlite3.connect(path)
    database.execute("INSERT OR REPLACE INTO facts VALUES ('fact', 'written')")
    database.commit()
    kept = sorted(tmp_path.iterdir())
    assert {file.name for file in kept} > {"memory.db", "memory.db-wal", "memory.db.reserve", "copy.db"}
    assert [file.name for file in kept if stat.S_IMODE(file.stat().st_mode) & 0o077] == []
    database.close()


@pytest.mark.usefixtures("careless")
def test_a_memory_that_an_earlier_version_left_open_is_closed_and_a_strangers_file_is_left_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "memory.db"
    remember(path, "open")
    path.chmod(0o644)
    files.prepare(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    stranger(tmp_path / "other.db")
    files.prepare(tmp_path / "other.db")
    assert stat.S_IMODE((tmp_path / "other.db").stat().st_mode) & 0o044


def test_half_a_copy_is_never_taken_for_one(tmp_path: Path) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
    remember(copy, "whole")
    files.part_of(copy).write_bytes(b"half")
    files.prepare(path, copy)
    assert remembered(path) == "whole"


def test_a_memory_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    handle = files.lock(path)
    assert handle is not None
    assert files.lock(path) is None
    files.unlock(handle)
    again = files.lock(path)
    assert again is not None
    files.unlock(again)


def test_the_claim_of_a_process_that_was_killed_is_void(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    code = "import sys, pathlib; from pommai.io.memory_files import lock; lock(pathlib.Path(sys.argv[1])); print(); "
    code += "sys.stdout.flush(); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    assert files.lock(path) is None
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()
    handle = files.lock(path)
    assert handle is not None
    files.unlock(handle)


def test_the_reserve_takes_room_and_gives_it_up(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    assert files.make_reserve(path)
    assert files.make_reserve(path)
    assert files.reserve_of(path).stat().st_blocks * 512 >= files.RESERVE_BYTES
    assert files.release_reserve(path)
    assert not files.release_reserve(path)
    assert not files.make_reserve(tmp_path / "nowhere" / "memory.db")


def test_a_scarce_disk_keeps_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scarce = os.statvfs_result((4096, 4096, 1000, 10, 10, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: scarce)
    assert not files.make_reserve(tmp_path / "memory.db")
