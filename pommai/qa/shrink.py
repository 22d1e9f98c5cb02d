"""Makes a failing list of events short: delta debugging (Zeller and Hildebrandt, 2002), latest events first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[Sequence[T]], bool], limit: int = 2_000) -> list[T]:
    """A part of `items`, in order, that still fails, and of which, within `limit` attempts, no single item can go.

    `fails` is never asked about the whole, which must fail.
    """
    items, attempts = list(items), 0

    def attempt(part: list[T]) -> bool:
        nonlocal attempts
        attempts += 1
        return attempts <= limit and fails(part)

    # What leads to a failure mostly stands just before it, so the shortest end that fails alone is a good beginning.
    length = 1
    while length < len(items):
        if attempt(items[-length:]):
            items = items[-length:]
            break
        length *= 2
    size = max(1, len(items) // 2)
    while items:
        shorter = False
        start = len(items)
        while start > 0:
            start = max(0, start - size)
            part = items[:start] + items[start + size :]
            if len(part) < len(items) and attempt(part):
                items, shorter = part, True
                start = min(start, len(items))
        if attempts >= limit or (size == 1 and not shorter):
            break
        if not shorter:
            size = max(1, size // 2)
        size = min(size, max(1, len(items)))
    return items
