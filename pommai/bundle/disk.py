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

    What is made is for its owner alone; `readable`: others may read it. All methods raise OSError.
    """

    def __init__(self, step: Callable[[str, Path], None] = lambda kind, path: None, *, readable: bool = False) -> None:
        self.step = step
        self._others = 0o055 if readable else 0

    def make_folder(self, path: Path) -> None:
        """Make a folder."""
        self.step("make", path)
        path.mkdir(mode=0o700)
        path.chmod(0o700 | self._others)

    def write(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Make a file with this in it, and have it on the card."""
        self.step("create", path)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(handle, 0o600 | self._others & 0o044)
        with os.fdopen(handle, "wb", buffering=0) as file:
            for piece in pieces:
                self.step("write", path)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
            self.step("fsync", path)
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name; a file of that name is replaced."""
        self.step("rename", new)
        os.rename(old, new)

    def sync(self, folder: Path) -> None:
        """Have the names in a folder on the card."""
        self.step("sync", folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def link(self, target: str, path: Path) -> None:
        """Make a symbolic link."""
        self.step("link", path)
        path.symlink_to(target)

    def sync_all(self) -> None:
        """Have everything on the card that anybody has written: what other programs have made, too."""
        self.step("sync all", Path("/"))
        os.sync()

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with all that is in it; what is not there need not go. A link itself goes."""
        self.step("remove", path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
