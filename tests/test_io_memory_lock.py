"""A memory that is closed with a key: nothing to be read on the card, everything where the key is."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from memory_material import Machine, ids, incident, said, sync

from pommai.errors import StoreError
from pommai.io import memory_guardian as guardian
from pommai.io.memory import SqliteMemory
from pommai.io.seal import KeySeal
from pommai.io.seal_key import key_file_of, make_key_file, read_key_file
from pommai.protocol.messages import Rejected, SyncAck, ToyProfile

PLANTED = ("zanzibarcat", "marmalade-sky", "hidden-uncle", "quokka-name", "safe-mode-words", "refused-because-zebra")


def seal_at(path: Path) -> KeySeal:
    return KeySeal(read_key_file(key_file_of(path)) or make_key_file(key_file_of(path)))


async def fill(memory: SqliteMemory) -> None:
    for number in range(8):
        memory.keep_conversation(said(f"talk-{number}", "what is a zanzibarcat", "a marmalade-sky"))
    memory.keep_safety_event({**incident("danger-1"), "transcript": "hidden-uncle"})
    memory.keep_toy(ToyProfile("bear", "quokka-name"))
    memory.keep_fact("safe_mode", "safe-mode-words")
    await memory.flush()
    batch = await memory.batch(safety=False)
    assert batch is not None
    await memory.settle(SyncAck(batch.batch, (), (Rejected("talk-0", "refused-because-zebra"),)))
    await memory.flush()


def readable(folder: Path) -> set[str]:
    data = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    return {word for word in PLANTED if word.encode() in data}


def test_nothing_that_was_said_is_to_be_read_on_the_card_and_all_of_it_with_the_key(tmp_path: Path) -> None:
    async def test() -> None:
        path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
        machine = Machine()
        async with machine.memory(path, seal=seal_at(copy), persistent=copy) as memory:
            await fill(memory)
            assert readable(tmp_path) == set()
        assert copy.exists()
        assert readable(tmp_path) == set()
        path.unlink()  # the power was off, and the memory was in RAM
        async with machine.memory(path, seal=seal_at(copy), persistent=copy) as memory:
            assert memory.fact("safe_mode") == "safe-mode-words"
            assert memory.popular() == {"what is a zanzibarcat": "a marmalade-sky"}
            profile = await memory.toy("bear")
            assert profile is not None
            assert profile.name == "quokka-name"
            batch = await memory.batch(safety=False)
            assert ids(batch) == [f"talk-{number}" for number in range(1, 8)]
            found = guardian.read(copy)
            assert found["conversations"][0]["reason_refused"] == "refused-because-zebra"
            assert found["questions"] == [
                {"question": "what is a zanzibarcat", "asked": 8, "answer": "a marmalade-sky"}
            ]

    asyncio.run(test())


def test_a_memory_of_an_earlier_version_is_closed_at_the_next_start_and_nothing_of_it_stays_readable(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        machine = Machine()
        async with machine.memory(path) as memory:
            await fill(memory)
        with closing(sqlite3.connect(path)) as database:  # as it was before there were seals
            database.execute("DROP TABLE seal")
            database.execute("DROP TABLE sent")
            database.execute("PRAGMA user_version = 1")
            database.commit()
        assert readable(tmp_path) == set(PLANTED)
        before = guardian.read(path)
        async with machine.memory(path, seal=seal_at(path)) as memory:
            assert readable(tmp_path) == set()
            assert memory.popular() == {"what is a zanzibarcat": "a marmalade-sky"}
            assert memory.unsent == 8
        after = guardian.read(path)
        assert {**after, "file": ""} == {**before, "file": ""}

    asyncio.run(test())


def test_with_another_key_the_toy_forgets_says_so_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
        machine = Machine()
        async with machine.memory(path, seal=seal_at(copy), persistent=copy) as memory:
            await fill(memory)
            last = memory._keeper.maker.next_sequence
        key_file_of(copy).unlink()
        with pytest.raises(StoreError, match="its key is not at hand"):
            guardian.read(copy)
        async with machine.memory(path, seal=seal_at(copy), persistent=copy) as memory:
            assert memory.fact("safe_mode") is None
            assert memory.unsent == 0
            (sentence,) = memory.trouble
            assert "closed with another key; what it held is forgotten" in sentence
            memory.keep_conversation(said("new"))
            assert await memory.flush()
            assert memory._keeper.maker.next_sequence > last
        async with machine.memory(path, seal=seal_at(copy), persistent=copy) as memory:
            assert ids(await memory.batch(safety=False)) == ["new"]
            assert memory.trouble == ()

    with caplog.at_level(logging.ERROR):
        asyncio.run(test())
    assert any(record.message == "memory in trouble" for record in caplog.records)


def test_without_its_key_for_a_day_the_toy_remembers_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        machine = Machine()
        async with machine.memory(path, seal=seal_at(path)) as memory:
            await fill(memory)
        before = path.read_bytes()
        async with machine.memory(path, seal=KeySeal(b"x" * 32), locked="the TPM has not answered") as memory:
            assert memory.fact("safe_mode") is None
            assert "stays closed: the TPM has not answered" in memory.trouble[0]
            memory.keep_conversation(said("lost"))
            assert await memory.flush()
            assert ids(await memory.batch(safety=False)) == ["lost"]
        assert path.read_bytes() == before
        async with machine.memory(path, seal=seal_at(path)) as memory:
            assert memory.fact("safe_mode") == "safe-mode-words"

    asyncio.run(test())


def test_a_row_that_somebody_has_changed_is_dropped_and_holds_nothing_up(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        machine = Machine()
        async with machine.memory(path, seal=seal_at(path)) as memory:
            await fill(memory)
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE items SET body = (SELECT body FROM items WHERE id = 'talk-2') WHERE id = 'talk-1'")
            database.execute("UPDATE facts SET value = zeroblob(40)")
            database.commit()
        assert guardian.read(path)["conversations"][1]["unreadable"] == "(cannot be opened)"
        async with machine.memory(path, seal=seal_at(path)) as memory:
            assert memory.fact("safe_mode") is None
            batch = await memory.batch(safety=False)
            assert "talk-1" not in ids(batch)
            await sync(memory)
            assert ids(await memory.batch(safety=True)) == ["danger-1"]

    asyncio.run(test())


def test_a_memory_is_erased_without_its_key(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        async with Machine().memory(path, seal=seal_at(path)) as memory:
            await fill(memory)
        key_file_of(path).unlink()
        done = guardian.erase(path, "everything", None)
        assert (done.left, done.searched > 0) == ([], True)

    asyncio.run(test())
