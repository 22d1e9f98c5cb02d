"""Who toys are to be is known after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fleet_material import Desk
from gateway_material import PERSONAS, run

from pommai.errors import StoreError
from pommai.gateway.data_file import DataFile
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.notes import FileNotes
from pommai.gateway.fleet.wanted import ALL, Entry


async def joined(data: DataFile, name: str = "one") -> Desk:
    desk = Desk(PERSONAS, EmbeddedFleet(name, FileNotes(data)))
    await desk.fleet.join(desk)
    return desk


def test_what_was_set_for_all_for_one_and_by_a_child_counts_after_a_restart(tmp_path: Path) -> None:
    async def test() -> None:
        async with await DataFile.open(tmp_path / "toys.db") as data:
            desk = await joined(data)
            await desk.active.set("pommai-bear", "overruled")
            await desk.active.set("robo-rex")
            await desk.active.set("pommai-bear", "a")
            desk.comes("b", "robo-rex", "s1")
            desk.active.chose("b", "pommai-bear")
            await desk.fleet.leave()
        async with await DataFile.open(tmp_path / "toys.db") as data:
            again = await joined(data)
            for device_id in ("a", "b", "c"):
                again.comes(device_id, "pommai-bear", f"t-{device_id}")
            assert again.toys == {"a": [], "b": [], "c": ["robo-rex"]}
            assert {where for where, _ in again.fleet.wanted} == {ALL, "a", "b"}
            await again.fleet.leave()

    run(test())


def test_it_is_on_the_disk_before_the_gateway_ends(tmp_path: Path) -> None:
    async def test() -> None:
        async with await DataFile.open(tmp_path / "toys.db") as data:
            desk = await joined(data)
            await desk.active.set("robo-rex")
            while not await FileNotes(data).read():  # as after kill -9
                await asyncio.sleep(0.01)
            await desk.fleet.leave()

    run(test())


def test_of_two_gateways_that_write_one_file_the_later_word_stays(tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            await DataFile.open(tmp_path / "toys.db") as one,
            await DataFile.open(tmp_path / "toys.db") as two,
        ):
            await FileNotes(one).write({"a": Entry(5, "robo-rex"), "b": Entry(1, "robo-rex")})
            await FileNotes(two).write({"a": Entry(4, "pommai-bear"), ALL: Entry(2, "robo-rex")})
            expected = {"a": Entry(5, "robo-rex"), ALL: Entry(2, "robo-rex")}
            assert await FileNotes(one).read() == expected

    run(test())


def test_nonsense_in_the_file_is_no_news(tmp_path: Path) -> None:
    async def test() -> None:
        async with await DataFile.open(tmp_path / "toys.db") as data:
            async with data.transaction() as database:
                rows = [("a", 1, "../etc"), ("b c", 2, "robo-rex"), ("d", -3, "robo-rex"), ("e", 4, "robo-rex")]
                await database.executemany("INSERT INTO wanted (device, revision, toy) VALUES (?, ?, ?)", rows)
            assert await FileNotes(data).read() == {"e": Entry(4, "robo-rex")}

    run(test())


def test_a_disk_that_takes_nothing_keeps_nobody_from_becoming_another() -> None:
    class Full:
        tries = 0

        async def read(self) -> dict[str, Entry]:
            raise StoreError("disk I/O error")

        async def write(self, changes: dict[str, Entry]) -> None:
            self.tries += 1
            raise StoreError("database or disk is full")

    async def test() -> None:
        full = Full()
        desk = Desk(PERSONAS, EmbeddedFleet("one", full))
        await desk.fleet.join(desk)
        desk.comes("a", "pommai-bear", "s1")
        assert await desk.active.set("robo-rex") == 1
        while not full.tries:
            await asyncio.sleep(0)
        await desk.fleet.leave()
        assert full.tries == 2

    run(test())
