from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from gateway_material import run

from pommai.gateway.speech.ahead import ahead


class Numbers:
    """Counts, and remembers how far it came and whether it was ended."""

    def __init__(self, stop: int = 1000, error: Exception | None = None) -> None:
        self.made, self.ended = 0, False
        self._stop, self._error = stop, error

    async def count(self) -> AsyncGenerator[int, None]:
        try:
            while self.made < self._stop:
                self.made += 1
                yield self.made
            if self._error is not None:
                raise self._error
        finally:
            await asyncio.sleep(0)
            self.ended = True


@pytest.mark.parametrize("room", [1, 2, 5, 50])
@pytest.mark.parametrize("number", [0, 1, 2, 5, 17])
def test_all_items_come_in_their_order_whatever_the_room(number: int, room: int) -> None:
    async def test() -> None:
        assert [item async for item in ahead(Numbers(number).count(), room)] == list(range(1, number + 1))

    run(test())


def test_items_are_made_before_they_are_asked_for_and_no_more_than_there_is_room_for() -> None:
    async def test() -> None:
        numbers = Numbers()
        async with aclosing(ahead(numbers.count(), 3)) as items:
            assert await anext(items) == 1
            for _ in range(20):
                await asyncio.sleep(0)
            assert numbers.made == 5  # one used, three in the queue, one in hand
        assert numbers.ended

    run(test())


@pytest.mark.parametrize("number", [0, 1, 4])
def test_an_error_comes_after_what_was_made_before_it(number: int) -> None:
    async def test() -> None:
        items = ahead(Numbers(number, ValueError("broken")).count(), 2)
        for expected in range(1, number + 1):
            assert await anext(items) == expected
        with pytest.raises(ValueError, match="broken"):
            await anext(items)

    run(test())


def test_closed_early_the_work_has_ended_also_when_it_was_broken() -> None:
    async def test() -> None:
        for numbers in (Numbers(), Numbers(1, ValueError("broken"))):
            async with aclosing(ahead(numbers.count(), 5)) as items:
                await anext(items)
                await asyncio.sleep(0.01)
            assert numbers.ended

    run(test())


def test_cancelled_while_it_waits_the_work_has_ended() -> None:
    async def never(ended: asyncio.Event) -> AsyncGenerator[int, None]:
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            ended.set()

    async def test() -> None:
        ended = asyncio.Event()

        async def use() -> None:
            async with aclosing(ahead(never(ended), 2)) as items:
                await anext(items)

        task = asyncio.create_task(use())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert ended.is_set()

    run(test())
