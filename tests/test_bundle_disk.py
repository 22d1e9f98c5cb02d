"""Every write of an update, and what is told of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pommai.bundle.disk import Disk


def test_each_step_is_told_before_it_happens(tmp_path: Path) -> None:
    steps: list[tuple[str, str, bool]] = []
    disk = Disk(lambda kind, path: steps.append((kind, path.name, path.exists())))
    disk.make_folder(tmp_path / "a")
    disk.write(tmp_path / "a" / "b", [b"12", b"34"])
    disk.rename(tmp_path / "a" / "b", tmp_path / "a" / "c")
    disk.sync(tmp_path / "a")
    disk.remove(tmp_path / "a")
    assert steps == [
        ("make", "a", False),
        ("create", "b", False),
        ("write", "b", True),
        ("write", "b", True),
        ("fsync", "b", True),
        ("rename", "c", False),
        ("sync", "a", True),
        ("remove", "a", True),
    ]
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    disk = Disk()
    disk.make_folder(tmp_path / "a")
    disk.write(tmp_path / "a" / "b", [b"x" * 100_000])
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o600
    assert (tmp_path / "a" / "b").stat().st_size == 100_000


def test_a_link_is_neither_written_through_nor_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_text("precious")
    os.symlink(tmp_path / "precious" / "x", tmp_path / "link")
    os.symlink(tmp_path / "precious", tmp_path / "folder")
    with pytest.raises(OSError, match="exists"):
        Disk().write(tmp_path / "link", [b"gone"])
    Disk().remove(tmp_path / "link")
    Disk().remove(tmp_path / "folder")
    assert (tmp_path / "precious" / "x").read_text() == "precious"


def test_what_is_not_there_need_not_be_removed(tmp_path: Path) -> None:
    Disk().remove(tmp_path / "none")


def test_what_others_may_read_they_may_not_write(tmp_path: Path) -> None:
    disk = Disk(readable=True)
    disk.make_folder(tmp_path / "a")
    disk.write(tmp_path / "a" / "b", [b"x"])
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o644


def test_a_link_and_a_card_that_is_written_down_are_steps_as_well(tmp_path: Path) -> None:
    steps: list[str] = []
    disk = Disk(lambda kind, path: steps.append(kind))
    disk.link("somewhere", tmp_path / "link")
    disk.sync_all()
    assert steps == ["link", "sync all"]
    assert (tmp_path / "link").readlink() == Path("somewhere")
