"""The statements of a memory, asked one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from memory_material import incident, said

from pommai.io.memory_files import prepare
from pommai.io.memory_items import CONVERSATIONS, NO_LATER, SAFETY, TRUSTED, UNKNOWN, WORKED_OUT, ItemMaker, Moment
from pommai.io.memory_queue import Ask, Pending
from pommai.io.memory_store import DAY_MS, Store

NOW = 1_790_000_000_000
DAYS = {CONVERSATIONS: 30, SAFETY: 90}


def play(folder: Path, scene: Callable[[Store], Awaitable[None]]) -> None:
    async def act() -> None:
        store = await Store.open(prepare(folder / "memory.db").path)
        try:
            await scene(store)
        finally:
            await store.close()

    asyncio.run(act())


def group(*moments: Moment, first: int = 1) -> Pending:
    maker, pending = ItemMaker(first), Pending()
    for number, when in enumerate(moments, first):
        item = maker.safety_event(incident(f"event {number}"), when)
        assert item is not None
        pending.add(item)
    return pending


def test_a_group_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        pending = group(Moment(NOW, TRUSTED, "a", 1.0))
        pending.facts["bad"] = object()  # type: ignore[assignment]
        with pytest.raises(Exception, match="not supported"):
            await store.write(pending, DAYS)
        assert await store.count_waiting() == (0, 0)
        del pending.facts["bad"]
        await store.write(pending, DAYS)
        assert await store.count_waiting() == (1, 0)
        assert await store.last_sequence() == 1

    play(tmp_path, scene)


def test_times_are_worked_out_in_this_run_and_bounded_in_earlier_ones(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        moments = (Moment(5, UNKNOWN, "a", 5.0), Moment(9, UNKNOWN, "b", 9.0), Moment(NOW, TRUSTED, "c", 20.0))
        await store.write(group(*moments), DAYS)
        await store.correct(Moment(NOW, TRUSTED, "b", 100.0))
        found = [(item.moment.wall, item.moment.source) for item in await store.waiting(safety=True)]
        assert found == [(NOW - 100_000, NO_LATER), (NOW - 91_000, WORKED_OUT), (NOW, TRUSTED)]

    play(tmp_path, scene)


def test_what_happened_at_an_unknown_time_is_not_too_old(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        await store.write(group(Moment(0, UNKNOWN, "a", 1.0), Moment(NOW - 91 * DAY_MS, TRUSTED, "a", 2.0)), DAYS)
        await store.sweep(None, DAYS)
        assert await store.count_waiting() == (2, 0)
        await store.sweep(NOW, DAYS)
        assert [item.id for item in await store.waiting(safety=True)] == ["event 1"]

    play(tmp_path, scene)


def test_questions_count_within_the_week_that_ends_with_what_is_known(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        pending = Pending()
        for number in range(6):
            pending.asks.append(Ask("old", "yes", Moment(NOW - 8 * DAY_MS + number, TRUSTED, "a", 1.0)))
            pending.asks.append(Ask("new", "no", Moment(NOW - number, TRUSTED, "a", 1.0)))
            pending.asks.append(Ask("timeless", "maybe", Moment(0, UNKNOWN, "a", 1.0)))
        await store.write(pending, DAYS)
        assert await store.popular(NOW) == {"new": "no", "timeless": "maybe"}
        assert await store.popular(None) == {"new": "no", "timeless": "maybe"}
        await store.sweep(NOW, DAYS)
        assert await store.popular(NOW - 8 * DAY_MS) == {"new": "no", "timeless": "maybe"}

    play(tmp_path, scene)


def test_room_is_made_from_the_least_important_up(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        pending, maker, when = Pending(), ItemMaker(), Moment(NOW, TRUSTED, "a", 1.0)
        made = [maker.safety_event(incident("danger"), when), *(maker.metric("m", n, when) for n in range(60))]
        made += [maker.conversation(said(f"{number}"), when) for number in range(60)]
        for item in made:
            assert item is not None
            pending.add(item)
        await store.write(pending, DAYS)
        assert await store.make_room(121) == {}
        assert await store.make_room(50) == {"conversations": 12, "metrics": 60}
        assert await store.count_waiting() == (1, 48)

    play(tmp_path, scene)
