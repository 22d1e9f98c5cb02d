from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from pommai.errors import StoreError
from pommai.gateway.data_file import APPLICATION, VERSION, DataFile, used_bytes
from pommai.gateway.server_clock import ServerClock

FIRST = """
    CREATE TABLE items (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, device TEXT NOT NULL, id TEXT NOT NULL, toy TEXT NOT NULL,
        received TEXT NOT NULL, item TEXT NOT NULL, UNIQUE (device, kind, id)
    );
    INSERT INTO items VALUES (1, 'logs', 'desk-1', 'a', 'rex', '2026-01-01T00:00:00.000+00:00', '{"id":"a"}');
"""


def of_the_first_version(path: Path) -> None:
    database = sqlite3.connect(path)
    database.executescript(FIRST)
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute("PRAGMA user_version = 1")
    database.execute("PRAGMA journal_mode = WAL")
    database.commit()
    database.close()


def made_of(path: Path) -> list[tuple[str, str]]:
    database = sqlite3.connect(path)
    rows = database.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
    database.close()
    return rows


def test_a_file_of_the_first_version_is_brought_up_to_date_and_keeps_its_items(tmp_path: Path) -> None:
    of_the_first_version(tmp_path / "old.db")

    async def test() -> None:
        for _ in range(2):
            async with await DataFile.open(tmp_path / "old.db") as data, data.reading() as database:
                assert list(await database.execute_fetchall("SELECT id, toy FROM items")) == [("a", "rex")]
                assert list(await database.execute_fetchall("PRAGMA user_version")) == [(VERSION,)]
        async with await DataFile.open(tmp_path / "new.db"):
            pass

    asyncio.run(test())
    assert made_of(tmp_path / "old.db") == made_of(tmp_path / "new.db")


def test_several_that_open_an_old_file_at_once_bring_it_up_to_date_once(tmp_path: Path) -> None:
    of_the_first_version(tmp_path / "old.db")

    async def test() -> None:
        opened = await asyncio.gather(*(DataFile.open(tmp_path / "old.db") for _ in range(8)))
        for data in opened:
            await data.close()

    asyncio.run(test())


def test_a_full_disk_while_it_is_brought_up_to_date_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    of_the_first_version(file)
    before = made_of(file)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")  # as good as a full disk: the version cannot be written
    try:
        with pytest.raises(StoreError, match="database is locked"):
            asyncio.run(DataFile.open(file))
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert made_of(file) == before
    asyncio.run(_reopened(file))


async def _reopened(file: Path) -> None:
    async with await DataFile.open(file):
        pass


def test_a_transaction_that_fails_leaves_nothing_and_the_next_goes_well() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            with pytest.raises(StoreError, match="the memory cannot be used: no such table"):
                await _halfway(data)
            async with data.transaction() as database:
                await database.execute("INSERT INTO service_keys (hash) VALUES (x'01')")
            async with data.reading() as database:
                assert list(await database.execute_fetchall("SELECT hash FROM service_keys")) == [(b"\x01",)]

    asyncio.run(test())


async def _halfway(data: DataFile) -> None:
    async with data.transaction() as database:
        await database.execute("INSERT INTO service_keys (hash) VALUES (x'00')")
        await database.execute("INSERT INTO nowhere VALUES (1)")


def test_who_reads_does_not_wait_for_another_program_that_writes(tmp_path: Path) -> None:
    async def test() -> None:
        async with await DataFile.open(tmp_path / "toys.db") as data:
            other = sqlite3.connect(tmp_path / "toys.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO service_keys (hash) VALUES (x'00')")
            async with data.reading() as database:
                assert list(await database.execute_fetchall("SELECT count(*) FROM service_keys")) == [(0,)]
            other.execute("COMMIT")
            other.close()

    asyncio.run(test())


def test_the_time_a_file_has_seen_is_the_earliest_it_can_be_for_whoever_opens_it(tmp_path: Path) -> None:
    def clock_at(moment: int) -> ServerClock:
        return ServerClock(lambda: moment, lambda: 0)

    async def test() -> None:
        late = 1_900_000_000_000
        async with await DataFile.open(tmp_path / "toys.db", clock_at(late)) as data, data.transaction() as database:
            assert await data.keep_time(database) == late
        async with await DataFile.open(tmp_path / "toys.db", clock_at(0)) as data:
            assert data.clock.now() == late
            async with data.transaction() as database:
                await data.keep_time(database)
        async with await DataFile.open(tmp_path / "toys.db", clock_at(late + 5)) as data:
            assert data.clock.now() == late + 5

    asyncio.run(test())


def test_what_was_freed_does_not_count_as_used() -> None:
    async def test() -> None:
        async with await DataFile.open() as data, data.transaction() as database:
            empty = await used_bytes(database)
            await database.execute("INSERT INTO service_keys (hash) VALUES (zeroblob(1000000))")
            assert await used_bytes(database) > empty + 990_000
            await database.execute("DELETE FROM service_keys")
            assert await used_bytes(database) <= empty + 10_000

    asyncio.run(test())


def test_a_file_that_is_closed_says_so_and_closing_it_again_is_harmless() -> None:
    async def test() -> None:
        data = await DataFile.open()
        await data.close()
        await data.close()
        with pytest.raises(StoreError, match="the archive is closed"):
            async with data.reading():
                pass
        with pytest.raises(StoreError, match="the archive is closed"):
            async with data.transaction():
                pass

    asyncio.run(test())
