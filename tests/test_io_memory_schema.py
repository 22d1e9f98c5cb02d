"""The tables of a memory file, and how an earlier file becomes one of this version."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pommai.io.memory_schema import MIGRATIONS, VERSION, ForeignFileError, check_ours, migrate, set_up


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "memory.db", isolation_level=None)) as connection:
        set_up(connection)
        yield connection


def value(database: sqlite3.Connection, statement: str) -> object:
    (found,) = database.execute(statement).fetchone()
    return found


def test_an_empty_file_becomes_one_of_this_version_once(database: sqlite3.Connection) -> None:
    assert migrate(database) == 0
    assert migrate(database) == VERSION
    assert check_ours(database) == VERSION


def test_every_connection_overwrites_what_it_deletes_and_writes_ahead(database: sqlite3.Connection) -> None:
    assert value(database, "PRAGMA secure_delete") == 1
    assert value(database, "PRAGMA journal_mode") == "wal"
    assert value(database, "PRAGMA synchronous") == 1
    assert value(database, "PRAGMA foreign_keys") == 1


def test_an_earlier_file_keeps_what_it_holds(database: sqlite3.Connection) -> None:
    migrate(database)
    database.execute("INSERT INTO facts VALUES ('safe_mode', 'on')")
    later = (*MIGRATIONS, ("ALTER TABLE facts ADD COLUMN since TEXT", "UPDATE facts SET since = 'ever'"))
    assert migrate(database, later) == VERSION
    assert database.execute("SELECT * FROM facts").fetchall() == [("safe_mode", "on", "ever")]
    with pytest.raises(ForeignFileError, match=f"schema {VERSION + 1}, this one: {VERSION}"):
        check_ours(database)


def test_a_migration_that_fails_changes_nothing(database: sqlite3.Connection) -> None:
    migrate(database)
    broken = (*MIGRATIONS, ("CREATE TABLE more (x)", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(database, broken)
    assert check_ours(database) == VERSION
    assert value(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'") == 0


def test_a_database_of_another_program_is_refused(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE mine (x)")
    with pytest.raises(ForeignFileError, match="another program"):
        migrate(database)
