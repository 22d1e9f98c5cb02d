"""What is remembered when a demo is over: by the toy in its memory, by the server in its archive."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from pommai.errors import StoreError
from pommai.gateway.archive import Archive
from pommai.io import memory_guardian
from pommai.io.ports import CONVERSATIONS

_ITEMS = ("conversations", "safety", "metrics")


@dataclass(frozen=True, slots=True)
class Remembered:
    """Ids in the toy's memory. `waiting` are those of any kind that the server has not acknowledged."""

    conversations: frozenset[str]
    waiting: frozenset[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What both remember; `archived` are the ids of the conversations that the server has."""

    remembered: Remembered
    archived: frozenset[str]

    @property
    def words(self) -> str:
        """In one line."""
        kept = self.remembered.conversations
        return f"{len(kept)} kept by the toy, {len(kept & self.archived)} of them with the server"


def remembered(memory: Path) -> Remembered | None:
    """What a toy remembers, while it runs or afterwards; None while it has no memory yet. Blocks."""
    if not memory.is_file():
        return None
    try:
        found = memory_guardian.read(memory)
    except StoreError:  # it is just being made
        return None
    return Remembered(
        frozenset(item["id"] for item in found["conversations"]),
        frozenset(item["id"] for kind in _ITEMS for item in found[kind] if item["state"] == "waiting"),
    )


async def what_is_kept(memory: Path, archive: Path) -> Kept | None:
    """What toy and server remember, after both have ended; None when either has nothing to remember in."""
    mine = await asyncio.to_thread(remembered, memory)
    if mine is None or not await asyncio.to_thread(archive.is_file):
        return None
    try:
        async with await Archive.open(archive) as opened:
            return Kept(mine, frozenset(item.id for item in await opened.items(CONVERSATIONS)))
    except StoreError:
        return None
