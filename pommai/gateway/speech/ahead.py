"""Work that runs ahead of whoever uses it: while one sentence is sent, the next is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()


async def ahead(items: AsyncGenerator[T, None], room: int) -> AsyncGenerator[T, None]:
    """The same items, made in a task of their own, at most `room` of them before they are asked for.

    What the items raise is raised here, after those that were made before. When this is closed or cancelled, so is
    `items`, and it has ended when this has.
    """
    queue: asyncio.Queue[T | object] = asyncio.Queue(room)

    async def make() -> None:
        async with aclosing(items) as made:
            async for item in made:
                await queue.put(item)

    task = asyncio.create_task(make(), name="ahead")
    task.add_done_callback(lambda _: None if queue.full() else queue.put_nowait(_END))
    try:
        while not (task.done() and queue.empty()):
            item = await queue.get()
            if item is _END:
                break
            yield item  # type: ignore[misc]
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: nobody is left to whom it matters
