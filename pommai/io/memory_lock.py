"""Puts a memory under its seal: finds out whether the key fits, and closes what was written in the clear before."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

import aiosqlite

from pommai.io.seal import NoSeal, Seal, SealBrokenError

PROBE: Final = "probe"
_WORD: Final = "pommai"

ITEM, REASON, QUESTION, ANSWER = "items/{}", "reason/{}", "question", "answer/{}"
TOY, FACT = "toys/{}", "facts/{}"
"""Labels: what a value is closed for, with the key of its row."""

_CLEAR: Final = (
    # table, its key, what is closed, the label, whether the same text is to give the same value
    ("items", "id", "body", ITEM, False),
    ("items", "id", "reason", REASON, False),
    ("asks", "sequence", "question", QUESTION, True),
    ("answers", "question", "answer", ANSWER, False),
    ("answers", "question", "question", QUESTION, True),
    ("toys", "toy_id", "body", TOY, False),
    ("facts", "name", "value", FACT, False),
)
_ROWS: Final = 500


async def put_under_seal(database: aiosqlite.Connection, seal: Seal) -> bool:
    """Make sure that all of a memory is closed with this seal; whether something was in the clear before.

    Raises SealBrokenError when it is closed with another, and sqlite3.Error.
    """
    rows = list(await database.execute_fetchall("SELECT value FROM seal WHERE name = ?", (PROBE,)))
    if rows:
        if seal.open(rows[0][0], PROBE) != _WORD:
            raise SealBrokenError("the key does not fit")
        return False
    if isinstance(seal, NoSeal):
        return False
    found = False
    await (await database.execute("BEGIN IMMEDIATE")).close()
    try:
        for table, key, column, label, alike in _CLEAR:
            found |= await _close_column(database, seal, table, key, column, label, alike)
        await (await database.execute("INSERT INTO seal VALUES (?, ?)", (PROBE, seal.close(_WORD, PROBE)))).close()
        await (await database.execute("COMMIT")).close()
    except BaseException:
        await (await database.execute("ROLLBACK")).close()
        raise
    if found:  # what stood there is zeros now; its pages, and the log, may hold more
        with contextlib.suppress(sqlite3.Error):  # it wants as much room again, and there may be none
            await (await database.execute("VACUUM")).close()
        await (await database.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()
    return found


async def _close_column(
    database: aiosqlite.Connection, seal: Seal, table: str, key: str, column: str, label: str, alike: bool
) -> bool:
    where = f"SELECT {key}, {column} FROM {table} WHERE typeof({column}) = 'text' LIMIT {_ROWS}"
    found = False
    while rows := list(await database.execute_fetchall(where)):
        found = True
        for name, text in rows:
            closed = (seal.close_alike if alike else seal.close)(text, label.format(name))
            statement = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
            await (await database.execute(statement, (closed, name))).close()
    return found
