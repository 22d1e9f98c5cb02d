"""The memory's own task, and a disk in trouble: the toy goes on, and keeps what it can."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from memory_material import DAY, Machine, ids, incident, said, sync

from pommai.io.memory import SqliteMemory
from pommai.io.memory_files import damaged_files
from pommai.io.memory_keeper import SEQUENCE_GAP
from pommai.protocol.messages import ToyProfile

HERE = Path(__file__).parent


def rows(path: Path, statement: str) -> list[Any]:
    with sqlite3.connect(path) as database:
        found = database.execute(statement).fetchall()
    database.close()
    return found


async def pragma(memory: SqliteMemory, words: str) -> None:
    """Let the real SQLite meet the trouble that a test wants."""
    await memory._keeper._store._execute(f"PRAGMA {words}")


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "memory.db"

    async def first() -> None:
        async with Machine().memory(path) as memory:
            memory.keep_conversation(said("talk"))
            memory.keep_safety_event(incident("danger"))
            memory.keep_fact("safe_mode", "on")
            memory.keep_toy(ToyProfile("bear", "Bear"))
            memory.retain({"conversations": 3})
            for number in range(6):
                memory.keep_conversation(said(f"{number}", "what is rain"))

    async def second() -> None:
        machine = Machine("second")
        async with machine.memory(path) as memory:
            assert memory.trouble == ()
            assert memory.fact("safe_mode") == "on"
            assert memory.unsent == 8
            assert await memory.toys() == ("bear",)
            assert dict(memory.popular()) == {"what is rain": "Hi there!"}
            await asyncio.wait_for(memory.changed(safety=True), 5)
            assert await sync(memory, safety=True) == ["danger"]
            memory.keep_conversation(said("later"))
            assert (await sync(memory))[-1] == "later"
            assert rows(path, "SELECT days FROM retention WHERE kind = 'conversations'") == [(3,)]

    asyncio.run(first())
    asyncio.run(second())
    assert path.stat().st_mode & 0o077 == 0


def test_things_kept_together_are_written_together(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Machine().memory(tmp_path / "memory.db") as memory:
            await memory.flush()
            began = memory._keeper._changes
            for number in range(200):
                memory.keep_conversation(said(f"{number}"))
            await memory.flush()
            assert memory._keeper._changes == began + 1

    asyncio.run(scene())


def test_a_hundred_conversations_are_kept_and_all_that_the_server_has_not_got(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            for number in range(130):
                memory.keep_conversation(said(f"{number}"))
            await memory.flush()
            assert rows(path, "SELECT count(*) FROM items") == [(130,)]
            while await sync(memory):
                pass
            assert rows(path, "SELECT count(*), min(sequence) FROM items") == [(100, 31)]

    asyncio.run(scene())


def test_too_much_that_waits_is_dropped_the_least_important_first(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Machine().memory(tmp_path / "memory.db") as memory:
            memory.keep_safety_event(incident("danger"))
            memory.keep_conversation(said("talk"))
            for _round in range(6):
                for _number in range(900):
                    memory.keep_metric("noise", 1)
                await memory.flush()
            assert memory.unsent <= 5000
            assert set(memory.dropped) == {"metrics"}
            assert memory.dropped["metrics"] + memory.unsent == 5402
            assert ids(await memory.batch(safety=True)) == ["danger"]
            assert ids(await memory.batch(safety=False))[0] == "talk"

    asyncio.run(scene())


def test_closing_twice_and_keeping_after_it_are_harmless(tmp_path: Path) -> None:
    async def scene() -> None:
        memory = await Machine().open(tmp_path / "memory.db")
        memory.keep_conversation(said("talk"))
        await memory.close()
        await memory.close()
        memory.keep_conversation(said("too late"))
        assert not await memory.flush()
        assert memory.fact("safe_mode") is None
        assert rows(tmp_path / "memory.db", "SELECT id FROM items") == [("talk",)]

    asyncio.run(scene())


def test_opening_that_is_broken_off_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        for moment in range(40):
            opening = asyncio.ensure_future(Machine().open(path))
            for _ in range(moment):
                await asyncio.sleep(0.0005)
            opening.cancel()
            try:
                await (await opening).close()
            except asyncio.CancelledError:
                continue
        async with Machine().memory(path) as memory:
            assert memory.trouble == ()

    asyncio.run(scene())


def test_flush_waits_for_what_was_kept_before_it_whoever_else_keeps_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Machine().memory(tmp_path / "memory.db") as memory:

            async def chatter() -> None:
                while True:
                    memory.keep_metric("noise", 1)
                    await asyncio.sleep(0.001)

            noise = asyncio.ensure_future(chatter())
            for number in range(20):
                memory.keep_conversation(said(f"{number}"))
                assert await memory.flush()
                assert rows(tmp_path / "memory.db", f"SELECT count(*) FROM items WHERE id = '{number}'") == [(1,)]
            noise.cancel()
            assert memory.trouble == ()

    asyncio.run(scene())


def test_what_was_kept_while_the_clock_was_being_set_is_put_right_too(tmp_path: Path) -> None:
    async def scene() -> None:
        machine = Machine(start="1970-01-01T00:00:00Z", trusted=False)
        async with machine.memory(tmp_path / "memory.db") as memory:
            memory.keep_safety_event({"id": "before", "reason": "x"})
            flushed = asyncio.ensure_future(memory.flush())
            while memory._keeper._in_flight == 0:
                await asyncio.sleep(0)
            memory.keep_safety_event({"id": "meanwhile", "reason": "x"})
            machine.clock.set("2026-09-21T12:00:00Z")
            await flushed
            batch = await memory.batch(safety=True)
            assert batch is not None
            assert [item["clock_trusted"] for item in batch.safety_events] == [True, True]

    asyncio.run(scene())


# -- trouble -------------------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_what_cannot_be_written_is_sent_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            memory.keep_conversation(said("before"))
            await memory.flush()
            await pragma(memory, "max_page_count = 1")
            for number in range(40):
                memory.keep_conversation(said(f"held-{number}", "x" * 3000))
            memory.keep_safety_event(incident("danger", "high"))
            memory.keep_fact("safe_mode", "on")
            assert not await memory.flush()
            assert not await memory.flush()
            assert memory.fact("safe_mode") == "on"
            assert memory.unsent == 42
            assert await sync(memory, safety=True) == ["danger"]
            assert ids(await memory.batch(safety=True)) == []
            assert ids(await memory.batch(safety=False))[:2] == ["before", "held-0"]
            await pragma(memory, "max_page_count = 100000")
            assert await memory.flush()
            assert memory.unsent == 41
            assert len(memory.trouble) == 1
            assert "full" in memory.trouble[0]
        assert rows(path, "SELECT state FROM items WHERE id = 'danger'") == [(1,)]

    with caplog.at_level(logging.INFO, "pommai"):
        asyncio.run(scene())
    told = [record.message for record in caplog.records if record.message.startswith("memory")]
    assert told == ["memory in trouble", "memory well again"]


def test_a_disk_that_becomes_read_only_stops_no_toy(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Machine().memory(tmp_path / "memory.db") as memory:
            await memory.flush()
            await pragma(memory, "query_only = ON")
            for _number in range(1200):
                memory.keep_metric("noise", 1)
            memory.keep_conversation(said("talk"))
            memory.keep_toy(ToyProfile("bear", "Bear"))
            assert not await memory.flush()
            assert memory.unsent == 1000
            assert await memory.toys() == ("bear",)
            assert await memory.toy("bear") == ToyProfile("bear", "Bear")
            assert (await sync(memory))[0] == "talk"
            assert "read" in memory.trouble[0]
            await pragma(memory, "query_only = OFF")
            assert await memory.flush()
            assert memory.dropped == {"metrics": 201}

    asyncio.run(scene())


def test_where_nothing_can_be_written_the_toy_remembers_until_it_is_switched_off() -> None:
    async def scene() -> None:
        async with Machine().memory(Path("/proc/pommai/memory.db")) as memory:
            assert memory.path is None
            assert "forgotten at power-off" in memory.trouble[0]
            memory.keep_conversation(said("talk"))
            memory.keep_fact("safe_mode", "on")
            assert await sync(memory) == ["talk"]

    asyncio.run(scene())


def test_a_file_that_cannot_be_written_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.db"

    async def first() -> None:
        async with Machine().memory(path) as memory:
            memory.keep_fact("safe_mode", "on")
            memory.keep_conversation(said("talk"))

    async def second() -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pommai.io.memory_files.lock", refuse)
        async with Machine("second").memory(path) as memory:
            assert memory.path is None
            assert memory.fact("safe_mode") == "on"
            assert ids(await memory.batch(safety=False)) == ["talk"]

    asyncio.run(first())
    asyncio.run(second())


def test_two_toys_do_not_share_a_memory(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Machine().memory(tmp_path / "memory.db") as one, Machine().memory(tmp_path / "memory.db") as two:
            one.keep_conversation(said("mine"))
            two.keep_conversation(said("yours"))
            assert "in use by another toy" in two.trouble[0]
            assert ids(await one.batch(safety=False)) == ["mine"]
            assert ids(await two.batch(safety=False)) == ["yours"]

    asyncio.run(scene())


@pytest.mark.parametrize("damage", ["garbage", "cut", "middle"])
def test_a_damaged_file_is_moved_aside_and_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "memory.db"

    async def first() -> None:
        async with Machine().memory(path) as memory:
            for number in range(300):
                memory.keep_conversation(said(f"{number}", "word " * 50))

    async def second() -> None:
        async with Machine("second").memory(path) as memory:
            assert memory.unsent == 0
            (sentence,) = memory.trouble
            assert "was damaged" in sentence
            assert "memory.db.damaged-1" in sentence
            memory.keep_conversation(said("new"))
            assert await memory.flush()

    asyncio.run(first())
    whole = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"\x99" * 5000)
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(whole[:8192] + b"\xff" * 20000 + whole[28192:])
    asyncio.run(second())
    assert [file.name for file in damaged_files(path)] == ["memory.db.damaged-1"]


def test_a_file_that_is_damaged_under_way_is_replaced_and_what_is_in_mind_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            memory.keep_fact("safe_mode", "on")
            memory.retain({"metrics": 2})
            for number in range(300):
                memory.keep_conversation(said(f"{number}", "word " * 50))
            await memory.flush()
            await memory._keeper._store.checkpoint()
            await pragma(memory, "cache_size = 0")
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xff" * (size - 4096))
            await pragma(memory, "shrink_memory")
            memory.keep_conversation(said("new"))
            assert await memory.flush()
            assert any("was damaged" in sentence for sentence in memory.trouble)
            assert ids(await memory.batch(safety=False)) == ["new"]
            assert memory.fact("safe_mode") == "on"
        assert rows(path, "SELECT * FROM facts") == [("safe_mode", "on")]
        assert rows(path, "SELECT days FROM retention WHERE kind = 'metrics'") == [(2,)]

    asyncio.run(scene())


def test_a_file_put_back_by_hand_does_not_stop_the_counting(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            memory.keep_conversation(said("one"))
            await memory.flush()
            rows(path, "INSERT INTO items SELECT 2, 'stranger', kind, 5, 0, NULL, body, wall, 1, boot, 0 FROM items")
            memory.keep_conversation(said("two"))
            assert await memory.flush()
            assert ids(await memory.batch(safety=False)) == ["one", "stranger", "two"]

    asyncio.run(scene())


def test_what_somebody_else_has_erased_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            for number in range(6):
                memory.keep_conversation(said(f"{number}", "what is rain"))
            memory.keep_fact("safe_mode", "on")
            await memory.flush()
            assert memory.popular()
            for table in ("items", "asks", "answers", "facts"):
                rows(path, f"DELETE FROM {table}")
            await memory.flush()
            assert memory.unsent == 0
            assert dict(memory.popular()) == {}
            assert memory.fact("safe_mode") is None
            memory.keep_conversation(said("new"))
            assert await sync(memory) == ["new"]

    asyncio.run(scene())


def test_a_file_that_somebody_removes_is_begun_anew_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            memory.keep_conversation(said("old"))
            memory.keep_fact("safe_mode", "on")
            await memory.flush()
            path.unlink()
            memory._keeper._reserve_at = 0.0  # a minute passes
            await memory.flush()
            assert memory.fact("safe_mode") is None
            assert "was removed while it was in use" in memory.trouble[0]
            memory.keep_conversation(said("new"))
            assert await sync(memory) == ["new"]
        assert rows(path, "SELECT id FROM items") == [("new",)]

    asyncio.run(scene())


FULL_DISK = """
import asyncio, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from memory_material import Machine, said, incident, sync

async def scene():
    async with Machine().memory(Path("/mnt/memory.db")) as memory:
        await memory.flush()
        kept = 0
        while not memory.trouble and kept < 5000:
            memory.keep_conversation(said(f"talk-{{kept}}", "words " * 500))
            kept += 1
            await memory.flush()
        assert "full" in memory.trouble[0], memory.trouble
        memory.keep_safety_event(incident("danger"))
        before = memory.unsent
        assert await sync(memory, safety=True) == ["danger"]
        while await sync(memory):
            pass
        assert memory.unsent == 0
        memory.keep_conversation(said("after"))
        assert await memory.flush()
        print("kept", kept, "waited", before)

asyncio.run(scene())
"""


def test_on_a_disk_that_is_really_full_things_go_out_and_make_room(tmp_path: Path) -> None:
    script = tmp_path / "toy.py"
    script.write_text(FULL_DISK.format(tests=str(HERE)))
    inside = f"mount -t tmpfs -o size=3m none /mnt && exec {sys.executable} -W error {script}"
    try:
        done = subprocess.run(["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("needs unshare(1) for a small disk of its own")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("needs user namespaces for a small disk of its own")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept")


# -- the copy ------------------------------------------------------------------------------


def test_the_copy_takes_the_place_of_a_memory_that_was_lost(tmp_path: Path) -> None:
    path, copy = tmp_path / "ram" / "memory.db", tmp_path / "card" / "memory.db"

    async def first() -> None:
        async with Machine().memory(path, persistent=copy, copy_every=3600.0) as memory:
            memory.keep_conversation(said("talk"))
            memory.keep_fact("safe_mode", "on")

    async def second() -> None:
        async with Machine("second").memory(path, persistent=copy) as memory:
            assert memory.fact("safe_mode") == "on"
            memory.keep_conversation(said("next"))
            batch = await memory.batch(safety=False)
            assert batch is not None
            talk, following = (item["sequence"] for item in batch.conversations)
            assert talk == 1
            assert isinstance(following, int)
            assert following > SEQUENCE_GAP

    asyncio.run(first())
    for file in (tmp_path / "ram").iterdir():
        file.unlink()
    asyncio.run(second())


@pytest.mark.parametrize("what", ["a fact", "an incident", "a conversation"])
def test_safe_mode_and_incidents_are_copied_at_once_and_the_rest_in_its_time(tmp_path: Path, what: str) -> None:
    path, copy = tmp_path / "ram" / "memory.db", tmp_path / "card" / "memory.db"

    async def test() -> None:
        async with Machine().memory(path, persistent=copy, copy_every=3600.0) as memory:
            if what == "a fact":
                memory.keep_fact("safe_mode", "on")
            elif what == "an incident":
                memory.keep_safety_event(incident("danger"))
            else:
                memory.keep_conversation(said("talk"))
            await memory.flush()
            assert await memory.toys() == ()  # when the round is over
            assert copy.exists() is (what != "a conversation")

    asyncio.run(test())


def test_a_copy_that_is_cut_short_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "copy.db"

    def cut_short(*_: object) -> None:
        raise OSError(5, "power cut")

    async def scene() -> None:
        async with Machine().memory(path, persistent=copy, copy_every=0.0) as memory:
            memory.keep_fact("which", "old")
            await memory.flush()
            await memory.flush()
            assert rows(copy, "SELECT value FROM facts") == [("old",)]
            monkeypatch.setattr("pommai.io.memory_store.finish_copy", cut_short)
            memory.keep_fact("which", "new")
            assert await memory.flush()
            assert rows(copy, "SELECT value FROM facts") == [("old",)]
            assert any("could not be written" in sentence for sentence in memory.trouble)
            monkeypatch.undo()
            await memory.flush()
            assert rows(copy, "SELECT value FROM facts") == [("new",)]

    asyncio.run(scene())


# -- time ----------------------------------------------------------------------------------


def test_times_of_runs_without_a_clock_are_told_as_no_later_than_the_next(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def lived(machine: Machine, name: str) -> None:
        async with machine.memory(path) as memory:
            machine.seconds += 50.0
            memory.keep_safety_event({"id": name, "reason": "x", "timestamp": machine.clock.now().text})

    async def last() -> None:
        machine = Machine("third", start="1970-01-01T00:00:00Z", trusted=False)
        async with machine.memory(path) as memory:
            memory.retain({"safety_events": 10})
            machine.seconds = 100.0
            await memory.flush()
            machine.clock.set("2026-09-21T12:00:00Z")
            batch = await memory.batch(safety=True)
            assert batch is not None
            assert [(item["timestamp"], item["clock_trusted"]) for item in batch.safety_events] == [
                ("2026-09-21T11:58:20.000Z", False),
                ("2026-09-21T11:58:20.000Z", False),
            ]
            machine.seconds += 9 * DAY
            memory.retain({"safety_events": 9})
            await memory.flush()
            assert memory.unsent == 0

    for boot in ("first", "second"):
        asyncio.run(lived(Machine(boot, start="1970-01-01T00:00:00Z", trusted=False), boot))
    asyncio.run(last())
