"""A toy whose plug is pulled, again and again, keeps its word: a real process, killed at any moment."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROUNDS = 24


def live_and_die(path: Path, copy: Path, start: int, seconds: float) -> list[tuple[str, str]]:
    """Run a toy for so long after its first word, kill it, and give what it has said."""
    toy = subprocess.Popen(
        [sys.executable, HERE / "killed_toy.py", path, copy, str(start)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{HERE}:{HERE.parent}", "PATH": ""},
    )
    assert toy.stdout is not None
    first = toy.stdout.readline()
    killer = threading.Timer(seconds, toy.kill)
    killer.start()
    said = first + toy.stdout.read()
    toy.stdout.close()
    killer.join()
    assert toy.wait() == -9
    return [(word, name) for word, _, name in (line.partition(" ") for line in said.decode().splitlines())]


def states(path: Path) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute("SELECT id, sequence, state, kind FROM items ORDER BY sequence").fetchall()


def test_nothing_written_is_lost_nothing_settled_comes_back_and_the_order_stays(tmp_path: Path) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
    written: set[str] = set()
    taken: set[str] = set()
    settled: set[str] = set()
    chance = random.Random(7)
    for number in range(ROUNDS):
        # Each life's names are higher than those of all before it.
        for word, name in live_and_die(path, copy, number * 1_000_000, chance.uniform(0.0, 0.12)):
            assert word != "trouble", name
            {"written": written, "taken": taken, "settled": settled}[word].add(name)
        found = states(path)
        names = [name for name, *_ in found]
        waiting = {name for name, _, state, _ in found if state == 0}
        assert written - taken <= waiting
        assert not settled & waiting
        assert names == sorted(names)
        unheard_of = waiting - taken - written  # this life was over before it could say that it had written them
        assert all(name > f"{number * 1_000_000:08}" for name in unheard_of)
        written |= unheard_of
        if copy.exists():
            assert states(copy) is not None
    assert len(written) > 100
    assert len(settled) > 50
    assert copy.exists()
