"""A toy that was told to forget does so before it opens anything."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from memory_material import Machine
from test_io_memory_lock import fill, readable, seal_at

from pommai.io import reset
from pommai.toy.forget import belongings_of, finish_reset
from pommai.toy.on_board import on_board
from pommai.toy.settings import Settings


def test_a_reset_that_has_begun_is_finished_before_the_memory_is_opened(tmp_path: Path) -> None:
    async def test() -> None:
        settings = replace(
            Settings(), memory=tmp_path / "memory.db", vosk_model="none", models=tmp_path, cache_dir=tmp_path / "cache"
        )
        async with Machine().memory(settings.memory, seal=seal_at(settings.memory)) as memory:
            await fill(memory)
        reset.begin(belongings_of(settings))
        async with AsyncExitStack() as stack:
            board = await on_board(settings, stack, lambda event: None)
            assert board.memory.fact("safe_mode") is None
            assert board.memory.unsent == 0
        assert readable(tmp_path) == set()
        assert not reset.is_begun(belongings_of(settings))

    asyncio.run(test())


def test_without_a_mark_nothing_is_forgotten(tmp_path: Path) -> None:
    settings = replace(Settings(), memory=tmp_path / "memory.db")
    settings.memory.write_text("something")
    finish_reset(settings)
    assert settings.memory.exists()
