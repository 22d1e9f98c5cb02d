"""Root's part in updates of the software: installs what the toy has laid out, and takes back what does not work.

    /opt/pommai                the environments, see `environments`
    /var/lib/pommai-software   which one is in force, as `Store` keeps it: read by all, written by root
      unsettled                there while something waits or is on trial: root's part is run at starts of the toy
      said.json                what became of what the toy has laid out last
      tried.json               how often an installation of it was begun
    /run/pommai-software       since when the toy lives with it; forgotten when the power goes

The toy is believed in nothing but how it fares, and can harm nobody but itself with that: what it lays out is looked at
again, with keys and settings that root alone can have written, while it is copied to where root alone writes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from pommai.bundle import HATCH, ROOT
from pommai.bundle.container import open_bundle, read_signed
from pommai.bundle.disk import Disk
from pommai.bundle.environments import PROVEN, VENV, Environments, Run, run_command
from pommai.bundle.hatch import (
    INSTALLED,
    REVOKING,
    SAID,
    WANTED,
    Note,
    file_id,
    given,
    name_of,
    read_note,
    said,
)
from pommai.bundle.keys import PublicKey, check_signatures, read_public_keys, revoked_by
from pommai.bundle.manifest import check_target, decode
from pommai.bundle.state import Kept, State
from pommai.bundle.store import Store
from pommai.bundle.trusted import check_trusted
from pommai.errors import BundleError

logger = logging.getLogger(__name__)

UNSETTLED: Final = "unsettled"
FAIR_CHANCE: Final = 120
"""Seconds since the toy's last start before which nothing is held against the software, or a shorter trial's length."""
MOST_TRIES: Final = 5
"""Installations of one file that may be broken off, by a power cut, a kernel without memory, or a limit of time."""
_TRIED: Final = "tried.json"
_CLOCK: Final = "clock"
_MOST_WORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Places:
    """Where root keeps things."""

    software: Path = Path("/opt/pommai")
    state: Path = ROOT
    run: Path = Path("/run/pommai-software")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What root's part needs of the machine. `now`: seconds since it was switched on, whatever its clock says."""

    disk: Disk = field(default_factory=lambda: Disk(readable=True))
    run: Run = run_command
    now: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Toy:
    """The toy that is looked after, as its settings describe it. `trial` in seconds."""

    updates: Path
    update_keys: Path | None
    device_type: str
    fleet: str
    trial: float


class _Software(Store):
    """A store whose bundles are in force as environments."""

    def __init__(self, folder: Path, disk: Disk, environments: Environments) -> None:
        super().__init__(folder, disk)
        self._environments = environments

    def is_whole(self, kept: Kept) -> bool:
        return self._environments.is_whole(kept.name)


class Keeper:
    """Root's part, for one toy. Whatever it does may be broken off at any moment, and is gone on with the next time."""

    def __init__(self, toy: Toy, places: Places | None = None, surroundings: Surroundings | None = None) -> None:
        self._toy = toy
        self._places = places or Places()
        self._is = surroundings or Surroundings()
        self._disk = self._is.disk
        self._environments = Environments(self._places.software, self._disk, self._is.run)
        self._store = _Software(self._places.state, self._disk, self._environments)

    # -- a start of the toy ----------------------------------------------------------------

    def start(self) -> str:
        """The toy is about to start: the environment it starts in. Quick. Raises BundleError, OSError."""
        if not self._is_unsettled():
            return self._environments.linked()
        note = self._note()
        with suppress(OSError):  # `begin` knows what to do when nothing can be noted
            self._store.change(lambda state: _told(state, note))
        self._store.begin()
        self._point()
        self._write_clock(started=self._is.now(), looked=self._is.now())
        return self._environments.linked()

    # -- now and then ----------------------------------------------------------------------

    def look(self) -> str:
        """Do what there is to do; what was done, in words. Takes minutes when there is something to install.

        Raises BundleError when what the toy has laid out is refused, or root's own files are not in order; OSError.
        """
        self._reconcile()
        with self._store.alone("looking") as is_alone:
            if not is_alone:
                raise BundleError("root's part is at work already")
            done = [self._revoke(), self._judge()]
            self._settle()
            try:
                done.append(self._install())
            finally:
                self._settle()
        return "; ".join(filter(None, done)) or "nothing to do"

    def back(self) -> str:
        """Somebody wants the software before back: at the next start of the toy. Raises BundleError, OSError."""
        self._reconcile()
        state = self._store.read()
        if state.waiting is None and not self._environments.is_whole(name_of(state.previous)):
            raise BundleError("the software before is not on the card any more")
        self._mark()
        after = self._store.go_back()
        return f"the toy starts with {name_of(after.current)} next"

    # -- the steps -------------------------------------------------------------------------

    def _revoke(self) -> str:
        """Note whom the signed word that the toy has laid out revokes."""
        try:
            with given(self._toy.updates, REVOKING) as file:
                if file is None:
                    return ""
                raw, signatures = read_signed(file)
            keys = self._keys()
            signers = check_signatures(raw, signatures, keys, self._store.read().revoked)
            manifest = decode(raw)
            check_target(manifest, self._toy.device_type, self._toy.fleet)
            gone = revoked_by(manifest.revokes, signers, keys)
        except BundleError as caught:
            logger.warning("revocation refused", extra={"reason": str(caught)})
            return ""
        if set(gone) <= set(self._store.read().revoked):
            return ""
        self._store.revoke(gone)
        return f"revoked: {', '.join(gone)}"

    def _judge(self) -> str:
        """How does the software on trial fare?"""
        state = self._store.read()
        if state.trial is None or state.current is None:
            return ""
        name, note = name_of(state.current), self._note()
        is_of_this_start = note is not None and (note.software, note.start) == (name, state.trial.starts)
        rested = is_of_this_start and note is not None and note.rested
        reached = is_of_this_start and note is not None and note.reached
        lived, since_start = self._read_clock()
        state = self._store.change(lambda now: (now.rested() if rested else now).lived(lived))
        assert state.trial is not None
        if state.trial.seconds < self._toy.trial:
            return ""
        if rested and (reached or not state.trial.cloud):
            self._store.change(State.confirmed)
            return f"software {name} has proved itself"
        if since_start < min(FAIR_CHANCE, self._toy.trial):
            return ""
        # Without its server a toy may be in another house: the same software may be offered again.
        why = "the toy does not reach its server any more" if rested else "the toy does not come to rest"
        self._store.change(lambda now: now.back(why, again=rested))
        if not rested:
            # It will not end by itself.
            self._point()
            with suppress(BundleError):
                self._is.run(("systemctl", "--no-block", "try-restart", "pommai.service"))
        return f"software {name} is taken back: {why}"

    def _install(self) -> str:
        """Make what the toy has laid out what comes next."""
        state = self._store.read()
        if state.waiting is not None or state.trial is not None:
            return ""  # one after the other
        path = self._toy.updates / HATCH / WANTED
        with given(self._toy.updates, WANTED) as file:
            if file is None or file_id(os.fstat(file.fileno())) == said(self._places.state)[0]:
                return ""
            known_by = file_id(os.fstat(file.fileno()))
            try:
                self._count_try(known_by)
                done = self._take(path, os.dup(file.fileno()), state)
            except Exception as caught:  # whatever it is, those who wait for it are told; and it is not tried for ever
                what = "" if isinstance(caught, BundleError | OSError) else f"{type(caught).__name__}: "
                self._say(known_by, f"{what}{caught}" or "it cannot be installed")
                raise
            self._say(known_by)
            return done

    def _take(self, path: Path, handle: int, state: State) -> str:
        try:
            keys = self._keys()
        except BundleError:
            os.close(handle)
            raise
        check = partial(check_signatures, keys=keys, revoked=state.revoked)
        with open_bundle(path, check, handle) as bundle:
            manifest = bundle.manifest
            check_target(manifest, self._toy.device_type, self._toy.fleet)
            if not manifest.is_software:
                raise BundleError(f"{path} holds no software")
            if gone := revoked_by(manifest.revokes, check(bundle.raw, bundle.signatures), keys):
                self._store.revoke(gone)
            kept = Kept(manifest.version, manifest.floor, hashlib.sha256(bundle.raw).hexdigest())
            base = name_of(state.current)
            self._mark()
            self._store.take(bundle, lambda place: self._environments.make(kept.name, base, place / "wheels"))
        return f"software {kept.name} is installed, and comes into force when the toy rests, or is started"

    def _settle(self) -> None:
        """Let the links say what the state says, and tidy up."""
        self._point()
        state = self._store.read()
        if self._is_unsettled() and state.waiting is None and state.trial is None:
            self._disk.remove(self._places.state / UNSETTLED)
            self._disk.sync(self._places.state)
        kept = [state.current, state.previous, state.waiting or state.current]
        self._environments.forget_others([name_of(one) for one in kept])

    # -- what they are made of -------------------------------------------------------------

    def _reconcile(self) -> None:
        """Somebody with root may have run install.sh meanwhile: then its software is in force, and no trial is on."""
        self._store.prepare()
        if not self._environments.linked():
            self._environments.point(VENV, INSTALLED)  # or says what is wrong
        state = self._store.read()
        if not self._is_unsettled() and self._environments.linked() != name_of(state.current):
            self._store.change(lambda now: replace(now, current=None, previous=None, waiting=None, trial=None))

    def _point(self) -> None:
        state = self._store.read()
        self._environments.point(VENV, name_of(state.current))
        self._environments.point(PROVEN, name_of(state.settled))

    def _keys(self) -> dict[bytes, PublicKey]:
        path = self._toy.update_keys
        if path is None:
            raise BundleError("nobody's software is taken: name a file of public keys in the setting update_keys")
        check_trusted(path)
        return read_public_keys(path)

    def _note(self) -> Note | None:
        try:
            return read_note(self._toy.updates)
        except BundleError as caught:
            logger.warning("the toy says nothing", extra={"reason": str(caught)})
            return None

    def _is_unsettled(self) -> bool:
        return (self._places.state / UNSETTLED).exists()

    def _mark(self) -> None:
        if not self._is_unsettled():
            self._disk.write(self._places.state / UNSETTLED, [])
            self._disk.sync(self._places.state)

    def _count_try(self, file: list[int]) -> None:
        """Note that an installation begins: one that is killed can note nothing. Raises BundleError: it was enough."""
        try:
            document = json.loads((self._places.state / _TRIED).read_bytes())
            times = int(document["times"]) if document["file"] == file else 0
        except (OSError, ValueError, LookupError, TypeError):
            times = 0
        if times >= MOST_TRIES:
            raise BundleError(f"root's part ended {times} times while it installed this; is there too little memory?")
        self._write(_TRIED, {"file": file, "times": times + 1})

    def _say(self, file: list[int], words: str = "") -> None:
        """Note what became of a file: why it is not installed; no words: it is."""
        self._write(SAID, {"file": file, "words": words[:_MOST_WORDS]})

    def _write(self, name: str, document: dict[str, object]) -> None:
        new = self._places.state / f"{name}.new"
        self._disk.remove(new)
        self._disk.write(new, [json.dumps(document).encode()])
        self._disk.rename(new, self._places.state / name)

    def _read_clock(self) -> tuple[int, float]:
        """Whole seconds since this was asked last, or since the toy's start; and seconds since that start."""
        now = self._is.now()
        try:
            started, looked = map(float, (self._places.run / _CLOCK).read_text().split())
        except (OSError, ValueError):  # the power was gone, and nobody has started the toy since
            started = looked = now
        lived = max(0, int(now - looked))
        self._write_clock(started, looked + lived)
        return lived, now - started

    def _write_clock(self, started: float, looked: float) -> None:
        self._places.run.mkdir(parents=True, exist_ok=True)
        new = self._places.run / f"{_CLOCK}.new"
        new.write_text(f"{started} {looked}")
        new.rename(self._places.run / _CLOCK)


def _told(state: State, note: Note | None) -> State:
    """What the toy has said of itself before this start."""
    if note is None or note.software != name_of(state.current):
        return state
    if state.trial is not None and note.rested and note.start == state.trial.starts:
        return state.rested()
    return replace(state, cloud=note.reached) if state.waiting is not None else state
