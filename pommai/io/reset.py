"""Factory reset: the toy forgets everything, the keys first.

A mark on the disk begins it and is the last to go: a toy that is switched off in the middle finishes it at its next
start, before it does anything else. Once the key is written over, what the memory's files hold is noise, on whatever
block of the card they lie; that they are deleted, too, is tidiness.

Who the toy is to its server, and the network's password, are no memory of its: they are the system's, and stay until
somebody sets it up anew.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct, field

from pommai.errors import StoreError
from pommai.io import memory_files as files
from pommai.io.seal_key import erase_key_file, key_file_of


class Belongings(Struct, frozen=True):
    """All that a toy has kept of what it heard, said and was told."""

    memory: Path
    copy: Path | None = None
    """Of the memory."""
    trace: Path | None = None
    """What was said, in the clear, where somebody looked at how the toy works."""

    @property
    def lasting(self) -> Path:
        """The memory's file that outlives the power."""
        return self.copy or self.memory


class Forgotten(Struct):
    """What became of a reset."""

    files: list[Path] = field(default_factory=list)
    """That were deleted, in this order."""
    left: list[str] = field(default_factory=list)
    """What could not be, and why: sentences."""


def mark_of(belongings: Belongings) -> Path:
    """The file that says that a reset has begun."""
    return belongings.lasting.with_name(belongings.lasting.name + ".reset")


def begin(belongings: Belongings) -> None:
    """Have the toy forget everything at its next start, or now by `finish`. Raises StoreError."""
    mark = mark_of(belongings)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        _sync(mark.parent)
    except OSError as caught:
        raise StoreError(f"{mark} cannot be written, so nothing was forgotten: {caught.strerror}") from caught


def is_begun(belongings: Belongings) -> bool:
    """Whether a reset is to be finished."""
    return mark_of(belongings).exists()


def finish(belongings: Belongings) -> Forgotten:
    """Forget everything, now. Blocks. Raises StoreError when a toy has the memory open, or the key cannot be erased."""
    try:
        handle = files.lock(belongings.memory)
    except OSError as caught:
        raise StoreError(f"{belongings.memory} cannot be locked: {caught.strerror}") from caught
    if handle is None:
        raise StoreError(f"{belongings.memory} is in use by a toy that runs: end it first (sudo systemctl stop pommai)")
    try:
        return _finish(belongings)
    finally:
        files.unlock(handle)


def _finish(belongings: Belongings) -> Forgotten:
    done = Forgotten()
    for memory in dict.fromkeys((belongings.lasting, belongings.memory)):
        key = key_file_of(memory)
        try:
            if erase_key_file(key):
                done.files.append(key)
        except OSError as caught:
            raise StoreError(f"{key}, the key of the memory, cannot be erased: {caught.strerror}") from caught
    for memory in dict.fromkeys((belongings.memory, belongings.lasting)):
        later = files.beside(memory)
        for file in (memory, later, files.part_of(memory), *files.damaged_files(memory), *files.damaged_files(later)):
            for part in files.whole(file):
                _delete(part, done)
        _delete(files.reserve_of(memory), done)
    trace = belongings.trace
    if trace is not None and trace.is_file() and not trace.is_symlink():  # /dev/stderr is no file of the toy's
        _delete(trace, done)
    if not done.left:
        _delete(mark_of(belongings), done)
    for folder in {belongings.memory.parent, belongings.lasting.parent}:
        with contextlib.suppress(OSError):
            _sync(folder)
    return done


def _delete(file: Path, done: Forgotten) -> None:
    try:
        file.unlink()
    except FileNotFoundError:
        return
    except OSError as caught:
        done.left.append(f"{file} cannot be deleted: {caught.strerror}")
    else:
        done.files.append(file)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
