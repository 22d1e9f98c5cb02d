"""What the toy remembers, looked at in a real file and left as it was."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_material import RUNNING, look, settings, world
from memory_material import Machine, said

from pommai.doctor import kept
from pommai.doctor.finding import Mark
from pommai.doctor.words import known_toys
from pommai.io.clock import to_milliseconds
from pommai.io.memory_items import TRUSTED
from pommai.io.seal import KeySeal
from pommai.io.seal_key import key_file_of
from pommai.protocol.messages import ToyProfile


def remember(file: Path, count: int = 2) -> float:
    """Make a memory in which so much waits; the time of it, seconds since 1970."""
    machine = Machine()

    async def main() -> str:
        async with machine.memory(file) as memory:
            for number in range(count):
                memory.keep_conversation(said(f"talk-{number}"))
            await memory.flush()
        return machine.clock.now().text

    return (to_milliseconds(asyncio.run(main())) or 0) / 1000


def test_what_waits_is_counted_with_its_age(tmp_path: Path) -> None:
    now = remember(tmp_path / "memory.db")
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: now + 7200))
    assert (found.mark, found.words) == (Mark.OK, "0 sent, 2 wait, the oldest for 2 hours")


def test_what_waits_for_days_is_wrong(tmp_path: Path) -> None:
    now = remember(tmp_path / "memory.db")
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: now + 5 * 86_400))
    assert (found.mark, "5 days" in found.words) == (Mark.WRONG, True)


def synced(file: Path, when: float) -> None:
    """Something was sent, and a turn talked, at these times (seconds since 1970)."""
    with sqlite3.connect(file) as database:
        for kind, items, at in (("sync", '["a"]', when), ("voice of a turn", "[]", when + 86_400)):
            database.execute(
                "INSERT INTO sent (kind, receiver, bytes, items, wall, source, boot, uptime)"
                " VALUES (?, 'gateway', 9, ?, ?, ?, 'boot', 1.0)",
                (kind, items, int(at * 1000), TRUSTED),
            )
    database.close()


def test_when_something_was_last_sent_is_told_and_talking_is_not_that(tmp_path: Path) -> None:
    now = remember(tmp_path / "memory.db")
    synced(tmp_path / "memory.db", now + 3600)
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: now + 2 * 3600 + 86_400))
    assert found.words == "0 sent, 2 wait, the oldest for 26 hours; last sent 25 hours ago"
    assert found.figures["last_sync_days"] == 1.04


def test_a_server_that_was_told_lately_and_leaves_old_things_waiting_is_another_trouble(tmp_path: Path) -> None:
    now = remember(tmp_path / "memory.db")
    later = now + 5 * 86_400
    synced(tmp_path / "memory.db", later - 3600)
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: later))
    assert (found.mark, "has not taken all" in found.words) == (Mark.WRONG, True)
    synced(tmp_path / "memory.db", later - 4 * 86_400)
    with sqlite3.connect(tmp_path / "memory.db") as database:
        database.execute("DELETE FROM sent WHERE sequence <= 2")
    database.close()
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: later))
    assert "has not been told anything for 4 days" in found.words


def test_a_memory_of_before_there_was_a_ledger_is_looked_at_all_the_same(tmp_path: Path) -> None:
    now = remember(tmp_path / "memory.db")
    with sqlite3.connect(tmp_path / "memory.db") as database:
        database.execute("DROP TABLE sent")
    database.close()
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: now))
    assert found.figures["last_sync_days"] is None


def test_looking_changes_nothing(tmp_path: Path) -> None:
    remember(tmp_path / "memory.db")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    look(kept.check_remembered, world(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_it_can_be_looked_at_while_the_toy_has_it_open(tmp_path: Path) -> None:
    async def main() -> Mark:
        async with Machine().memory(tmp_path / "memory.db") as memory:
            memory.keep_conversation(said("talk"))
            await memory.flush()
            return (await kept.check_remembered(world(tmp_path))).mark

    assert asyncio.run(main()) in (Mark.OK, Mark.WRONG)


def test_a_damaged_memory_is_broken(tmp_path: Path) -> None:
    remember(tmp_path / "memory.db", 50)
    data = bytearray((tmp_path / "memory.db").read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    (tmp_path / "memory.db").write_bytes(data)
    assert look(kept.check_remembered, world(tmp_path)).mark is Mark.BROKEN


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "memory.db") as database:
        database.execute("CREATE TABLE other (x)")
    database.close()
    assert look(kept.check_remembered, world(tmp_path)).mark is Mark.WRONG


def under_key(folder: Path, key: bytes | None) -> None:
    """A memory closed with one key, beside which lies `key`."""

    async def main() -> None:
        seal = KeySeal(b"k" * 32)
        async with Machine().memory(folder / "memory.db", seal=seal) as memory:
            memory.keep_conversation(said("talk"))
            memory.keep_toy(ToyProfile("owl", "Owl", wake_word="hello"))
            await memory.flush()

    asyncio.run(main())
    file = key_file_of(folder / "memory.db")
    file.unlink(missing_ok=True)
    if key is not None:
        file.touch(0o600)
        file.write_bytes(key)


def test_a_closed_memory_is_read_with_its_key(tmp_path: Path) -> None:
    under_key(tmp_path, b"k" * 32)
    found = look(kept.check_remembered, world(tmp_path))
    assert "1 wait" in found.words
    assert "owl" in known_toys(world(tmp_path))[0]


@pytest.mark.parametrize("key", [b"x" * 32, None])
def test_a_memory_whose_key_is_another_or_lost_is_wrong(tmp_path: Path, key: bytes | None) -> None:
    under_key(tmp_path, key)
    found = look(kept.check_remembered, world(tmp_path))
    assert (found.mark, "another key" in found.words) == (Mark.WRONG, True)
    toys, remarks = known_toys(world(tmp_path))
    assert "owl" not in toys
    assert remarks == ["what is remembered of owl cannot be understood"]


def test_a_key_that_others_can_read_is_said_so(tmp_path: Path) -> None:
    under_key(tmp_path, b"k" * 32)
    key_file_of(tmp_path / "memory.db").chmod(0o644)
    found = look(kept.check_remembered, world(tmp_path))
    assert (found.mark, "chmod 600" in found.words) == (Mark.NOTE, True)


def test_refused_items_are_noted(tmp_path: Path) -> None:
    now = remember(tmp_path / "memory.db")
    with sqlite3.connect(tmp_path / "memory.db") as database:
        database.execute("UPDATE items SET state = 2, reason = 'no'")
    database.close()
    found = look(kept.check_remembered, world(tmp_path, wall=lambda: now))
    assert (found.mark, "2 refused" in found.words) == (Mark.NOTE, True)


def test_no_memory_yet_is_noted_and_its_copy_serves(tmp_path: Path) -> None:
    assert "is not there yet" in look(kept.check_remembered, world(tmp_path)).words
    now = remember(tmp_path / "copy.db")
    wanted = settings(tmp_path, memory_copy=str(tmp_path / "copy.db"))
    assert "2 wait" in look(kept.check_remembered, world(tmp_path, settings=wanted, wall=lambda: now)).words


def test_what_is_closed_to_this_user_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    there = world(tmp_path, unit=replace(RUNNING, user="toy"))
    monkeypatch.setattr(Path, "stat", refuse)
    found = kept.remembered(there)
    assert (found.mark, "is closed to the user pommai" in found.words) == (Mark.NOTE, True)
    assert found.next_step.startswith("sudo -u toy ")


@pytest.mark.parametrize(("days", "words"), [(0.01, "14 minutes"), (0.5, "12 hours"), (12.3, "12 days")])
def test_ages_are_told_in_words(days: float, words: str) -> None:
    assert kept.age(days) == words
