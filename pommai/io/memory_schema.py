"""The tables of a memory file, and how a file of an earlier version becomes one of this version.

An item is one row, whether it waits for the server, has been taken or is kept for the guardian: nothing has to agree
with a copy of itself, and what is erased is erased once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x506F6D6D
"""'Pomm': tells our files from other SQLite databases."""

WAITING, SENT, REFUSED = 0, 1, 2
"""States of an item: the server is to get it, has it, does not want it."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # `sequence` orders; AUTOINCREMENT never uses a number twice, not even one whose row is gone.
        # wall: milliseconds since 1970; source: see memory_items.TimeSource; uptime: seconds, within a boot.
        """CREATE TABLE items (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            priority INTEGER NOT NULL,
            state INTEGER NOT NULL DEFAULT 0,
            reason TEXT,
            body TEXT NOT NULL,
            wall INTEGER NOT NULL, source INTEGER NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL
        )""",
        "CREATE INDEX items_waiting ON items (priority, sequence) WHERE state = 0",
        "CREATE INDEX items_by_kind ON items (kind, sequence)",
        "CREATE INDEX items_untimed ON items (boot) WHERE source = 0",
        """CREATE TABLE asks (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            question TEXT NOT NULL,
            wall INTEGER NOT NULL, source INTEGER NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL
        )""",
        "CREATE INDEX asks_by_question ON asks (question, wall)",
        "CREATE TABLE answers (question TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE toys (
            seen INTEGER PRIMARY KEY AUTOINCREMENT,
            toy_id TEXT NOT NULL UNIQUE,
            body TEXT NOT NULL,
            wall INTEGER NOT NULL, source INTEGER NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL
        )""",
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE retention (kind TEXT PRIMARY KEY, days INTEGER NOT NULL) WITHOUT ROWID",
    ),
    # A word that opens with the right key alone. From here on, texts may be closed (bytes, see seal.py).
    ("CREATE TABLE seal (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",),
    # What left the toy. `items`: ids, as a JSON list.
    (
        """CREATE TABLE sent (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL, receiver TEXT NOT NULL, bytes INTEGER NOT NULL, items TEXT NOT NULL,
            wall INTEGER NOT NULL, source INTEGER NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL
        )""",
    ),
)
"""Statements that make version n of version n - 1, the first from an empty file. Only ever added to."""

VERSION = len(MIGRATIONS)

PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    # What is deleted is overwritten with zeros, not just forgotten.
    "PRAGMA secure_delete = ON",
    # The log stays below 1 MB: a card may be small, and nearly full.
    "PRAGMA wal_autocheckpoint = 250",
    "PRAGMA journal_size_limit = 1048576",
    # 1 MB in place of 2: a toy has little memory, and its rows are small.
    "PRAGMA cache_size = -1024",
)
"""For every connection."""


class ForeignFileError(Exception):
    """The file is none of ours, or a later version has written it: it is to be left alone."""


def set_up(connection: sqlite3.Connection) -> None:
    """Set a connection up as every one is."""
    for pragma in PRAGMAS:
        connection.execute(pragma).close()


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Bring a file to this version, each step in a transaction of its own; gives the version it had.

    `connection` is in autocommit mode (`isolation_level=None`). Raises ForeignFileError, before anything is written,
    and sqlite3.Error.
    """
    before = check_ours(connection, len(migrations))
    for number in range(before, len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return before


def check_ours(connection: sqlite3.Connection, version: int = VERSION) -> int:
    """The version of a file, 0 when it is empty. Raises ForeignFileError and sqlite3.Error."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables == 0 and found == 0:
        return 0
    if application != APPLICATION_ID:
        raise ForeignFileError("it is a database of another program")
    if found > version:
        raise ForeignFileError(f"a later version of this software has written it (schema {found}, this one: {version})")
    return int(found)
