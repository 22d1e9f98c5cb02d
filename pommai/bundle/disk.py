"""Writing so that a power cut at any moment leaves what was, or what is to be: each thing on the card before it counts.

A file is on the card when it was synced, its name when its folder was; a rename is all or nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path


class Disk:
    """Every change an update makes goes through here. `step` is told of each before it happens: its kind, and what to.

    All methods raise OSError.
    """

    def __init__(self, step: Callable[[str, Path], None] = lambda kind, path: None) -> None:
        self._step = step

    def make_folder(self, path: Path) -> None:
        """Make a folder for the owner alone."""
        self._step("make", path)
        path.mkdir(mode=0o700)

    def write(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Make a file for the owner alone, with this in it, and have it on the card."""
        self._step("create", path)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb", buffering=0) as file:
            for piece in pieces:
                self._step("write", path)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
            self._step("fsync", path)
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name; a file of that name is replaced."""
        self._step("rename", new)
        os.rename(old, new)

    def sync(self, folder: Path) -> None:
        """Have the names in a folder on the card."""
        self._step("sync", folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with all that is in it; what is not there need not go. A link itself goes."""
        self._step("remove", path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
