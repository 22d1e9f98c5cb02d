"""The gateway's SQLite file: what toys have sent, which devices are registered, their tokens and recordings.

Several gateways and `pommai devices` may use one file at the same time. A file of an older version is brought up to
date when it is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from pommai.errors import StoreError
from pommai.gateway.server_clock import ServerClock

if TYPE_CHECKING:
    from aiosqlite import Connection

BUSY_SECONDS = 1.0
"""How long to wait for another program that writes to the file."""

APPLICATION: Final = 0x506F6D61
"""Marks the file as ours: "Poma" (SQLite's application_id)."""

_VERSIONS: Final = (
    (
        """
        CREATE TABLE items (
            number   INTEGER PRIMARY KEY,  -- the order in which they came: clocks of toys order nothing
            kind     TEXT NOT NULL,
            device   TEXT NOT NULL,
            id       TEXT NOT NULL,        -- made by the toy
            toy      TEXT NOT NULL,
            received TEXT NOT NULL,        -- by this machine's clock: UTC, ISO 8601
            item     TEXT NOT NULL,        -- JSON, as it was sent
            UNIQUE (device, kind, id)
        )
        """,
    ),
    (
        "CREATE INDEX items_by_age ON items (kind, toy, received)",
        """
        CREATE TABLE devices (
            device     TEXT PRIMARY KEY,
            registered INTEGER NOT NULL,   -- this and all times below: milliseconds since 1970 by the server's clock
            seen       INTEGER,
            revoked    INTEGER
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE secrets (
            hash   BLOB PRIMARY KEY,       -- SHA-256, here and below: what it is of is never kept
            device TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
            made   INTEGER NOT NULL,
            used   INTEGER,                -- for the first time
            until  INTEGER                 -- set once there is a newer one
        ) WITHOUT ROWID
        """,
        "CREATE INDEX secrets_of_a_device ON secrets (device)",
        """
        CREATE TABLE tokens (
            number  INTEGER PRIMARY KEY AUTOINCREMENT,
            hash    BLOB NOT NULL UNIQUE,
            device  TEXT NOT NULL,         -- who may be gone: then it is told so, until the token ends
            purpose TEXT NOT NULL,         -- convex, websocket
            made    INTEGER NOT NULL,
            until   INTEGER NOT NULL
        )
        """,
        "CREATE INDEX tokens_of_a_device ON tokens (device, purpose)",
        """
        CREATE TABLE revocations (
            number INTEGER PRIMARY KEY AUTOINCREMENT,  -- gateways remember up to where they have read
            device TEXT NOT NULL,
            at     INTEGER NOT NULL
        )
        """,
        "CREATE TABLE service_keys (number INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL)",
        """
        CREATE TABLE uploads (
            id      TEXT PRIMARY KEY,      -- the storageId
            url     BLOB UNIQUE,           -- hash of the URL's token, until it is used
            device  TEXT NOT NULL,
            toy     TEXT NOT NULL,
            made    INTEGER NOT NULL,      -- when the URL was given, then when the bytes came
            type    TEXT,
            size    INTEGER NOT NULL DEFAULT 0,
            item    TEXT,                  -- id of the conversation that it belongs to
            bytes   BLOB
        )
        """,
        "CREATE INDEX uploads_by_age ON uploads (made)",
        "CREATE TABLE clock (latest INTEGER NOT NULL)",
        "INSERT INTO clock VALUES (0)",
    ),
    (
        """
        CREATE TABLE wanted (
            device   TEXT PRIMARY KEY,     -- *: all
            revision INTEGER NOT NULL,     -- the higher one was set later
            toy      TEXT NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE bundles (             -- update bundles that are kept for toys, in a folder beside this file
            sha256      TEXT PRIMARY KEY,  -- of the file
            size        INTEGER NOT NULL,
            version     INTEGER NOT NULL,
            device_type TEXT NOT NULL,
            fleet       TEXT NOT NULL,     -- empty: all
            software    INTEGER NOT NULL,
            everybody   INTEGER NOT NULL,  -- it is offered to all toys it is for
            made        INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE offered (
            sha256  TEXT NOT NULL REFERENCES bundles ON DELETE CASCADE,
            device  TEXT NOT NULL,
            told    INTEGER,               -- when it was told last
            times   INTEGER NOT NULL DEFAULT 0,
            outcome TEXT NOT NULL DEFAULT '',
            reason  TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (sha256, device)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE update_reports (
            device TEXT PRIMARY KEY,
            said   INTEGER NOT NULL,
            report TEXT NOT NULL           -- JSON, as it was sent
        ) WITHOUT ROWID
        """,
        "CREATE INDEX update_reports_by_age ON update_reports (said)",
    ),
    (
        # changed, like said: the number of the last change, which is a time where that can be; the higher one counts
        "ALTER TABLE bundles ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
        "UPDATE bundles SET changed = made",
        "ALTER TABLE bundles ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0",  # known so that nobody brings it back
        "ALTER TABLE offered ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
        """
        UPDATE offered SET changed =
        (SELECT max(made + 1, coalesce(told, 0)) FROM bundles WHERE bundles.sha256 = offered.sha256)
        """,
        # untold: the other gateways of a fleet have yet to hear of it
        "ALTER TABLE bundles ADD COLUMN untold INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE offered ADD COLUMN untold INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE update_reports ADD COLUMN untold INTEGER NOT NULL DEFAULT 1",
        "CREATE INDEX offered_untold ON offered (sha256) WHERE untold",
        "CREATE INDEX update_reports_untold ON update_reports (device) WHERE untold",
    ),
)
"""What makes each version of the tables out of the one before. Never changed once it is out: a new one is added."""
VERSION: Final = len(_VERSIONS)
"""Of the tables (SQLite's user_version)."""


class DataFile:
    """One connection to the file. Made by `DataFile.open`; closed by `close`, or by leaving it:

    async with await DataFile.open(Path("toys.db")) as data:
        async with data.transaction() as database:
            await database.execute(...)
    """

    def __init__(self, database: Connection, path: Path | None, clock: ServerClock, left_at: int) -> None:
        self._database: Connection | None = database
        self.path = path
        """None in memory."""
        self.name = _name(path)
        """For messages."""
        self.left_at = left_at
        """The latest time that it had seen when it was opened, in ms since 1970; 0: it is new."""
        self.clock = clock
        self._lock = asyncio.Lock()  # one connection is one transaction at a time

    @classmethod
    async def open(cls, path: Path | None = None, clock: ServerClock | None = None) -> Self:
        """Open the file, which is made when it is not there and can be read by its owner alone; None: memory.

        Raises StoreError when the file cannot be written, or is something else.
        """
        import aiosqlite

        name = _name(path)
        with _as_store_error(f"{name} cannot be opened"):
            if path is not None:
                await asyncio.to_thread(path.touch, 0o600)
            connecting = aiosqlite.connect(path or ":memory:", isolation_level=None, timeout=BUSY_SECONDS)
            try:
                database = await connecting
            except BaseException:
                # Its thread would find the loop closed, and die with a traceback.
                thread: Any = getattr(connecting, "_thread", connecting)  # older versions were threads themselves
                await asyncio.to_thread(thread.join)
                raise
            try:
                await _prepare(database, name)
                ((latest,),) = await database.execute_fetchall("SELECT latest FROM clock")
            except BaseException:
                await database.close()
                raise
        clock = clock or ServerClock()
        clock.at_least(latest)
        return cls(database, path, clock, latest)

    async def close(self) -> None:
        """Let go of the file. Harmless when called again."""
        async with self._lock:
            database, self._database = self._database, None
            if database is not None:
                await database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """For one SELECT: waits for no other program that writes. Raises StoreError."""
        async with self._lock:
            database = self._opened()
            with _as_store_error(f"{self.name} cannot be used"):
                yield database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing, committed at the end, on the disk when it is left. Raises StoreError."""
        async with self._lock:
            database = self._opened()
            with _as_store_error(f"{self.name} cannot be used"):
                try:
                    await database.execute("BEGIN IMMEDIATE")
                    yield database
                    await database.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # none is open: it did not even begin, or it was committed
                        await database.execute("ROLLBACK")
                    raise

    async def check(self) -> None:
        """Write something, to the disk. Raises StoreError when nothing can be kept now."""
        async with self.transaction() as database:
            await database.execute(f"PRAGMA user_version = {VERSION}")

    async def keep_time(self, database: Connection) -> int:
        """The time, noted in the file within a transaction: no gateway of this file will think it is earlier."""
        now = self.clock.now()
        await database.execute("UPDATE clock SET latest = max(latest, ?)", (now,))
        return now

    def _opened(self) -> Connection:
        if self._database is None:
            raise StoreError("the archive is closed")
        return self._database


async def used_bytes(database: Connection) -> int:
    """What the tables take; pages that were freed count as free, for they are used again."""
    ((pages,),) = await database.execute_fetchall("PRAGMA page_count")
    ((free,),) = await database.execute_fetchall("PRAGMA freelist_count")
    ((size,),) = await database.execute_fetchall("PRAGMA page_size")
    return int((pages - free) * size)


def _name(path: Path | None) -> str:
    return "the memory" if path is None else str(path)


async def _prepare(database: Connection, name: str) -> None:
    """Make the tables in an empty file; see that it is ours, and bring it up to date, in any other."""
    await _look(database, name)
    await database.execute("PRAGMA journal_mode = WAL")
    await database.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut, too
    await database.execute("PRAGMA foreign_keys = ON")
    await database.execute("PRAGMA secure_delete = ON")  # what children have said does not linger in free pages
    await database.execute("BEGIN IMMEDIATE")
    version = await _look(database, name)  # once more: another gateway may have come first
    for statements in _VERSIONS[version:]:
        for statement in statements:
            await database.execute(statement)
    if version < VERSION:
        await database.execute(f"PRAGMA application_id = {APPLICATION}")
        await database.execute(f"PRAGMA user_version = {VERSION}")
    await database.execute("COMMIT")


async def _look(database: Connection, name: str) -> int:
    """The version of the tables, 0 when there are none. Raises StoreError when they are not ours, or too new."""
    ((application,),) = await database.execute_fetchall("PRAGMA application_id")
    ((version,),) = await database.execute_fetchall("PRAGMA user_version")
    ((tables,),) = await database.execute_fetchall("SELECT count(*) FROM sqlite_master")
    if not tables:
        return 0
    if application != APPLICATION:
        raise StoreError(f"{name} is a database of another program; give the archive a file of its own")
    if not 1 <= version <= VERSION:
        raise StoreError(f"{name} was written by another version of Pommai ({version}; this one writes {VERSION})")
    return int(version)


@contextlib.contextmanager
def _as_store_error(words: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as caught:
        raise StoreError(f"{words}: {caught}") from caught
    except OSError as caught:
        raise StoreError(f"{words}: {caught.strerror or caught}") from caught
