"""A disk that is full; in a process of its own, for whoever goes apart does not come back.

What a toy's memory does on such a disk: see test_io_memory_keeper.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pommai.qa import soak_disk
from pommai.qa.soak_disk import go_apart

ROOT = Path(__file__).parents[1]
NOT_HERE = 77


def apart(tmp_path: Path, words: str) -> None:
    """Run a program that has gone apart, with a disk at `place`; it is to end without an error."""
    program = f"""
        import os, sys
        from pathlib import Path
        from pommai.qa.soak_disk import Disk, go_apart
        if why := go_apart():
            print(why)
            sys.exit({NOT_HERE})
        place = Path({str(tmp_path)!r})
        disk = Disk(place)
    """
    command = [sys.executable, "-c", textwrap.dedent(program) + textwrap.dedent(words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=100)
    if done.returncode == NOT_HERE:
        pytest.skip(f"nothing can be mounted here: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr


def test_a_full_disk_takes_no_byte_more_until_there_is_room_again(tmp_path: Path) -> None:
    (tmp_path / "below").write_text("it cannot be seen")
    apart(
        tmp_path,
        """
        import errno
        def add():
            with (place / "file").open("ab", buffering=0) as file:
                return file.write(bytes(8192))
        assert list(place.iterdir()) == []
        add()
        for _ in range(2):
            disk.fill()
            assert disk.used == (place / "file").stat().st_size
            try:
                add()
            except OSError as caught:
                assert caught.errno == errno.ENOSPC, caught
            else:
                sys.exit("it took more")
            disk.free()
            assert add() == 8192
        disk.fill()
        (place / "file").unlink()
        assert add() == 8192, "what is given up can be used again"
        disk.unmount()
        assert [path.name for path in place.iterdir()] == ["below"]
        """,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["below"], "nobody else has seen it"


def test_where_nothing_can_be_mounted_it_is_said_why_and_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.readlink("/proc/self/ns/mnt")
    monkeypatch.setattr(soak_disk, "_tried", lambda flags: "Operation not permitted")
    assert go_apart() == "Operation not permitted"
    monkeypatch.setattr(soak_disk, "_tried", lambda flags: "")

    def too_late(flags: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(soak_disk, "_go", too_late)
    assert go_apart() == "Invalid argument"
    assert os.readlink("/proc/self/ns/mnt") == before
