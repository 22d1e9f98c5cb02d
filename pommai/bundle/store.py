"""Where a toy keeps its bundles:

    state.json                which one is in force, which one comes next: replaced by a rename, whole or not at all
    bundles/12-0123.../       a bundle's files, written and synced before anything speaks of them
    bundles/.new/             one that is being written; worth nothing until it has a name
    software/                 what the toy lays out for root, who alone may change the software: see `hatch`
    lock, staging             who has them locked changes state.json, or writes bundles/.new

A bundle comes into force when state.json says so, and that happens at a start of the toy alone (`begin`).
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from pommai import __version__
from pommai.bundle import running
from pommai.bundle import state as states
from pommai.bundle.container import Bundle
from pommai.bundle.disk import Disk
from pommai.bundle.manifest import SOUNDS, WHEELS, Manifest, decode
from pommai.bundle.state import Kept, State
from pommai.errors import BundleError, PommaiError

logger = logging.getLogger(__name__)

STATE: Final = "state.json"
MANIFEST: Final = "bundle.json"
ROOM: Final = 16 << 20
"""Bytes that must stay free on the card beside a bundle."""
_NEW: Final = ".new"
_MOST_STATE: Final = 65_536


class Store:
    """The bundles of one toy. Several processes may use one folder: a running toy, and somebody at its command line."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self._disk = disk or Disk()

    # -- looking ---------------------------------------------------------------------------

    def read(self) -> State:
        """What is noted. What cannot be read counts as nothing: the toy is then as it came."""
        try:
            with (self.folder / STATE).open("rb") as file:
                return states.decode(file.read(_MOST_STATE))
        except FileNotFoundError:
            return State()
        except (OSError, BundleError) as caught:
            logger.warning("updates not known", extra={"reason": str(caught)})
            return State()

    def place(self, kept: Kept) -> Path:
        """The folder of a bundle's files."""
        return self.folder / "bundles" / kept.name

    def manifest(self, kept: Kept) -> Manifest:
        """What a bundle in the store says of itself. Raises BundleError when it is damaged."""
        try:
            raw = (self.place(kept) / MANIFEST).read_bytes()
        except OSError as caught:
            raise BundleError(f"bundle {kept.version} cannot be read: {caught.strerror}") from caught
        if hashlib.sha256(raw).hexdigest() != kept.sha256:
            raise BundleError(f"bundle {kept.version} is damaged")
        return decode(raw)

    def is_whole(self, kept: Kept) -> bool:
        """Whether every file of a bundle is as it was signed: cards forget."""
        try:
            for part in self.manifest(kept).parts:
                with (self.place(kept) / part.name).open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != part.sha256:
                        return False
        except (OSError, BundleError):
            return False
        return True

    # -- taking ----------------------------------------------------------------------------

    def take(self, bundle: Bundle, check: Callable[[Path], None]) -> Kept:
        """Write a bundle's files, have `check` look at them, and let it be what comes next.

        Raises BundleError when it is not newer than what the toy has, is damaged, or there is no room; and whatever
        `check` raises. Then all is as it was.
        """
        manifest = bundle.manifest
        self._refuse(manifest)
        kept = Kept(manifest.version, manifest.floor, hashlib.sha256(bundle.raw).hexdigest(), _software())
        with self._writing(bundle):
            place = self._write(kept, bundle, check)
            with self._locked():
                state = self.read()
                self._refuse(manifest, state)
                self._disk.sync(place.parent)
                self._note(state.taken(kept))
                self._forget_others()
        return kept

    def revoke(self, keys: Collection[str]) -> None:
        """Note that the signatures of these keys count no more. Raises BundleError when it cannot be noted."""
        try:
            self.prepare()
            self.change(lambda state: state.without(keys))
        except OSError as caught:
            raise BundleError(f"{self.folder} cannot be written: {caught.strerror or caught}") from caught

    def _refuse(self, manifest: Manifest, state: State | None = None) -> None:
        if words := (state or self.read()).refuses(manifest):
            raise BundleError(words)

    @contextmanager
    def room_for(self, size: int) -> Iterator[Path]:
        """A folder in which so many bytes can be written, to be left empty. Raises BundleError for want of room."""
        try:
            self.prepare()
            check_room(self.folder, size)
            yield self.folder / "bundles"
        except OSError as caught:
            raise BundleError(
                f"the bundle cannot be kept in {self.folder}: {caught.strerror or caught}; what was in force still is"
            ) from caught

    @contextmanager
    def _writing(self, bundle: Bundle) -> Iterator[None]:
        """One bundle is written at a time, and there must be room for it."""
        with self.room_for(bundle.manifest.size), self._lock("staging", wait=False) as locked:
            if not locked:
                raise BundleError("another bundle is being taken at this moment; try again when it is done")
            yield

    def _write(self, kept: Kept, bundle: Bundle, check: Callable[[Path], None]) -> Path:
        disk, new, place = self._disk, self.folder / "bundles" / _NEW, self.place(kept)
        disk.remove(new)
        try:
            disk.make_folder(new)
            for below in sorted({part.name.partition("/")[0] for part in bundle.manifest.parts if "/" in part.name}):
                disk.make_folder(new / below)
            for part in bundle.manifest.parts:
                disk.write(new / part.name, bundle.read(part))
            disk.write(new / MANIFEST, [bundle.raw])
            for below in (SOUNDS, WHEELS):
                if (new / below).is_dir():
                    disk.sync(new / below)
            disk.sync(new)
            check(new)
            disk.remove(place)  # one that nobody speaks of: `refuses` sees to that
            disk.rename(new, place)
        except BaseException:
            with suppress(OSError):
                disk.remove(new)
            raise
        return place

    # -- living with it --------------------------------------------------------------------

    def begin(self, check: Callable[[Path], object] = lambda place: None) -> Path | None:
        """A toy starts: the folder of the bundle it runs; None: it is as it came.

        What waits comes into force and is on trial; what has failed its trial, or is damaged, makes room for what was
        before. A bundle that another version of the software has found fit is looked at again: `check` raises a
        PommaiError when it is not. When none of this can be noted, the last bundle that has proved itself runs. Never
        raises.
        """
        if not _has_state(self.folder):
            return None
        before = self.read()
        try:
            with self._locked():
                before = self.read()
                state = self._usable(before.begun(), check)
                if state != before:
                    self._note(state)
        except OSError as caught:
            logger.warning("updates not noted", extra={"reason": str(caught)})
            settled = before.settled
            return self.place(settled) if settled is not None and self.is_whole(settled) else None
        with suppress(OSError), self._lock("staging", wait=False) as locked:
            if locked:
                self._forget_others()
        return None if state.current is None else self.place(state.current)

    def _usable(self, state: State, check: Callable[[Path], object]) -> State:
        """Go back as long as what is in force is damaged, or does not fit this software."""
        while (current := state.current) is not None:
            if not self.is_whole(current):
                state = state.back("it is damaged on this card", again=True)
            elif current.software == _software():
                break
            else:
                try:
                    check(self.place(current))
                except PommaiError as caught:
                    state = state.back(f"it does not fit this software: {caught}", again=True)
                else:
                    state = replace(state, current=replace(current, software=_software()))
        return state

    def change(self, change: Callable[[State], State]) -> State:
        """Note what becomes of the state; the state afterwards. Raises OSError when it cannot be noted."""
        with self._locked():
            before = self.read()
            state = change(before)
            if state != before:
                self._note(state)
        return state

    def go_back(self) -> State:
        """By hand: what waits is dropped, else the bundle before comes back, from the next start on.

        Raises BundleError when there is none, or it is too old to be gone back to.
        """

        def back(state: State) -> State:
            if state.waiting is not None:
                return replace(state, waiting=None)
            if state.current is None:
                raise BundleError("there is no bundle in force, and so nothing to go back to")
            before = 0 if state.previous is None else state.previous.version
            if state.trial is None and before < state.floor:
                raise BundleError(
                    f"bundle {state.current.version} lets nobody go back below version {state.floor}, "
                    f"and before it came {f'version {before}' if before else 'what came with the software'}"
                )
            return state.back(again=True)

        self._need_state()
        try:
            _not_as_root(self.folder)
            return self.change(back)
        except OSError as caught:
            raise BundleError(f"{self.folder} cannot be written: {caught.strerror or caught}") from caught

    def _need_state(self) -> None:
        if not _has_state(self.folder):
            raise BundleError(f"no bundle was ever taken in {self.folder}, so there is nothing to go back to")

    # -- files -----------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the folders that are missing. Raises OSError, BundleError."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _not_as_root(self.folder if self.folder.is_dir() else self.folder.parent)
        for folder in (self.folder, self.folder / "bundles"):
            if not folder.is_dir():
                self._disk.make_folder(folder)
                self._disk.sync(folder.parent)

    def _note(self, state: State) -> None:
        new = self.folder / (STATE + _NEW)
        self._disk.remove(new)
        self._disk.write(new, [states.encode(state)])
        self._disk.rename(new, self.folder / STATE)
        self._disk.sync(self.folder)

    def _forget_others(self) -> None:
        """Remove what the state does not speak of. What cannot be removed is in nobody's way."""
        state = self.read()
        named = {kept.name for kept in (state.current, state.previous, state.waiting) if kept is not None}
        for path in sorted((self.folder / "bundles").iterdir()):
            if path.name not in named:
                with suppress(OSError):
                    self._disk.remove(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock("lock", wait=True):
            yield

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Hold a lock of this name; False: somebody else does."""
        with self._lock(name, wait=False) as locked:
            yield locked

    @contextmanager
    def _lock(self, name: str, *, wait: bool) -> Iterator[bool]:
        """Hold a lock of the folder's; whether it was to be had. The kernel lets go of it when the process ends."""
        handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)


def check_room(folder: Path, size: int) -> None:
    """Is there room for so many bytes, and some to spare? Raises BundleError, OSError."""
    free = shutil.disk_usage(folder).free
    if free < size + ROOM:
        raise BundleError(f"there is too little room in {folder}: {free / 1e6:.1f} MB of {(size + ROOM) / 1e6:.1f} MB")


def _software() -> str:
    """What a bundle is found fit for: this version of the software, and where it was updated, this very one."""
    return f"{__version__} {running()}".strip()


def in_force(folder: Path) -> Path | None:
    """The folder of the bundle that is in force in a store; None: there is none. Changes nothing."""
    if not _has_state(folder):
        return None
    store = Store(folder)
    current = store.read().current
    return None if current is None else store.place(current)


def _has_state(folder: Path) -> bool:
    try:
        return (folder / STATE).is_file()
    except OSError:
        return False


def _not_as_root(folder: Path) -> None:
    """What root writes into the toy's folder, the toy cannot read."""
    owner = folder.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"'#{owner}'"
        raise BundleError(
            f"{folder} is not root's: run this as the toy's user, `sudo -u {name} {sys.argv[0]} bundle ...`"
        )
