"""Looks at a process from outside, and at what a toy says in its trace."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

CHUNK: Final = 65_536
_OWN: Final = re.compile(r"^(?:RssAnon|VmSwap):\s+(\d+) kB", re.MULTILINE)
_SWITCHES: Final = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Look:
    """A process at one moment. What nobody could tell is None."""

    at: float
    """Seconds since the soak began."""
    who: str
    life: int
    """How often it has been started."""
    rests: bool
    """The toy rested, and no fault was at work, since the look before."""
    memory_mb: float
    """Its own, in memory or in swap; not what can be read again from files, which comes and goes."""
    handles: int
    """Open files, sockets and pipes."""
    threads: int
    wakeups: float | None
    """Times a second that one of its threads waited, since the look before: voluntary context switches. Nobody can
    tell on a machine that others keep busy: threads that have to wait for it find more to do, or less."""
    tasks: int | None
    objects: int | None
    file_mb: float
    """Size of its database, with SQLite's own files."""
    log_lines: int
    """Written since it was first started."""

    def as_json(self) -> dict[str, Any]:
        """For a report."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What Linux tells of a process. `switches` are counted by thread."""

    memory_mb: float
    handles: int
    threads: int
    switches: Counter[str]


def vitals(pid: int) -> Vitals | None:
    """Read them; None when the process has ended."""
    folder = Path("/proc") / str(pid)
    try:
        own = [int(kilobytes) for kilobytes in _OWN.findall((folder / "status").read_text())]
        handles = len(os.listdir(folder / "fd"))
        switches: Counter[str] = Counter()
        for thread in os.listdir(folder / "task"):
            try:
                found = _SWITCHES.search((folder / "task" / thread / "status").read_text())
            except OSError:  # this thread has ended meanwhile
                continue
            if found:
                switches[thread] = int(found[1])
    except OSError:
        return None
    if not own:  # it has ended, and nobody has been told yet
        return None
    return Vitals(sum(own) * 1024 / 1e6, handles, len(switches), switches)


class Processors(NamedTuple):
    """What the machine's processors have done since it was started, in ticks."""

    idle: int
    all: int

    def idle_since(self, before: Processors) -> float:
        """The share of their time in which they had nothing to do, 0.0..1.0."""
        return (self.idle - before.idle) / max(1, self.all - before.all)


def processors() -> Processors:
    """Read it. Raises OSError."""
    ticks = [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return Processors(ticks[3] + ticks[4], sum(ticks))


def size_mb(database: Path) -> float:
    """Size of a database with the files that SQLite has beside it."""
    total = 0
    for file in database.parent.glob(f"{database.name}*"):
        try:
            total += file.stat().st_size
        except OSError:  # SQLite has just let go of it
            continue
    return total / 1e6


class Pipe:
    """A named pipe that others write lines of JSON into."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where no pipe can be made."""
        self.path = path
        os.mkfifo(path, 0o600)
        # Also for writing, so that it does not end when the other side does.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""
        self.lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def close(self) -> None:
        """Read no more."""
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)

    def _read(self) -> None:
        try:
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                found = json.loads(line)
            except ValueError:  # two processes wrote at once, or one died in the middle of a line
                continue
            if isinstance(found, dict):
                self.lines.put_nowait(found)


class ToyWatch:
    """What a toy is doing, from its trace. `take` is to be given every line of it."""

    def __init__(self, resting: Collection[str]) -> None:
        self._resting = frozenset(resting)
        self.states: frozenset[str] = frozenset()
        self.events: Counter[str] = Counter()
        self.marks: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.unrest = 0
        """How often it has left rest."""

    @property
    def rests(self) -> bool:
        """It is in a state in which it may stay for ever."""
        return not self._resting.isdisjoint(self.states)

    @property
    def online(self) -> bool:
        """Its server answers."""
        return "online" in self.states

    def take(self, line: dict[str, Any]) -> None:
        """A line of the trace."""
        match line.get("kind"):
            case "configuration":
                rested = self.rests
                self.states = frozenset(line.get("states", ()))
                self.unrest += rested and not self.rests
            case "event":
                self.events[str(line.get("name"))] += 1
            case "mark":
                self.marks[str(line.get("name"))] += 1
            case _:
                return
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, *, rests: bool = False, online: bool = False, state: str = "", mark: str = "") -> None:
        """Wait until all this is so; a `mark` must be made after the call."""
        marks = self.marks[mark]
        while (
            (rests and not self.rests)
            or (online and not self.online)
            or (state and state not in self.states)
            or (mark and self.marks[mark] == marks)
        ):
            await self._changed.wait()
