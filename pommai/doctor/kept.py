"""What the toy remembers, looked at without touching it: nothing is written, locked or brought to another version."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pommai.doctor.finding import Finding, blocking, broken, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.errors import SecretError
from pommai.io import memory_files as files
from pommai.io.memory_items import TRUSTED, WORKED_OUT
from pommai.io.memory_lock import PROBE
from pommai.io.memory_schema import SENT, WAITING, ForeignFileError, check_ours
from pommai.io.seal import NoSeal, Seal, SealBrokenError
from pommai.io.seal_key import find_seal, key_file_of

LONG_WAITING_DAYS: Final = 3.0
"""A toy that could not tell its server anything for so long; not one that was left on a shelf."""
_DAY_MS: Final = 86_400_000


class NothingKeptError(Exception):
    """There is no memory yet. The message is a sentence."""


class UnseenError(Exception):
    """This user may not look. The message is a sentence."""


def find(surroundings: Surroundings) -> Path:
    """The file in use, or its copy where a toy on a read-only root is switched off.

    Raises NothingKeptError and UnseenError.
    """
    settings = surroundings.settings
    candidates = [files.beside(settings.memory), settings.memory]
    if settings.memory_copy is not None:
        candidates.append(settings.memory_copy)
    for candidate in candidates:
        try:
            candidate.stat()
        except PermissionError:
            raise UnseenError(f"{candidate.parent} is closed to the user {surroundings.computer.user}") from None
        except OSError:
            continue
        return candidate
    raise NothingKeptError(f"{settings.memory} is not there yet: no toy with these settings has run")


@contextmanager
def opened(surroundings: Surroundings) -> Iterator[sqlite3.Connection]:
    """A connection that can only read. Raises NothingKeptError, UnseenError, ForeignFileError and sqlite3.Error."""
    path = find(surroundings)
    try:
        with path.open("rb"):
            pass
    except PermissionError:
        raise UnseenError(f"{path} is closed to the user {surroundings.computer.user}") from None
    # Without a log nobody has it open, and looking need not begin one.
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=5.0)) as database:
        check_ours(database)
        yield database


def seal_of(surroundings: Surroundings) -> Seal:
    """What the memory is closed with. For a thread without an event loop. Raises UnseenError."""
    settings = surroundings.settings
    file = key_file_of(settings.memory_copy or settings.memory)
    try:
        return asyncio.run(find_seal(file, settings.memory_key)) or NoSeal()
    except SecretError as caught:
        raise UnseenError(str(caught)) from None


def _fits(database: sqlite3.Connection, seal: Seal) -> bool:
    """Whether the memory opens with this key. One of an older version is in the clear."""
    (sealed,) = database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'seal'").fetchone()
    rows = database.execute("SELECT value FROM seal WHERE name = ?", (PROBE,)).fetchall() if sealed else []
    try:
        return all(seal.open(value, PROBE) for (value,) in rows)
    except SealBrokenError:
        return False


def remembered(surroundings: Surroundings) -> Finding:
    """Whether the memory can be read, is whole, and has told its server what it had to tell."""
    try:
        with opened(surroundings) as database:
            fits = _fits(database, seal_of(surroundings))
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
            waiting, oldest = _waiting(database)
            last = _last_sync(database)
            (sent,) = database.execute("SELECT count(*) FROM items WHERE state = ?", (SENT,)).fetchone()
            (refused,) = database.execute(
                "SELECT count(*) FROM items WHERE state NOT IN (?, ?)", (WAITING, SENT)
            ).fetchone()
    except NothingKeptError as caught:
        return note(str(caught))
    except UnseenError as caught:
        return note(str(caught), f"{surroundings.as_toy or 'sudo pommai doctor'} --only memory".strip())
    except ForeignFileError as caught:
        return wrong(f"{surroundings.settings.memory} is left alone: {caught}", "name another file in memory")
    except sqlite3.Error as caught:
        return _damaged(surroundings, str(caught))
    if said != "ok":
        return _damaged(surroundings, str(said))
    if not fits:
        step = "put the key back (memory_key, or the file .key beside the memory); else the toy begins a new one"
        return wrong(f"{surroundings.settings.memory} is closed with another key than the toy has", step)
    aside = [str(file) for file in files.damaged_files(surroundings.settings.memory)]
    days = None if oldest is None else max(0.0, (surroundings.wall() * 1000 - oldest) / _DAY_MS)
    silent = None if last is None else max(0.0, (surroundings.wall() * 1000 - last) / _DAY_MS)
    figures = {
        "last_sync_days": None if silent is None else round(silent, 2),
        "waiting": waiting,
        "sent": sent,
        "refused": refused,
        "oldest_waiting_days": None if days is None else round(days, 2),
        "moved_aside": aside,
    }
    words = f"{sent:,} sent, {waiting:,} wait" + (f", the oldest for {age(days)}" if days is not None else "")
    words += f"; last sent {age(silent)} ago" if silent is not None else ""
    if refused:
        words += f"; {refused:,} refused"
    if days is not None and days > LONG_WAITING_DAYS:
        step = "is the server reached (gateway, cloud)? `pommai data show` says what waits"
        if silent is not None and silent < LONG_WAITING_DAYS:
            return wrong(f"the server is told some of it and has not taken all: {words}", step, **figures)
        return wrong(f"the server has not been told anything for {age(silent or days)}: {words}", step, **figures)
    if aside:
        return note(f"{words}; a damaged one was put aside: {aside[0]}", "pommai data erase removes it", **figures)
    if refused:
        return note(words, "pommai data show says why", **figures)
    return ok(words, **figures)


def _waiting(database: sqlite3.Connection) -> tuple[int, int | None]:
    """How many items wait, and since when the oldest does whose time is known: milliseconds since 1970."""
    (count,) = database.execute("SELECT count(*) FROM items WHERE state = ?", (WAITING,)).fetchone()
    (oldest,) = database.execute(
        "SELECT min(wall) FROM items WHERE state = ? AND source IN (?, ?)", (WAITING, TRUSTED, WORKED_OUT)
    ).fetchone()
    return int(count), None if oldest is None else int(oldest)


def _last_sync(database: sqlite3.Connection) -> int | None:
    """When something remembered last went to the server, in milliseconds since 1970; None: never, or nobody knows.

    From the ledger, which an older memory does not have: neither the toy's own state nor the sound of a turn is meant.
    """
    (there,) = database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'sent'").fetchone()
    if not there:
        return None
    (last,) = database.execute(
        "SELECT max(wall) FROM sent WHERE items != '[]' AND source IN (?, ?)", (TRUSTED, WORKED_OUT)
    ).fetchone()
    return None if last is None else int(last)


def _damaged(surroundings: Surroundings, why: str) -> Finding:
    return broken(
        f"{surroundings.settings.memory} cannot be read: {why}",
        "start the toy: it moves a damaged memory aside and takes its copy, or begins anew",
    )


def age(days: float) -> str:
    """Words for a length of time.

    >>> age(0.01), age(0.5), age(12.3)
    ('14 minutes', '12 hours', '12 days')
    """
    if days >= 2:
        return f"{days:.0f} days"
    return f"{days * 24:.0f} hours" if days * 24 >= 2 else f"{days * 1440:.0f} minutes"


check_remembered = blocking(remembered)
