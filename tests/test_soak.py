"""A toy that has been played with for a day has no more than one that was played with for an hour.

In `make test` a day of virtual time; in a campaign, weeks. Memory is counted in objects, not in pages of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sqlite3
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import campaign
from memory_material import DAY, Machine, incident, said, sync
from soak_material import live

from pommai.actions.body import Turn
from pommai.io.memory_items import KEPT_CONVERSATIONS
from pommai.qa.soak_days import grown, growth

DAYS = 21 if campaign.EXAMPLES else 1
WARM_HOURS = 4.0
"""By then whatever is remembered for reuse has been used once, and the hundred conversations have been held."""


def test_a_day_of_play_leaves_nothing_behind() -> None:
    first, *later = live([WARM_HOURS, 14.0, *(24.0 * day for day in range(1, DAYS + 1))])
    for look in later:
        assert growth(first, look) == []
        assert look.timers <= 5
        assert look.queued == 0
        assert look.conversations == KEPT_CONVERSATIONS
        assert look.unsent <= 50
        assert look.oldest_days <= 2.0, "kept for a day, and looked through once a day"


def test_a_toy_that_keeps_its_turns_is_found_out(monkeypatch) -> None:
    """That the test above would notice: of a turn is kept its number alone."""
    kept: list[list[int]] = []

    def keep(**named) -> Turn:
        turn = Turn(**named)
        kept.append([turn.id])
        return turn

    first, later = live([0.5, 2.0], lambda toy: monkeypatch.setattr("pommai.actions.body.Turn", keep))
    assert len(kept) > 100
    assert any("more list in the process" in words for words in growth(first, later))
    assert not any("in the toy" in words for words in growth(first, later))


# -- memory on a disk ----------------------------------------------------------------------

CONVERSATIONS_A_DAY = 1200
METRICS_A_DAY = 1200
INCIDENTS_A_DAY = 360
"""What the day above comes to."""


def rows(path: Path) -> dict[str, int]:
    """Rows of each table."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


class Disk(NamedTuple):
    """What there is at the end of a day."""

    rows: dict[str, int]
    bytes: int
    objects: Counter[str]
    files: int
    threads: int


class Ahead(asyncio.SelectorEventLoop):
    """A loop whose days are over as soon as somebody says so; between them it runs in real time, as threads do."""

    seconds = 0.0

    def time(self) -> float:
        return super().time() + self.seconds


async def keep_for_days(path: Path, days: int) -> list[Disk]:
    """A server takes everything, and a guardian wants nothing kept for longer than a day."""
    loop, machine = asyncio.get_running_loop(), Machine()
    assert isinstance(loop, Ahead)
    ends: list[Disk] = []
    async with machine.memory(path) as memory:
        memory.retain({"conversations": 1, "safety_events": 1, "metrics": 1})
        for hour in range(24 * days):
            for number in range(CONVERSATIONS_A_DAY // 24):
                memory.keep_conversation(said(f"c{hour}.{number}", f"what is {number}", f"it is {hour}"))
                memory.keep_metric("answer_s", number / 10)
            for number in range(INCIDENTS_A_DAY // 24):
                memory.keep_safety_event(incident(f"s{hour}.{number}"))
            memory.keep_fact("volume", str(hour))
            for safety in (True, False):
                while await sync(memory, safety=safety):
                    pass
            machine.seconds += DAY / 24
            loop.seconds = machine.seconds
            if (hour + 1) % 24 == 0:
                await memory.flush()
                ends.append(look(path))
    return ends


def look(path: Path) -> Disk:
    gc.collect()
    return Disk(
        rows(path),
        sum(file.stat().st_size for file in path.parent.iterdir()),
        Counter(type(each).__qualname__ for each in gc.get_objects()),
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
    )


def test_days_of_keeping_leave_on_the_disk_what_is_to_be_kept(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=Ahead) as runner:
        _, _, warm, *later = runner.run(keep_for_days(tmp_path / "memory.db", max(5, DAYS)))
    for end in later:
        assert end.rows["items"] <= KEPT_CONVERSATIONS + 2 * INCIDENTS_A_DAY
        assert end.rows["asks"] <= 2 * CONVERSATIONS_A_DAY
        assert end.rows["answers"] <= CONVERSATIONS_A_DAY // 24
        assert end.bytes <= 1.1 * warm.bytes
        assert grown(warm.objects, end.objects) == {}
        assert (end.files, end.threads) == (warm.files, warm.threads)
