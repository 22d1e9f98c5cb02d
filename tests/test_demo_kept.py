"""What is remembered when a demo is over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from demo_material import remember

from pommai.demo.kept import Kept, Remembered, remembered, what_is_kept
from pommai.gateway.archive import Archive
from pommai.protocol.messages import Conversation


@pytest.mark.parametrize("acknowledged", [False, True])
def test_what_a_toy_remembers_is_read_from_its_memory(tmp_path: Path, acknowledged: bool) -> None:
    memory = tmp_path / "memory.db"
    remember(memory, acknowledged=acknowledged)
    found = remembered(memory)
    assert found == Remembered(frozenset({"one"}), frozenset() if acknowledged else frozenset({"one"}))


def test_a_memory_that_is_not_there_or_none_is_nothing(tmp_path: Path) -> None:
    memory = tmp_path / "memory.db"
    assert remembered(memory) is None
    memory.write_text("no database")
    assert remembered(memory) is None
    assert asyncio.run(what_is_kept(memory, tmp_path / "archive.db")) is None


def test_what_toy_and_server_keep_is_told_in_a_line(tmp_path: Path) -> None:
    memory, archive = tmp_path / "memory.db", tmp_path / "archive.db"
    remember(memory, acknowledged=True)
    assert asyncio.run(what_is_kept(memory, archive)) is None

    async def keep() -> Kept | None:
        async with await Archive.open(archive) as opened:
            exchange = ("pommai-bear", "a joke", "Knock.", "2026-01-01T20:00:00Z", True)
            await opened.save("desk", Conversation("one", *exchange))
        return await what_is_kept(memory, archive)

    kept = asyncio.run(keep())
    assert kept is not None
    assert kept.words == "1 kept by the toy, 1 of them with the server"
    archive.write_text("no database")
    assert asyncio.run(what_is_kept(memory, archive)) is None
