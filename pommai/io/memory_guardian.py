"""What a guardian may see, take away and erase of a toy's memory, whether the toy runs or not.

Everything here blocks: it is for a command, not for the toy.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pommai.errors import SecretError, StoreError
from pommai.io import memory_files as files
from pommai.io.clock import to_text
from pommai.io.memory_items import DEFAULT_DAYS, TRUSTED, WORKED_OUT
from pommai.io.memory_lock import ANSWER, FACT, ITEM, PROBE, QUESTION, REASON, TOY
from pommai.io.memory_schema import SENT, VERSION, WAITING, ForeignFileError, check_ours, migrate, set_up
from pommai.io.ports import CONVERSATIONS, METRICS, SAFETY
from pommai.io.seal import KeySeal, NoSeal, Seal, SealBrokenError
from pommai.io.seal_key import key_file_of, read_key_file

CONTENTS = ("conversations", "safety", "metrics", "toys")
"""What can be shown and erased by itself."""
EVERYTHING = "everything"

_KINDS = {"conversations": CONVERSATIONS, "safety": SAFETY, "metrics": METRICS}
_STATES = {WAITING: "waiting", SENT: "sent"}
_ERASE = {
    "conversations": (f"DELETE FROM items WHERE kind = '{CONVERSATIONS}'", "DELETE FROM asks", "DELETE FROM answers"),
    "safety": (f"DELETE FROM items WHERE kind = '{SAFETY}'",),
    "metrics": (f"DELETE FROM items WHERE kind = '{METRICS}'",),
    "toys": ("DELETE FROM toys",),
}
# How long things are kept is the guardian's own word, and stays.
_ERASE_EVERYTHING = tuple(f"DELETE FROM {table}" for table in ("items", "asks", "answers", "toys", "facts", "sent"))


@dataclass(slots=True)
class Erased:
    """What became of an erasure."""

    rows: int = 0
    """That were deleted, in the memory and in its copy."""
    files: list[Path] = field(default_factory=list)
    """That were deleted as a whole."""
    searched: int = 0
    """Erased things that every byte of every file was searched for afterwards, by what nothing else holds."""
    left: list[str] = field(default_factory=list)
    """Why something may still be there: sentences."""


def find(path: Path) -> Path:
    """The file that is in use for a memory at `path`: a later version's file is left alone, with one beside it.

    Raises StoreError when there is none.
    """
    for candidate in (files.beside(path), path):
        if candidate.is_file():
            return candidate
    raise StoreError(f"there is no memory at {path}: no toy with these settings has run yet, or it was removed")


def read(path: Path, seal: Seal | None = None) -> dict[str, Any]:
    """Everything that is remembered, as JSON. `seal`: where the key is not in the file beside. Raises StoreError."""
    with _opened(path) as database:
        seal = seal or _seal_beside(path)
        _try_key(database, seal, path)
        rows = database.execute("SELECT * FROM items ORDER BY sequence").fetchall()
        toys = database.execute("SELECT * FROM toys ORDER BY seen").fetchall()
        asks = database.execute(
            "SELECT question, count(*) AS asked, answer FROM asks LEFT JOIN answers USING (question)"
            " GROUP BY question ORDER BY asked DESC, question"
        ).fetchall()
        facts = database.execute("SELECT name, value FROM facts ORDER BY name").fetchall()
        sent = database.execute("SELECT * FROM sent ORDER BY sequence").fetchall()
        days = {**DEFAULT_DAYS, **dict(database.execute("SELECT kind, days FROM retention").fetchall())}
    return {
        "file": str(path),
        "schema": VERSION,
        "retention_days": days,
        **{name: [_item(row, seal) for row in rows if row["kind"] == kind] for name, kind in _KINDS.items()},
        "toys": [{"kept": _time(row), **_json(_text(seal, row["body"], TOY, row["toy_id"]))} for row in toys],
        "questions": [_question(row, seal) for row in asks],
        "facts": {name: _text(seal, value, FACT, name) for name, value in facts},
        "sent": [
            {
                "kept": _time(row),
                "kind": row["kind"],
                "to": row["receiver"],
                "bytes": row["bytes"],
                "items": json.loads(row["items"]),
            }
            for row in sent
        ],
        "moved_aside": [str(file) for file in files.damaged_files(path)],
    }


def erase(path: Path, what: str, copy: Path | None) -> Erased:
    """Erase one of CONTENTS or EVERYTHING, here and in the copy, and look for it in every file afterwards.

    Files that were moved aside as damaged go as a whole: nobody can tell what they hold. Raises StoreError.
    """
    done = Erased()
    statements = _ERASE_EVERYTHING if what == EVERYTHING else _ERASE[what]
    for file in dict.fromkeys(found for found in (path, copy) if found is not None and found.is_file()):
        try:
            with _opened(file) as database:
                _erase(database, file, what, statements, done)
        except StoreError:
            if what != EVERYTHING or not _is_free(path):
                raise
            files.remove(file)  # damaged, and nobody uses it
            done.files.append(file)
    leftovers = [*files.damaged_files(path), *([files.part_of(copy)] if copy is not None else [])]
    for file in leftovers:
        if file.exists():
            files.remove(file)
            done.files.append(file)
    return done


def _erase(database: sqlite3.Connection, file: Path, what: str, statements: tuple[str, ...], done: Erased) -> None:
    marks = _marks(database, what)
    try:
        database.execute("BEGIN IMMEDIATE")
        for statement in statements:
            done.rows += database.execute(statement).rowcount
        database.execute("COMMIT")
    except sqlite3.Error as caught:
        raise StoreError(f"{file} cannot be changed: {caught}; nothing was erased there") from caught
    # Deleted rows are zeros now (secure_delete). What may be left is in the log, and in pages that were given up.
    with contextlib.suppress(sqlite3.Error):  # VACUUM wants as much room again, and there may be none
        database.execute("VACUUM")
    (busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        done.left.append(f"the log of {file} is being read and could not be emptied; erase again in a moment")
    done.searched += len(marks)
    found = sum(mark in data for data in _bytes(file) for mark in marks)
    if found:
        done.left.append(f"{found} of {len(marks)} erased things were still found in the files of {file}")


def _marks(database: sqlite3.Connection, what: str) -> list[bytes]:
    """Texts that are nowhere else but in what is to be erased, long enough not to be found by chance: ids of items, the
    beginnings of toys' configurations.
    """
    kinds = [kind for name, kind in _KINDS.items() if what in (name, EVERYTHING)]
    marks = ", ".join(f"'{kind}'" for kind in kinds)
    rows = database.execute(f"SELECT id FROM items WHERE kind IN ({marks}) AND length(id) >= 12 LIMIT 500").fetchall()
    if what in ("toys", EVERYTHING):
        rows += database.execute("SELECT substr(body, 1, 60) FROM toys").fetchall()
    return [row[0] if isinstance(row[0], bytes) else str(row[0]).encode() for row in rows]


def _bytes(file: Path) -> Iterator[bytes]:
    for part in (file, *files.sides(file)):
        with contextlib.suppress(FileNotFoundError):
            yield part.read_bytes()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a memory, of this version or made so. Raises StoreError."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            check_ours(database)
            set_up(database)
            migrate(database)
            database.row_factory = sqlite3.Row
            yield database
    except ForeignFileError as caught:
        raise StoreError(f"{path} is left alone: {caught}") from caught
    except sqlite3.Error as caught:
        hint = "; the toy moves it aside when it starts" if files.is_corrupt(caught) else ""
        raise StoreError(f"{path} cannot be read: {caught}{hint}") from caught


def _is_free(path: Path) -> bool:
    """Whether no toy has it open."""
    try:
        handle = files.lock(path)
    except OSError:
        return False
    if handle is not None:
        files.unlock(handle)
    return handle is not None


def _seal_beside(path: Path) -> Seal:
    try:
        key = read_key_file(key_file_of(path))
    except SecretError as caught:
        raise StoreError(str(caught)) from None
    return NoSeal() if key is None else KeySeal(key)


def _try_key(database: sqlite3.Connection, seal: Seal, path: Path) -> None:
    """Raises StoreError when a memory is closed and this is not its key."""
    for (value,) in database.execute("SELECT value FROM seal WHERE name = ?", (PROBE,)):
        try:
            seal.open(value, PROBE)
        except SealBrokenError:
            raise StoreError(
                f"{path} is closed, and its key is not at hand ({key_file_of(path)}, or what memory_key names); "
                "`pommai data reset` forgets it for good"
            ) from None


def _text(seal: Seal, value: str | bytes, label: str, name: object) -> str:
    try:
        return seal.open(value, label.format(name))
    except SealBrokenError:
        return "(cannot be opened)"


def _question(row: sqlite3.Row, seal: Seal) -> dict[str, Any]:
    question = _text(seal, row["question"], QUESTION, "")
    answer = None if row["answer"] is None else _text(seal, row["answer"], ANSWER, question)
    return {"question": question, "asked": row["asked"], "answer": answer}


def _item(row: sqlite3.Row, seal: Seal) -> dict[str, Any]:
    item = {
        **_json(_text(seal, row["body"], ITEM, row["id"])),
        "id": row["id"],
        "sequence": row["sequence"],
        "kept": _time(row),
    }
    item["state"] = _STATES.get(row["state"], "refused")
    if row["reason"] is not None:
        item["reason_refused"] = _text(seal, row["reason"], REASON, row["id"])
    return item


def _time(row: sqlite3.Row) -> dict[str, Any]:
    return {"time": to_text(row["wall"]), "trusted": row["source"] in (TRUSTED, WORKED_OUT)}


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    return value if isinstance(value, dict) else {"unreadable": text}
