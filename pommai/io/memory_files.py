"""The files of a memory: opened or begun anew, moved aside when damaged, copied to where it survives.

Everything here blocks and runs in a thread of its own, never on the event loop.

    memory.db (-wal, -shm)      the database
    memory.db.lock              held by the toy that has it open
    memory.db.reserve           room that is given up when the disk is full, so that something can be deleted
    memory.db.damaged-N         moved aside, the newest three
    memory.v1.db                used in place of a memory.db that a later version has written
    COPY.part                   the copy while it is being written
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import sqlite3
from pathlib import Path

from msgspec import Struct, field

from pommai.io.clock import is_before_this_make
from pommai.io.memory_schema import VERSION, ForeignFileError, check_ours, migrate, set_up

KEPT_DAMAGED = 3
RESERVE_BYTES = 512 * 1024
SIDES = ("-wal", "-shm", "-journal")
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DamagedError(Exception):
    """The file is no database, or its pages contradict each other."""


class Prepared(Struct):
    """A file that is ready to be opened."""

    path: Path
    troubles: list[str] = field(default_factory=list)
    """Sentences about what was found on the way."""
    restored: bool = False
    """It was missing or damaged, and the copy took its place: what came after the copy is lost."""


def prepare(path: Path, copy: Path | None = None) -> Prepared:
    """Make sure there is a sound database of this version, whatever there was before.

    Raises OSError or sqlite3.Error when there can be none: no such folder, nothing may be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    done = Prepared(path)
    try:
        _prepare(done, copy)
    except ForeignFileError as caught:
        done.path = beside(path)
        done.troubles.append(f"{path} is left alone: {caught}. {done.path} is used instead")
        done.restored = False
        _prepare(done, None)
    return done


def _prepare(done: Prepared, copy: Path | None) -> None:
    path = done.path
    if not path.exists() and copy is not None:
        done.restored = _restore(path, copy, done.troubles)
    try:
        _check_and_migrate(path)
        return
    except DamagedError as caught:
        aside = move_aside(path)
        done.troubles.append(f"{path} was damaged ({caught}); it is kept as {aside.name}")
    # The copy may be sound where the file was not; but a copy that was just restored has been seen to be damaged.
    restored_before, done.restored = done.restored, False
    if copy is not None and not restored_before:
        done.restored = _restore(path, copy, done.troubles)
        try:
            _check_and_migrate(path)
            return
        except DamagedError as caught:
            aside = move_aside(path)
            done.restored = False
            done.troubles.append(f"{copy} was damaged ({caught}) too; it is kept as {aside.name}")
    _check_and_migrate(path)


def _check_and_migrate(path: Path) -> None:
    """Raises DamagedError, ForeignFileError, OSError, sqlite3.Error."""
    keep_private(path)
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            check_ours(connection)  # before WAL mode is written into a stranger's file
            _close_to_others(path)
            set_up(connection)
            migrate(connection)
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as caught:
        if is_corrupt(caught):
            raise DamagedError(str(caught)) from caught
        raise
    if verdict != "ok":
        raise DamagedError(str(verdict).splitlines()[-1])


def keep_private(path: Path) -> None:
    """Let a database come into being readable by nobody else: it holds what a child said. Raises OSError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _close_to_others(path: Path) -> None:
    """Have nobody else read a database that others could: an earlier version brought its copy back like that."""
    for file in (path, *sides(path)):
        with contextlib.suppress(OSError):  # it is not there, or not ours
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def is_corrupt(error: BaseException) -> bool:
    """Whether SQLite says that the file is damaged: no retry will help."""
    return isinstance(error, sqlite3.Error) and code_of(error) in CORRUPT


def code_of(error: BaseException) -> int:
    """SQLite's primary result code of an error, 0 when it has none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def beside(path: Path) -> Path:
    """The file used in place of one that is not ours to touch."""
    return path.with_name(f"{path.stem}.v{VERSION}{path.suffix}")


def sides(path: Path) -> list[Path]:
    """SQLite's files beside a database."""
    return [path.with_name(path.name + side) for side in SIDES]


def whole(path: Path) -> list[Path]:
    """A database and what belongs to it, in the order to delete them in: what is found by the database's name goes
    before it, for the power may fail in between."""
    return [*sides(path), path]


def begin_anew(path: Path, copy: Path | None) -> Prepared:
    """The file, and its copy, are closed with a key that is lost: move both aside and begin a new one.

    Raises OSError or sqlite3.Error.
    """
    aside = move_aside(path)
    if copy is not None and copy.is_file():
        move_aside(copy)
    done = prepare(path)
    done.restored = True  # its numbers are used up, too
    done.troubles.insert(0, f"{path} was closed with another key; what it held is forgotten ({aside.name})")
    return done


# -- moved aside ---------------------------------------------------------------------------


def damaged_files(path: Path) -> list[Path]:
    """Databases moved aside, oldest first."""
    expression = re.compile(re.escape(path.name) + r"\.damaged-(\d+)")
    try:
        found = [(int(match[1]), file) for file in path.parent.iterdir() if (match := expression.fullmatch(file.name))]
    except OSError:
        return []
    return [file for _, file in sorted(found)]


def move_aside(path: Path) -> Path:
    """Give a damaged database another name, with what belongs to it; only the newest three are kept. Raises OSError."""
    before = damaged_files(path)
    number = int(before[-1].name.rpartition("-")[2]) + 1 if before else 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    for file, target in zip([path, *sides(path)], [aside, *sides(aside)], strict=True):
        with contextlib.suppress(FileNotFoundError):
            file.rename(target)
    for old in [*before, aside][:-KEPT_DAMAGED]:
        remove(old)
    return aside


def forget_damaged(path: Path, now: float, days: int) -> None:
    """Delete what was moved aside more than so many days ago: a child's words are in it. Raises OSError.

    `now`: seconds since 1970, of a trusted clock. A file from before the clock was set counts from now.
    """
    for file in damaged_files(path):
        since = file.stat().st_mtime
        if is_before_this_make(int(since * 1000)):
            os.utime(file, (now, now))
        elif since < now - max(days, 1) * 86_400:
            remove(file)


def remove(path: Path) -> None:
    """Delete a database and what belongs to it. Harmless when it is not there. Raises OSError."""
    for file in whole(path):
        file.unlink(missing_ok=True)


# -- the copy ------------------------------------------------------------------------------


def part_of(copy: Path) -> Path:
    """Where a copy is while it is being written."""
    return copy.with_name(copy.name + ".part")


def finish_copy(copy: Path) -> None:
    """A copy was written to `part_of(copy)`: make it the copy, once it is safely on the disk. Raises OSError.

    A power cut at any moment leaves the copy before or the new one, never half of either.
    """
    part = part_of(copy)
    _sync(part)
    part.replace(copy)
    for side in sides(copy):
        side.unlink(missing_ok=True)
    _sync(copy.parent)


def _restore(path: Path, copy: Path, troubles: list[str]) -> bool:
    """Bring the copy back to the working place; whether there was one."""
    if not copy.is_file():
        return False
    part = part_of(path)
    try:
        part.unlink(missing_ok=True)
        keep_private(part)
        shutil.copyfile(copy, part)
        remove(path)
        part.replace(path)
    except OSError as caught:
        part.unlink(missing_ok=True)
        troubles.append(f"{copy} could not be brought back: {caught.strerror}")
        return False
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- one toy at a time ---------------------------------------------------------------------


def lock(path: Path) -> int | None:
    """Claim a memory for this process: a handle to `unlock`, or None when another toy has it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as caught:
        os.close(handle)
        if caught.errno in (errno.EAGAIN, errno.EACCES):
            return None
        raise
    return handle


def unlock(handle: int) -> None:
    """Let another toy have it."""
    os.close(handle)


# -- room on a full disk -------------------------------------------------------------------


def reserve_of(path: Path) -> Path:
    return path.with_name(path.name + ".reserve")


def make_reserve(path: Path) -> bool:
    """Set room aside, where there is enough of it; whether it is there now. Never raises."""
    reserve = reserve_of(path)
    try:
        if reserve.exists() and reserve.stat().st_size == RESERVE_BYTES:
            return True
        free = os.statvfs(path.parent)
        if free.f_bavail * free.f_frsize < 4 * RESERVE_BYTES:
            return False
        keep_private(reserve)
        with reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
    except OSError:
        release_reserve(path)
        return False
    return True


def make_reserve_for(path: Path) -> bool | None:
    """Set room aside for a database; None, and nothing done, when the database is gone. Never raises."""
    return make_reserve(path) if path.exists() else None


def release_reserve(path: Path) -> bool:
    """Give the room up; whether there was any. Never raises."""
    try:
        reserve_of(path).unlink()
    except OSError:
        return False
    return True
