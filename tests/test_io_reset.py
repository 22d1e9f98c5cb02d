"""Factory reset: whatever moment it ends at, the key is the first to go, and the next start finishes it."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_material import Machine
from msgspec import structs
from test_io_memory_lock import PLANTED, fill, readable, seal_at

from pommai.errors import StoreError
from pommai.io import reset
from pommai.io.seal_key import key_file_of


def lived_in(folder: Path, *, clear: bool = False) -> reset.Belongings:
    """A toy's belongings, as a life leaves them behind."""
    path, copy = folder / "run" / "memory.db", folder / "card" / "memory.db"

    async def live() -> None:
        async with Machine().memory(path, seal=None if clear else seal_at(copy), persistent=copy) as memory:
            await fill(memory)

    asyncio.run(live())
    (path.parent / "memory.db.damaged-1").write_text("marmalade-sky")
    (copy.parent / "memory.db.damaged-3-wal").write_text("marmalade-sky")
    (copy.parent / "memory.db.damaged-3").write_text("marmalade-sky")
    return reset.Belongings(path, copy)


@pytest.mark.parametrize("clear", [False, True])
def test_nothing_is_left_to_be_read(tmp_path: Path, clear: bool) -> None:
    belongings = lived_in(tmp_path, clear=clear)
    assert readable(tmp_path) == (set(PLANTED) if clear else {"marmalade-sky"})
    reset.begin(belongings)
    done = reset.finish(belongings)
    assert done.left == []
    if not clear:
        assert done.files[0] == key_file_of(belongings.lasting)
    assert readable(tmp_path) == set()
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == {"memory.db.lock"}
    assert not reset.is_begun(belongings)
    reset.begin(belongings)
    assert reset.finish(belongings).files == [reset.mark_of(belongings)]


DYING = """
import os, sys
from pathlib import Path
from pommai.io import reset
belongings = reset.Belongings(Path(sys.argv[1]), Path(sys.argv[2]))
steps = int(sys.argv[3])
def count(name, real):
    def counted(*arguments, **more):
        global steps
        if steps == 0:
            os.kill(os.getpid(), 9)
        steps -= 1
        return real(*arguments, **more)
    return counted
for name in ("unlink", "write", "fsync"):
    setattr(os, name, count(name, getattr(os, name)))
reset.begin(belongings)
reset.finish(belongings)
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 5, 12])
def test_a_toy_that_dies_in_the_middle_has_lost_its_key_first_and_finishes_at_its_next_start(
    tmp_path: Path, steps: int
) -> None:
    belongings = lived_in(tmp_path)
    key = key_file_of(belongings.lasting).read_bytes()
    files = [belongings.memory, belongings.lasting]
    done = subprocess.run([sys.executable, "-c", DYING, *map(str, files), str(steps)], check=False)
    assert done.returncode in (0, -9)
    erased = [file for file in files if not file.exists()]
    if erased:  # then the key was gone before
        assert not any(key in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert reset.is_begun(belongings) or done.returncode == 0 or not erased
    reset.begin(belongings)
    reset.finish(belongings)
    assert readable(tmp_path) == set()


class PowerCut(BaseException):
    """Nothing more happens."""


def test_wherever_the_power_fails_the_next_start_leaves_nothing_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(tmp_path / "life", clear=True)
    left = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **more: object) -> object:
            nonlocal left
            if left == 0:
                raise PowerCut
            left -= 1
            return real(*arguments, **more)

        return step

    for steps in itertools.count():
        folder = tmp_path / f"after {steps}"
        shutil.copytree(tmp_path / "life", folder)
        belongings = reset.Belongings(folder / "run" / "memory.db", folder / "card" / "memory.db")
        left = steps
        with monkeypatch.context() as power:
            for name in ("unlink", "write", "fsync"):
                power.setattr(os, name, counted(getattr(os, name)))
            try:
                reset.begin(belongings)
                reset.finish(belongings)
            except PowerCut:
                pass
            else:
                break
        if reset.is_begun(belongings):
            assert reset.finish(belongings).left == []
        else:  # nobody has been told that it had begun; or the mark, which is the last, was gone
            assert readable(folder) in (set(PLANTED), set())
            continue
        assert readable(folder) == set()
    assert steps > 20
    assert readable(folder) == set()


def test_a_toy_that_runs_is_not_reset_under_its_feet(tmp_path: Path) -> None:
    belongings = lived_in(tmp_path)

    async def test() -> None:
        async with Machine().memory(belongings.memory, seal=seal_at(belongings.lasting)):
            with pytest.raises(StoreError, match="in use by a toy that runs"):
                reset.finish(belongings)

    asyncio.run(test())
    assert key_file_of(belongings.lasting).exists()


def test_a_trace_goes_and_what_is_no_file_of_the_toys_stays(tmp_path: Path) -> None:
    trace, other, link = tmp_path / "trace.jsonl", tmp_path / "terminal", tmp_path / "stderr"
    trace.write_text("marmalade-sky")
    other.write_text("of somebody else")
    link.symlink_to(other)
    belongings = reset.Belongings(tmp_path / "memory.db")
    for named in (trace, link, tmp_path, tmp_path / "never-there"):
        reset.begin(belongings)
        assert reset.finish(structs.replace(belongings, trace=named)).left == []
    assert not trace.exists()
    assert link.is_symlink()
    assert other.read_text() == "of somebody else"


def test_what_cannot_be_deleted_is_told_and_tried_again(tmp_path: Path) -> None:
    belongings = lived_in(tmp_path)
    belongings.memory.unlink()
    belongings.memory.mkdir()
    reset.begin(belongings)
    (sentence,) = reset.finish(belongings).left
    assert f"{belongings.memory} cannot be deleted" in sentence
    assert reset.is_begun(belongings)
    belongings.memory.rmdir()
    assert reset.finish(belongings).left == []
    assert not reset.is_begun(belongings)
