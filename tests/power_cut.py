"""A card that loses its power: what was not synced may be as it was before, and a file not synced half empty."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from pommai.bundle.disk import Disk


class PowerCut(BaseException):
    """Nothing is written any more."""


@dataclass
class Pending:
    """A change of a folder's names that is not on the card yet, and how to take it back."""

    folder: Path
    undo: Callable[[], object]


class CutDisk(Disk):
    """Works until its `steps`-th step. Then the power is gone, and of the changes that are not on the card the first
    `kept` survive."""

    def __init__(self, steps: int, kept: int) -> None:
        super().__init__(self._count)
        self.steps, self.kept = steps, kept
        self.taken = 0
        self.pending: list[Pending] = []
        self.unsynced: Path | None = None

    def _count(self, kind: str, path: Path) -> None:
        if self.taken >= self.steps:
            raise PowerCut(f"{kind} {path}")
        self.taken += 1

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self.pending.append(Pending(path.parent, lambda: shutil.rmtree(path, ignore_errors=True)))

    def write(self, path: Path, pieces: Iterable[bytes]) -> None:
        self.unsynced = path
        self.pending.append(Pending(path.parent, lambda: path.unlink(missing_ok=True)))
        super().write(path, pieces)
        self.unsynced = None

    def rename(self, old: Path, new: Path) -> None:
        before = self._saved(new)
        super().rename(old, new)

        def undo() -> None:
            if new.exists():
                new.rename(old)
            before()

        self.pending.append(Pending(new.parent, undo))

    def link(self, target: str, path: Path) -> None:
        super().link(target, path)
        self.pending.append(Pending(path.parent, lambda: path.unlink(missing_ok=True)))

    def sync_all(self) -> None:
        self.step("sync all", Path("/"))  # the machine that runs the tests need not do so
        self.pending = []

    def remove(self, path: Path) -> None:
        before = self._saved(path)
        super().remove(path)
        self.pending.append(Pending(path.parent, before))

    def sync(self, folder: Path) -> None:
        super().sync(folder)
        self.pending = [one for one in self.pending if one.folder != folder]

    def _saved(self, path: Path) -> Callable[[], object]:
        """What is there now, and how to have it again."""
        if path.is_symlink():
            target = path.readlink()

            def link_again() -> None:
                path.unlink(missing_ok=True)
                path.symlink_to(target)

            return link_again
        if not path.exists():
            return lambda: None
        copy = Path(mkdtemp(prefix="card-")) / path.name
        if path.is_dir():
            shutil.copytree(path, copy)
            return lambda: shutil.copytree(copy, path, dirs_exist_ok=True)
        shutil.copy(copy if copy.exists() else path, copy)
        return lambda: shutil.copy(copy, path) if path.parent.is_dir() else None

    def cut(self) -> None:
        """What the card holds when the power comes back."""
        if self.unsynced is not None and self.unsynced.exists():
            data = self.unsynced.read_bytes()
            self.unsynced.write_bytes(data[: len(data) // 2] + bytes(len(data) // 4))
        for one in self.pending[self.kept :][::-1]:
            one.undo()
