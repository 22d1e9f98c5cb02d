"""The hatch between a toy and root. The toy may not write its own software, so it lays out what it has been given:

    wanted.pommai-bundle   software, as it came and signed
    revoking               the signed manifest of a bundle that revokes keys
    note.json              how the toy fares: which software it runs, whether it rests, whether it reaches its server
    refused.json           the toy's own note of the software that root has refused last, until it lays out other

Root takes nothing from it that it has not looked at itself, follows no link there, and writes nothing there.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from pommai.bundle import HATCH
from pommai.bundle.container import SUFFIX, Bundle, pieces
from pommai.bundle.disk import Disk
from pommai.bundle.state import Kept
from pommai.bundle.store import Store, check_room
from pommai.errors import BundleError

WANTED: Final = f"wanted{SUFFIX}"
REVOKING: Final = "revoking"
NOTE: Final = "note.json"
REFUSED: Final = "refused.json"
SAID: Final = "said.json"
"""Where root notes things: what became of what the toy has laid out last."""
INSTALLED: Final = "installed"
"""The environment that deploy/install.sh has made."""
_NEW: Final = ".new"
_MOST_NOTE: Final = 4096
_MOST_NAME: Final = 80
_MOST_WORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Note:
    """What a toy says of itself since its last start. `software` is the name of the environment it runs in."""

    software: str
    start: int = 0
    """Of the trial: which start this is."""
    rested: bool = False
    reached: bool = False
    asked: str = ""
    """The software for which the toy has ended last, to come up on it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Software that root has not installed, known by its file's SHA-256, and why."""

    sha256: str
    words: str


def name_of(kept: Kept | None) -> str:
    """The environment of a bundle; None: what install.sh has made."""
    return INSTALLED if kept is None else kept.name


class Hatch:
    """The toy's side, in its own folder of updates."""

    def __init__(self, updates: Path, disk: Disk | None = None) -> None:
        self._updates = updates
        self.folder = updates / HATCH
        self._disk = disk or Disk()

    def want(self, bundle: Bundle) -> None:
        """Lay out software for root to install, in place of what lay there. Raises BundleError."""
        parts = chain.from_iterable(bundle.read(part) for part in bundle.manifest.parts)
        self._lay(WANTED, pieces(bundle.raw, bundle.signatures, parts), bundle.manifest.size)
        with suppress(OSError):
            self.clear(REFUSED)

    def revoke(self, bundle: Bundle) -> None:
        """Lay out the signed word that keys count no more. Raises BundleError."""
        self._lay(REVOKING, pieces(bundle.raw, bundle.signatures, ()), len(bundle.raw))

    def note(self, note: Note) -> None:
        """Lay out how the toy fares. Raises BundleError."""
        self._lay(NOTE, [json.dumps(asdict(note)).encode()], _MOST_NOTE)

    def remember(self, refusal: Refusal) -> None:
        """Note, for later starts, what root has refused. Raises BundleError."""
        self._lay(REFUSED, [json.dumps(asdict(refusal)).encode()], _MOST_NOTE)

    def refusal(self) -> Refusal | None:
        """What root has refused last; None: nothing, or other software has been laid out since."""
        try:
            with (self.folder / REFUSED).open("rb") as file:
                document = json.loads(file.read(_MOST_NOTE))
            return Refusal(str(document["sha256"]), str(document["words"])[:_MOST_WORDS])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def clear(self, name: str) -> None:
        """Take back what was laid out. Raises OSError."""
        self._disk.remove(self.folder / name)

    def _lay(self, name: str, contents: Iterable[bytes], size: int) -> None:
        new = self.folder / f"{name}{_NEW}"
        try:
            Store(self._updates, self._disk).prepare()
            if not self.folder.is_dir():
                self._disk.make_folder(self.folder)
                self._disk.sync(self._updates)
            self._disk.remove(new)
            if name not in (NOTE, REFUSED):  # small, and replaced by its like, on a full card too
                check_room(self.folder, size)
            try:
                self._disk.write(new, contents)
            except BaseException:
                with suppress(OSError):
                    self._disk.remove(new)
                raise
            self._disk.rename(new, self.folder / name)
            self._disk.sync(self.folder)
        except OSError as caught:
            raise BundleError(f"{self.folder / name} cannot be written: {caught.strerror or caught}") from caught


# -- what root says -----------------------------------------------------------------------


def file_id(status: os.stat_result) -> list[int]:
    """By which a file is known again, as long as nobody changes it."""
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def said(folder: Path) -> tuple[list[int], str]:
    """Which file root has looked at last, and why it is not installed; no words: it is."""
    try:
        document = json.loads((folder / SAID).read_bytes())
        return list(document["file"]), str(document["words"])
    except (OSError, ValueError, LookupError, TypeError):
        return [], ""


def lies_there(updates: Path, folder: Path) -> bool:
    """Whether a toy has laid out software that root has not looked at yet, as far as one may see that."""
    try:
        return file_id((updates / HATCH / WANTED).stat()) != said(folder)[0]
    except OSError:
        return False


# -- root's side ---------------------------------------------------------------------------


@contextmanager
def given(updates: Path, name: str) -> Iterator[BinaryIO | None]:
    """A file of the hatch, open; None: there is none.

    No link is followed on the way but root's own. Raises BundleError when something else lies there.
    """
    path = updates / HATCH / name
    try:
        handle = _open_below(path)
    except FileNotFoundError:
        yield None
        return
    except OSError as caught:
        raise BundleError(f"{path} is not taken: {caught.strerror}") from caught
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BundleError(f"{path} is not taken: it is no file")
        yield file


def read_note(updates: Path) -> Note | None:
    """What the toy says of itself; None: nothing that makes sense. Raises BundleError as `given`."""
    with given(updates, NOTE) as file:
        if file is None:
            return None
        return decode_note(file.read(_MOST_NOTE))


def decode_note(data: bytes) -> Note | None:
    """Read what `Hatch.note` wrote; None when it is something else."""
    try:
        document: Any = json.loads(data)
        note = Note(**{field.name: document[field.name] for field in fields(Note)})
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    right = (
        all(isinstance(value, str) and len(value) <= _MOST_NAME for value in (note.software, note.asked))
        and type(note.start) is int
        and isinstance(note.rested, bool)
        and isinstance(note.reached, bool)
    )
    return note if right else None


def _open_below(path: Path) -> int:
    """Open a file, name by name from the top, following links of root's alone. Raises OSError."""
    folder = os.open(path.anchor, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.parts[1:-1]:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _no_follow(folder), dir_fd=folder)
            os.close(folder)
            folder = below
        # A pipe would keep root waiting for ever.
        return os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _no_follow(folder: int) -> int:
    """A link may be followed where root alone could have put it."""
    status = os.fstat(folder)
    return 0 if status.st_uid == 0 and not status.st_mode & 0o022 else os.O_NOFOLLOW
