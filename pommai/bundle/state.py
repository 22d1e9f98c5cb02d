"""Which bundles a toy has, which one is in force, and how it fares: one small value, kept in one small file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from pommai.bundle.manifest import MOST_VERSION, Manifest
from pommai.errors import BundleError

FORMAT: Final = 1
MOST_FRUITLESS: Final = 3
"""Starts in a row on a new bundle that may end before the toy rests."""
MOST_STARTS: Final = 10
"""Starts on a new bundle in all: one that ends again and again before its trial is over does not work either."""
_MOST_FAILED: Final = 100
_MOST_REVOKED: Final = 256
_MOST_WORD: Final = 300
_WORD: Final = re.compile(r"version (\d{1,16}): (.*)", re.DOTALL)
"""As `State.back` words it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle in the store. `sha256` is its manifest's; `software` the version that has found it fit."""

    version: int
    floor: int
    sha256: str
    software: str = ""

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.version}-{self.sha256[:16]}"


@dataclass(frozen=True, slots=True)
class Trial:
    """How the bundle in force has fared so far. `cloud`: the toy reached its server before, so it should again."""

    cloud: bool
    starts: int = 0
    fruitless: int = 0
    """Starts since the toy has last come to rest."""
    seconds: int = 0
    """How long the toy has lived with it, over all starts."""


@dataclass(frozen=True, slots=True)
class State:
    """All of it. None: what came with the software."""

    current: Kept | None = None
    previous: Kept | None = None
    """What comes back when `current` fails, or somebody wants it."""
    waiting: Kept | None = None
    """What is in force from the next start on."""
    cloud: bool = False
    """The toy had reached its server when it was last about to change."""
    trial: Trial | None = None
    highest: int = 0
    """Newest version that has proved itself: nothing older is ever taken again."""
    floor: int = 0
    """Oldest version somebody may go back to by hand; it only rises."""
    failed: tuple[int, ...] = ()
    """Versions that did not work here, and are not tried again."""
    word: str = ""
    """Why a bundle was undone, until another is taken."""
    revoked: tuple[str, ...] = ()
    """Ids of keys whose signatures count no more, for ever."""
    told: bool = False
    """The toy has logged why the bundle was undone."""

    @property
    def settled(self) -> Kept | None:
        """The last one that has proved itself."""
        return self.previous if self.trial else self.current

    @property
    def undone(self) -> tuple[int, str]:
        """The version that was undone last, and why; 0: none, or another was taken since, or somebody wanted it."""
        found = _WORD.fullmatch(self.word)
        return (int(found[1]), found[2]) if found is not None else (0, "")

    def refuses(self, manifest: Manifest) -> str:
        """Why a bundle of this version is not taken; empty when it is."""
        version = manifest.version
        had = max([self.highest, *(kept.version for kept in (self.current, self.waiting) if kept)])
        if version in self.failed:
            return f"version {version} did not work on this toy and is not tried again; build a newer one"
        if version <= had:
            return f"version {version} is not newer than {had}, which the toy has; it takes newer ones alone"
        return ""

    def taken(self, kept: Kept) -> State:
        """A bundle waits for the next start, in place of any other that did."""
        return replace(self, waiting=kept, word="", told=False)

    def begun(self) -> State:
        """At a start: what waits comes into force, what is on trial is counted, and given up when that is enough."""
        state = self
        if state.waiting is not None:
            state = replace(
                state, current=state.waiting, previous=state.settled, waiting=None, trial=Trial(state.cloud)
            )
        trial = state.trial
        if trial is None:
            return state
        if trial.fruitless >= MOST_FRUITLESS:
            return state.back(f"the toy ended {trial.fruitless} times before it came to rest")
        if trial.starts >= MOST_STARTS:
            return state.back(f"the toy ended {trial.starts} times before the trial was over")
        return replace(state, trial=replace(trial, starts=trial.starts + 1, fruitless=trial.fruitless + 1))

    def rested(self) -> State:
        """The toy has come to rest."""
        return self if self.trial is None else replace(self, trial=replace(self.trial, fruitless=0))

    def lived(self, seconds: int) -> State:
        """The toy has lived with what is on trial, for so many seconds more."""
        return (
            self
            if self.trial is None
            else replace(self, trial=replace(self.trial, seconds=self.trial.seconds + seconds))
        )

    def without(self, keys: Iterable[str]) -> State:
        """The signatures of these keys count no more."""
        return replace(self, revoked=tuple(dict.fromkeys((*self.revoked, *keys)))[:_MOST_REVOKED])

    def confirmed(self) -> State:
        """The bundle in force has proved itself."""
        if self.current is None or self.trial is None:
            return self
        return replace(
            self,
            trial=None,
            highest=max(self.highest, self.current.version),
            floor=max(self.floor, self.current.floor),
        )

    def back(self, why: str = "", *, again: bool = False) -> State:
        """The bundle in force is given up, and the one before it comes back. `again`: it may be tried another time."""
        if self.current is None:
            return self
        word = f"version {self.current.version}: {why}"[:_MOST_WORD] if why else ""
        failed = self.failed if again else (*self.failed, self.current.version)[-_MOST_FAILED:]
        return replace(self, current=self.previous, previous=None, trial=None, failed=failed, word=word, told=False)


def encode(state: State) -> bytes:
    """The state as it is kept."""

    def kept(one: Kept | None) -> Any:
        return one and [one.version, one.floor, one.sha256, one.software]

    trial = state.trial and [state.trial.cloud, state.trial.starts, state.trial.fruitless, state.trial.seconds]
    document = {
        "format": FORMAT,
        "current": kept(state.current),
        "previous": kept(state.previous),
        "waiting": kept(state.waiting),
        "cloud": state.cloud,
        "trial": trial,
        "highest": state.highest,
        "floor": state.floor,
        "failed": list(state.failed),
        "word": state.word,
        "told": state.told,
        "revoked": list(state.revoked),
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def decode(data: bytes) -> State:
    """Read what `encode` wrote. Raises BundleError."""
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError("another format")
        trial = document["trial"]
        return State(
            current=_kept(document["current"]),
            previous=_kept(document["previous"]),
            waiting=_kept(document["waiting"]),
            cloud=bool(document["cloud"]),
            # Another version of the software may have written this: what it did not know is as at the beginning.
            trial=trial
            and Trial(bool(trial[0]), _count(trial[1]), _count(trial[2]), _count(trial[3]) if len(trial) > 3 else 0),
            highest=_count(document["highest"]),
            floor=_count(document["floor"]),
            failed=tuple(map(_count, document["failed"])),
            word=str(document["word"])[:_MOST_WORD],
            told=bool(document.get("told", False)),
            revoked=tuple(map(_key_id, document.get("revoked", ())))[:_MOST_REVOKED],
        )
    except (ValueError, TypeError, LookupError, RecursionError) as caught:
        raise BundleError("what the toy noted of its bundles is damaged") from caught


def _kept(written: Any) -> Kept | None:
    if written is None:
        return None
    version, floor, sha256, software = written
    if not isinstance(sha256, str) or len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("no hash")  # a folder is named by it
    return Kept(_count(version), _count(floor), sha256, str(software)[:_MOST_WORD])


def _key_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{16}", value):
        raise ValueError("no key")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_VERSION:
        raise ValueError("no count")
    return value
