"""A toy that was told to forget does so before it opens anything."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from memory_material import Machine
from simulated_toy import simulated_toy
from test_io_memory_lock import fill, readable, seal_at

from pommai.errors import StoreError
from pommai.io import reset
from pommai.protocol.messages import Command
from pommai.toy.forget import Forgetting, belongings_of, finish_reset, tell_of_reset
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
            assert board.fresh
        assert readable(tmp_path) == set()
        assert not reset.is_begun(belongings_of(settings))

    asyncio.run(test())


def test_without_a_mark_nothing_is_forgotten(tmp_path: Path) -> None:
    settings = replace(Settings(), memory=tmp_path / "memory.db")
    settings.memory.write_text("something")
    finish_reset(settings)
    assert settings.memory.exists()


def test_nothing_is_forgotten_that_nobody_has_asked_for_whatever_the_chart_says(tmp_path: Path) -> None:
    async def test() -> None:
        settings = replace(Settings(), memory=tmp_path / "memory.db")
        async with simulated_toy() as toy:
            held: list[float | None] = [None]
            forgetting = Forgetting(settings, lambda: toy.body, lambda: held[0])
            for at_power_up, seconds in ((False, None), (False, 20.0), (True, None), (True, 0.0), (True, 9.0)):
                toy.body.held_at_power_up, held[0] = at_power_up, seconds
                with pytest.raises(StoreError, match="nobody has asked for a reset"):
                    await forgetting.begin()
                assert not reset.is_begun(belongings_of(settings))
            held[0] = 10.0
            await forgetting.begin()
            assert reset.is_begun(belongings_of(settings))

    asyncio.run(test())


def test_a_server_that_has_asked_needs_no_hand(tmp_path: Path) -> None:
    async def test() -> None:
        settings = replace(Settings(), memory=tmp_path / "memory.db")
        async with simulated_toy() as toy:
            toy.body.forget = Forgetting(settings, lambda: toy.body, lambda: None).begin
            toy.link.deliver(Command("reset"))
            while not reset.is_begun(belongings_of(settings)):
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(test(), 30))


def test_a_disk_that_takes_no_mark_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "file").touch()
        settings = replace(Settings(), memory=tmp_path / "file" / "memory.db")
        async with simulated_toy() as toy:
            toy.body.reset_asked = True
            with pytest.raises(StoreError, match="nothing was forgotten"):
                await Forgetting(settings, lambda: toy.body, lambda: None).begin()

    asyncio.run(test())


def test_the_grown_ups_hear_that_the_toy_is_fresh() -> None:
    async def test() -> None:
        async with simulated_toy(up=False) as toy:
            tell_of_reset(toy.body)
            assert "reset to how it left the factory" in str(list(toy.memory.waiting.values()))

    asyncio.run(test())


def test_who_the_toy_is_to_its_server_and_which_update_it_has_taken_stay(tmp_path: Path) -> None:
    """A reset must not let an older bundle in again: what versions there have been is kept."""
    memory = tmp_path / "memory.db"
    kept = [tmp_path / "token", tmp_path / "updates" / "state.json", tmp_path / "cache" / "models" / "a.tflite"]
    for file in (memory, *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("something")
    settings = replace(Settings(), memory=memory, updates=tmp_path / "updates", cache_dir=tmp_path / "cache")
    reset.begin(belongings_of(settings))
    assert finish_reset(settings)
    assert not memory.exists()
    assert all(file.read_text() == "something" for file in kept)
