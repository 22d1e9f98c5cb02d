"""What the archive forgets, and what it does when it is full."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pommai.errors import StoreError
from pommai.gateway import archive as module
from pommai.gateway.archive import Archive, Count
from pommai.gateway.data_file import DataFile
from pommai.gateway.server_clock import DAY, ServerClock
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Kind
from pommai.protocol import messages as m

LARGE = "x" * 10_000


class Wall:
    """A wall clock to set; the monotonic one stands still."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.now, lambda: 0)


def batch(number: int, *kinds: Kind) -> m.SyncBatch:
    """One large item of each kind."""
    items: dict[Kind, dict[str, Any]] = {
        SAFETY: {"reason": "asked for help"},
        CONVERSATIONS: {"toy_id": "rex", "user_input": "hi", "toy_response": "ho"},
        METRICS: {"name": "wake.hits", "value": 1},
        LOGS: {},
    }
    lists = {kind: ({"id": f"{kind}-{number}", "x": LARGE, **items[kind]},) for kind in kinds}
    return m.SyncBatch("b", **lists)


def test_each_kind_of_each_toy_is_kept_as_long_as_its_guardian_says_and_not_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ERASED_AT_ONCE", 2)
    days = {("rex", METRICS): 1, ("rex", LOGS): 0, ("bear", METRICS): 3}

    async def test() -> None:
        wall = Wall()
        archive = Archive(await DataFile.open(clock=wall.clock()))
        async with archive:
            for number in range(5):
                for toy in ("rex", "bear"):
                    await archive.take(f"of-{toy}", toy, batch(number, METRICS, LOGS))
            wall.now += DAY
            await archive.take("of-rex", "rex", batch(7, METRICS))
            assert await archive.forget(lambda toy, kind: days.get((toy, kind), 30)) == 5
            assert await archive.counts() == (
                Count("of-bear", LOGS, 5),
                Count("of-bear", METRICS, 5),
                Count("of-rex", METRICS, 6),
            )
            wall.now += 1
            assert await archive.forget(lambda toy, kind: days.get((toy, kind), 30)) == 5
            wall.now += 28 * DAY
            assert await archive.forget(lambda toy, kind: days.get((toy, kind), 30)) == 6
            assert await archive.counts() == (Count("of-bear", LOGS, 5),)

    asyncio.run(test())


def test_a_clock_that_is_set_back_makes_nothing_older_or_kept_for_ever() -> None:
    async def test() -> None:
        wall = Wall()
        archive = Archive(await DataFile.open(clock=wall.clock()))
        async with archive:
            await archive.take("of-rex", "rex", batch(1, METRICS))
            wall.now = 0
            await archive.take("of-rex", "rex", batch(2, METRICS))
            assert await archive.forget(lambda toy, kind: 1) == 0
            wall.now = 1_800_000_000_000 + DAY + 1
            assert await archive.forget(lambda toy, kind: 1) == 2

    asyncio.run(test())


async def filled(archive: Archive, *kinds: Kind) -> list[str]:
    """Ids of what was acknowledged until the archive took none of this any more."""
    accepted: list[str] = []
    for number in range(1000):
        try:
            accepted += (await archive.take("of-rex", "rex", batch(number, *kinds))).accepted
        except StoreError as caught:
            full = "is full: 0 MiB of 0; shorten retention_days" in str(caught)
            return accepted if full else [str(caught)]
    raise AssertionError("it is never full")


def test_a_full_archive_has_room_for_what_matters_most_and_throws_nothing_out(tmp_path: Path) -> None:
    async def test() -> None:
        archive = Archive(await DataFile.open(tmp_path / "toys.db"), most_bytes=1_000_000)
        async with archive:
            accepted = await filled(archive, LOGS)
            assert await filled(archive, METRICS) == []
            accepted += await filled(archive, CONVERSATIONS)
            accepted += await filled(archive, SAFETY)
            kept = [item.id for kind in (LOGS, CONVERSATIONS, SAFETY) for item in await archive.items(kind)]
            assert sorted(kept) == sorted(accepted)
            counts = {count.kind: count.number for count in await archive.counts()}
            assert counts[LOGS] > 50
            assert counts[CONVERSATIONS] > 5
            assert counts[SAFETY] > 5
        archive = Archive(await DataFile.open(tmp_path / "toys.db"), most_bytes=1_000_000)
        async with archive:
            archive.data.clock.at_least(archive.data.clock.now() + 1000)
            assert await archive.forget(lambda toy, kind: 0 if kind == LOGS else 30) == counts[LOGS]
            assert (await archive.take("of-rex", "rex", batch(1, METRICS))).accepted == ("metrics-1",)

    asyncio.run(test())


def test_of_a_batch_that_fits_in_part_only_that_part_is_acknowledged_and_none_is_rejected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        archive = Archive(await DataFile.open(), most_bytes=500_000)
        async with archive:
            await filled(archive, LOGS)
            ack = await archive.take("of-rex", "rex", batch(5000, SAFETY, LOGS))
            assert ack == m.SyncAck("b", (f"{SAFETY}-5000",), ())
            again = await archive.take("of-rex", "rex", batch(0, LOGS))
            assert again.accepted == ("logs-0",), "what is known needs no room"

    asyncio.run(test())
    assert "archive nearly full" in caplog.text
