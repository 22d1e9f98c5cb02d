"""What toy and gateway remember of what was said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pommai.errors import StoreError
from pommai.gateway.archive import Archive
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.protocol.messages import Conversation
from pommai.qa.soak_kept import Ledger


async def talk(memory: SqliteMemory, words: str) -> None:
    memory.keep_conversation(Conversation(words, "pommai-bear", words, "yes", "2026-03-01T12:00:00Z", True))
    assert await memory.flush()


def test_what_was_said_and_told_is_there_once(tmp_path: Path) -> None:
    async def live() -> None:
        memory = await SqliteMemory.open(tmp_path / "memory.db", SystemClock())
        for number in range(3):
            await talk(memory, f"hello {number}")
        ledger.note(tmp_path / "memory.db")
        assert ledger.waiting == 3
        batch = await memory.batch(safety=False)
        assert batch is not None
        async with await Archive.open(tmp_path / "archive.db") as archive:
            await memory.settle(await archive.take("soak-1", "pommai-bear", batch))
            await archive.take("other", "pommai-bear", batch)
        await memory.flush()
        await memory.close()

    ledger = Ledger("soak-1")
    asyncio.run(live())
    ledger.note(tmp_path / "memory.db")
    ledger.close(tmp_path / "archive.db")
    assert ledger.wrongs() == []
    assert len(ledger.seen) == 3
    assert ledger.archived.total() == 3


def test_what_is_missing_waiting_twice_or_refused_is_told() -> None:
    ledger = Ledger("soak-1", {"a": "sent", "b": "waiting", "c": "refused", "d": "sent"}, waiting=1)
    ledger.archived.update({"a": 2, "b": 1})
    ledger.sequences.update([1, 1, 2])
    assert ledger.wrongs() == [
        "1 conversations were still not acknowledged at the end",
        "1 conversations were refused by the gateway",
        "1 conversations are not in the gateway's data, such as d",
        "2 conversations are in the gateway's data twice, such as a",
    ]


def test_a_memory_that_nobody_can_read_at_the_end_is_told(tmp_path: Path) -> None:
    ledger = Ledger("soak-1")
    ledger.note(tmp_path / "missing.db")
    assert ledger.wrongs() == ["what the toy remembers could not be read at the end"]
    (tmp_path / "wrong.db").write_text("this is no database, though it is as long as one could be" * 20)
    ledger.note(tmp_path / "wrong.db")
    assert ledger.waiting is None


def test_data_of_the_gateway_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.db"):
        Ledger("soak-1").close(tmp_path / "gone.db")
