"""How `pommai doctor` shows what it found: a table that grows a row at a time, and the same as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final, TextIO

from pommai.cli.progress import Progress
from pommai.doctor.finding import Check, Mark
from pommai.doctor.round import Result, would_not_work
from pommai.doctor.surroundings import Surroundings

SIGNS: Final = {Mark.OK: "✓", Mark.NOTE: "·", Mark.WRONG: "!", Mark.BROKEN: "✗"}
_COLOURS: Final = {Mark.OK: "32", Mark.NOTE: "2", Mark.WRONG: "33", Mark.BROKEN: "1;31"}
WIDEST: Final = 100
"""Characters: longer lines are hard to read."""
NARROWEST: Final = 50
TICK_SECONDS: Final = 0.2
_COMMAND = re.compile(r"(sudo|amixer|pip|pommai|chmod|apt-get|journalctl|openssl|timedatectl) \S[^;:]*\Z")
"""A step that is a command alone: it is not broken into lines, so that it can be copied."""


class Table:
    """Rows on `stream`, and on `errors` how far it is. Entered while checks run."""

    def __init__(self, stream: TextIO, errors: TextIO, checks: Sequence[Check]) -> None:
        self._stream = stream
        self._errors = errors
        self._checks = checks
        self._name = max((len(check.id) for check in checks), default=0)
        self._colours = stream.isatty() and not os.environ.get("NO_COLOR")
        columns = shutil.get_terminal_size().columns
        self._width = min(WIDEST, max(NARROWEST, columns))
        self._group = ""
        self._said: set[str] = set()
        self._progress: Progress[[int]] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Table:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._wipe()

    def head(self, surroundings: Surroundings, origin: str) -> None:
        """Which toy it is about."""
        settings = surroundings.settings
        words = f"{settings.device_id}, to be {settings.toy_id}; {origin}"
        self._print(textwrap.fill(plain(words), self._width))

    def begin(self, check: Check, number: int) -> None:
        """A check begins: its line appears when it takes long, unless it speaks to a person itself."""
        if check.group != self._group:
            self._group = check.group
            self._print(f"\n{check.group}")
        if check.asks:
            return
        self._progress = Progress(self._errors, lambda done: (done / len(self._checks), f"looking at {check.title} …"))
        self._task = asyncio.create_task(self._tick(self._progress, number), name="doctor's line")

    def end(self, result: Result) -> None:
        """A check has ended: its row takes the place of the line."""
        self._wipe()
        self._print("\n".join(self.row(result)))

    def row(self, result: Result) -> list[str]:
        """The lines of one finding."""
        finding = result.finding
        sign = SIGNS[finding.mark]
        if self._colours:
            sign = f"\x1b[{_COLOURS[finding.mark]}m{sign}\x1b[0m"
        indent = " " * (self._name + 6)
        room = self._width - len(indent)
        first, *more = textwrap.wrap(plain(finding.words), room, break_on_hyphens=False) or [""]
        lines = [f"  {sign} {result.check.id:<{self._name}}  {first}", *(f"{indent}{line}" for line in more)]
        if finding.next_step and finding.next_step in self._said:
            return [*lines, f"{indent}→ as said above"]
        self._said.add(finding.next_step)
        for step in finding.next_step.splitlines():
            words = plain(step)
            parts = [words] if _COMMAND.match(words) else textwrap.wrap(words, room - 2, break_on_hyphens=False)
            lines += [f"{indent}{'→' if not number else ' '} {part}" for number, part in enumerate(parts)]
        return lines

    async def _tick(self, progress: Progress[[int]], number: int) -> None:
        while True:
            progress(number)
            await asyncio.sleep(TICK_SECONDS)

    def _wipe(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._progress is not None:
            self._progress.__exit__()
            self._progress = None

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def summary(results: Sequence[Result]) -> list[str]:
    """How many of each, and whether the toy would work."""
    counts = Counter(result.finding.mark for result in results)
    words = {Mark.OK: "well", Mark.NOTE: "to note", Mark.WRONG: "to mend", Mark.BROKEN: "broken"}
    said = ", ".join(f"{counts[mark]} {word} {SIGNS[mark]}" for mark, word in words.items() if counts[mark])
    bad = would_not_work(results)
    if not bad:
        verdict = "Nothing that was looked at keeps the toy from working."
    else:
        names = ", ".join(result.check.id for result in bad)
        which = "" if len(bad) == 1 else " the first of these"
        verdict = f"The toy would not work. Begin with{which}: {names}."
    return ["", f"{len(results)} looked at: {said}", verdict]


def as_json(surroundings: Surroundings, results: Sequence[Result]) -> str:
    """Everything, for machines."""
    settings = surroundings.settings
    told = {
        "ok": not would_not_work(results),
        "device_id": settings.device_id,
        "toy_id": settings.toy_id,
        "user": surroundings.computer.user,
        "checks": [
            {
                "id": result.check.id,
                "group": result.check.group,
                "title": result.check.title,
                "mark": result.finding.mark,
                "words": plain(result.finding.words),
                "next_step": result.finding.next_step,
                "figures": dict(result.finding.figures),
                "seconds": round(result.seconds, 3),
            }
            for result in results
        ],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def plain(text: str) -> str:
    """One line that cannot steer a terminal: servers, drivers and files have written parts of it."""
    spaced = " ".join(text.split())
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in spaced)
