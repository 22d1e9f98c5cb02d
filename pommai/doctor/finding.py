"""What a check is, and what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pommai.doctor.surroundings import Surroundings


class Mark(StrEnum):
    """How bad it is."""

    OK = "ok"
    """As it should be."""
    NOTE = "note"
    """Nobody needs to do anything; or it could not be looked at, and the words say why."""
    WRONG = "wrong"
    """The toy works, but not as well as it could, or not for much longer."""
    BROKEN = "broken"
    """The toy would not work: a child would notice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a sentence or two, what to do next (a command, where one does it), and figures for machines.

    None of them ever holds a secret.
    """

    mark: Mark
    words: str
    next_step: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)


def ok(words: str, /, **figures: object) -> Finding:
    """It is as it should be."""
    return Finding(Mark.OK, words, "", figures)


def note(words: str, next_step: str = "", /, **figures: object) -> Finding:
    """Worth knowing, or not to be seen from here."""
    return Finding(Mark.NOTE, words, next_step, figures)


def wrong(words: str, next_step: str, /, **figures: object) -> Finding:
    """To be mended when there is time."""
    return Finding(Mark.WRONG, words, next_step, figures)


def broken(words: str, next_step: str, /, **figures: object) -> Finding:
    """To be mended first."""
    return Finding(Mark.BROKEN, words, next_step, figures)


Run = Callable[["Surroundings"], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. `run` never waits for longer than `seconds`, or is stopped."""

    id: str
    """What `--only` takes: one word."""
    group: str
    title: str
    """What is looked at, as the rest of "looking at …"."""
    run: Run
    after: tuple[str, ...] = ()
    """Checks that say it all when they are broken: then this one is not run."""
    asks: bool = False
    """Whether it may speak to a person, so that nothing else may write on the screen."""
    sounds: bool = False
    """Whether it is heard in the room."""
    seconds: float = 30.0


def blocking(function: Callable[[Surroundings], Finding]) -> Run:
    """A check that waits for files or libraries, as one that leaves the event loop alone."""

    async def run(surroundings: Surroundings) -> Finding:
        return await asyncio.to_thread(function, surroundings)

    return run


def listed(words: list[str]) -> str:
    """Words as a sentence names them.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
