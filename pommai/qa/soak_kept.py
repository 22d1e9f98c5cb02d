"""What toy and gateway remember of what was said: each conversation once, nothing lost."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pommai.errors import StoreError
from pommai.io import memory_guardian
from pommai.io.ports import CONVERSATIONS

_LIST = "SELECT id, item FROM items WHERE device = ? AND kind = ? ORDER BY number"


@dataclass(slots=True)
class Ledger:
    """What the toy had promised to remember, and what came of it. `note` is to be called often: a toy forgets."""

    device: str
    seen: dict[str, str] = field(default_factory=dict)
    """Conversations by id that were on the toy's disk, and how they stood when last seen."""
    archived: Counter[str] = field(default_factory=Counter)
    """Those that the gateway has, and how often."""
    sequences: Counter[int] = field(default_factory=Counter)
    """Their places in the toy's own order."""
    waiting: int | None = None
    """How many were not acknowledged at the last look; None when nobody could look."""

    def note(self, memory: Path) -> None:
        """Look at what the toy remembers. Blocks."""
        self.waiting = None
        if not memory.is_file():
            return
        try:
            found = memory_guardian.read(memory)["conversations"]
        except StoreError:  # it is just being made, or the disk is full
            return
        self.seen.update({item["id"]: item["state"] for item in found})
        self.waiting = sum(item["state"] == "waiting" for item in found)

    def close(self, archive: Path) -> None:
        """Look at what the gateway has. Blocks. Raises StoreError when it cannot be read."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{archive}?mode=ro", uri=True)) as database:
                rows: list[tuple[str, str]] = database.execute(_LIST, (self.device, CONVERSATIONS)).fetchall()
        except sqlite3.Error as caught:
            raise StoreError(f"the gateway's data cannot be read from {archive}: {caught}") from caught
        self.archived = Counter(id_ for id_, _ in rows)
        items: list[dict[str, Any]] = [json.loads(item) for _, item in rows]
        self.sequences = Counter(item["sequence"] for item in items if "sequence" in item)

    def wrongs(self) -> list[str]:
        """What was lost, told twice or not told, in words."""
        found = []
        refused = sum(state == "refused" for state in self.seen.values())
        lost = [id_ for id_, state in self.seen.items() if id_ not in self.archived and state != "refused"]
        if self.waiting is None:
            found.append("what the toy remembers could not be read at the end")
        elif self.waiting:
            found.append(f"{self.waiting} conversations were still not acknowledged at the end")
        if refused:
            found.append(f"{refused} conversations were refused by the gateway")
        if lost:
            found.append(f"{len(lost)} conversations are not in the gateway's data, such as {lost[0]}")
        twice = [*(id_ for id_, often in self.archived.items() if often > 1)]
        twice += [f"number {place}" for place, often in self.sequences.items() if often > 1]
        if twice:
            found.append(f"{len(twice)} conversations are in the gateway's data twice, such as {twice[0]}")
        return found
