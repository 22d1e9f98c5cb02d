"""Live configuration: what the server may change about a toy while it runs, on top of the toy's own profile.

Whatever the server sends is a stranger's: it is looked at key by key. What is right counts, what is not is refused with
a reason, and in its place the last that was right stays. A key that is not sent has nothing to say: there the toy's
profile counts again. Nothing here raises, whatever was sent.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from pommai.errors import ModelError, SoundError
from pommai.io.ports import ToyFiles
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, MOST_MODELS, MOST_SOUNDS, THRESHOLD

logger = logging.getLogger(__name__)

MOST_REFUSED: Final = 20
"""Refusals that are told apart; of a payload that is wrong from end to end, the rest is not worth a line."""
LONGEST_REASON: Final = 300
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class LiveSettings(Struct, frozen=True):
    """What the server has set; empty or None where the toy's profile counts."""

    engine: str = ""
    """What listens with the models."""
    models: tuple[str, ...] = ()
    threshold: float | None = None
    sounds: tuple[str, ...] = ()
    """Bare names of the acknowledgements."""


class Refusal(Struct, frozen=True):
    """A key that was refused, wholly or in part, and why."""

    key: str
    reason: str


class Outcome(Struct, frozen=True):
    """What has come of a payload: what is in force now, as the server spells it, and what is not, and why."""

    applied: Mapping[str, object]
    refused: tuple[Refusal, ...]


class _Taken(Struct, frozen=True):
    """A value that was found right: as it was given, and what it means for the toy."""

    given: object
    means: Mapping[str, Any]


class _WrongError(Exception):
    """A value of which nothing can be used."""


class LiveConfiguration:
    """What the server has set, and who wants to hear when it changes."""

    def __init__(self, files: ToyFiles) -> None:
        self._files = files
        self._taken: dict[str, _Taken] = {}
        self._earlier: dict[str, _Taken] = {}  # what a key was before it was what it is
        self._listeners: list[tuple[frozenset[str], Callable[[], None]]] = []
        self.toy_id = ""
        """Whose settings these are: a toy that becomes another one by itself does not keep them."""

    def listen(self, keys: Iterable[str], changed: Callable[[], None]) -> None:
        """Have `changed` called when one of these keys has changed; once, when several have."""
        self._listeners.append((frozenset(keys), changed))

    def settings(self, toy_id: str) -> LiveSettings:
        """What counts for this toy."""
        if toy_id != self.toy_id:
            return LiveSettings()
        return LiveSettings(**{name: value for taken in self._taken.values() for name, value in taken.means.items()})

    def update(self, payload: object, toy_id: str) -> Outcome:
        """Take what is right of all that the server has to set for this toy; tell who listens to what has changed."""
        refused: list[Refusal] = []
        if not isinstance(payload, Mapping):
            refused.append(Refusal("payload", f"must be an object, not {_shown(payload)}"))
            return self._change_to(self._taken, self.toy_id, refused)
        return self._change_to(self._take(payload, refused), toy_id, refused)

    def give_up(self, key: str, reason: str) -> Outcome:
        """What was right to look at does not work: what the key was before is in force again, else the profile."""
        taken = {other: value for other, value in self._taken.items() if other != key}
        earlier = self._earlier.get(key)
        if earlier is not None and earlier != self._taken.get(key):
            taken[key] = earlier
        outcome = self._change_to(taken, self.toy_id, [Refusal(key, _plain(reason)[:LONGEST_REASON])])
        self._earlier.pop(key, None)
        return outcome

    def _change_to(self, taken: dict[str, _Taken], toy_id: str, refused: list[Refusal]) -> Outcome:
        before, whose = self._taken, self.toy_id
        self._taken, self.toy_id = taken, toy_id
        told = {key for key in _CHECKS if key in before or key in taken}
        changed = {key for key in told if whose != toy_id or _given(before, key) != _given(taken, key)}
        self._earlier |= {key: before[key] for key in changed if key in before}
        for refusal in refused:
            logger.warning("configuration refused", extra={"key": refusal.key, "reason": refusal.reason})
        logger.info("configuration", extra={"applied": json.dumps(self._applied()), "changed": sorted(changed)})
        for keys, tell in self._listeners:
            if keys & changed:
                tell()
        return Outcome(self._applied(), tuple(refused))

    def note(self) -> str | None:
        """What is in force, to be remembered across restarts; None when nothing is."""
        return json.dumps({"toy": self.toy_id, "settings": self._applied()}) if self._taken else None

    def recall(self, note: str | None) -> None:
        """Have in force again what was noted, as far as it is still right: a file may be gone."""
        if note is None:
            return
        try:
            noted = json.loads(note)
            toy_id, settings = str(noted["toy"]), noted["settings"]
        except (ValueError, KeyError, TypeError, RecursionError):
            logger.warning("configuration forgotten", extra={"reason": "what was noted of it cannot be read"})
            return
        self.update(settings, toy_id)

    def _applied(self) -> dict[str, object]:
        return {key: taken.given for key, taken in self._taken.items()}

    def _take(self, payload: Mapping[Any, object], refused: list[Refusal]) -> dict[str, _Taken]:
        taken: dict[str, _Taken] = {}
        for key, check in _CHECKS.items():
            if key not in payload:
                continue
            reasons: list[str] = []
            try:
                taken[key] = check(payload[key], self._files, reasons)
            except _WrongError as caught:
                reasons.append(str(caught))
                if key in self._taken:
                    taken[key] = self._taken[key]
            refused += [Refusal(key, reason[:LONGEST_REASON]) for reason in reasons]
        unknown = islice((key for key in payload if key not in _CHECKS), MOST_REFUSED)
        refused += [Refusal(_shown(key), f"is not known; known are {', '.join(_CHECKS)}") for key in unknown]
        return taken


# -- the checks: a value, or _WrongError; what was left out of a value goes to the reasons -----------------------------


def _check_threshold(value: object, files: ToyFiles, reasons: list[str]) -> _Taken:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise _WrongError(f"must be a number in 0.0..1.0, not {_shown(value)}")
    return _Taken(float(value), {"threshold": float(value)})


def _check_models(value: object, files: ToyFiles, reasons: list[str]) -> _Taken:
    engines: dict[str, str] = {}
    for name in _names(value, MOST_MODELS, reasons):
        try:
            engine = files.wake_engine(name)
        except ModelError as caught:
            reasons.append(str(caught))
            continue
        first = next(iter(engines.values()), engine)
        if engine == first:
            engines[name] = engine
        else:
            reasons.append(f"{name} is for {engine}, and the models before it for {first}: one listens at a time")
    return _Taken(_some(engines, value), {"engine": next(iter(engines.values()), ""), "models": tuple(engines)})


def _check_acknowledgements(value: object, files: ToyFiles, reasons: list[str]) -> _Taken:
    sounds: dict[str, str] = {}
    for name in _names(value, MOST_SOUNDS, reasons):
        try:
            sounds[name] = files.sound(name)
        except SoundError as caught:
            reasons.append(str(caught))
    return _Taken(_some(sounds, value), {"sounds": tuple(sounds.values())})


_CHECKS: Final[Mapping[str, Callable[[object, ToyFiles, list[str]], _Taken]]] = {
    MODELS: _check_models,
    THRESHOLD: _check_threshold,
    ACKNOWLEDGEMENTS: _check_acknowledgements,
}
KEYS: Final = tuple(_CHECKS)
"""Every key there is."""


def _names(value: object, most: int, reasons: list[str]) -> list[str]:
    """The bare names in a list; for what is none, a reason."""
    if not isinstance(value, list | tuple):
        raise _WrongError(f"must be a list of names, not {_shown(value)}")
    if len(value) > most:
        raise _WrongError(f"{len(value)} names are too many; {most} at most")
    names = []
    for item in value:
        if isinstance(item, str) and _NAME.fullmatch(item):
            names.append(item)
        else:
            reasons.append(f"{_shown(item)} is no bare name of a file: letters, digits, -, _ and . alone")
    return names


def _some(found: Mapping[str, str], value: object) -> list[str]:
    """The names that were found. An empty list says that there are none; one of which nothing was found is wrong."""
    if not found and value:
        raise _WrongError("nothing of it can be used")
    return list(found)


def _given(taken: Mapping[str, _Taken], key: str) -> object:
    return taken[key].given if key in taken else None


def _plain(words: str) -> str:
    """Words without what does not print."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _shown(value: object) -> str:
    """A stranger's value in a few plain characters."""
    match value:
        case str():
            return ascii(value if len(value) <= 40 else f"{value[:40]}...")
        case bool() | None:
            return json.dumps(value)
        case int() if abs(value) >= 10**15:
            return "a number far too large"
        case int() | float():
            return repr(value)
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return type(value).__name__
