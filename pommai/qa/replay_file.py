"""The replay file: what happened to a toy, event by event, as text that fits into a bug report.

    pommai replay 1
    chart: pommai
    source: 5f0c…                     SHA-256 of the chart's text, 64 hex digits
    engine: table
    why: the microphone is open in safe mode
    profile: hostile
    seed: 7

    0.000000 start ? microphone_works=yes
    1.250000 button.pressed ? microphone_works=yes
    4.250000 button.held held_s=3.0 ? heard_speech=no
    end: 3 events

A line is the seconds since the start, the name of what happens, its payload as `key=` and a JSON value, and behind a
`?` how the guards were answered. With `engine: table` the names are the chart's events (`start`, which may be left
out, enters its initial states); with `engine: toy` they are what children, servers and devices do (`press`, `answer`).
Blank lines and lines that begin with `#` mean nothing. The last line counts, so that a cut is noticed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pommai.chart.table import DecisionTable
from pommai.errors import Problem, ReplayError
from pommai.source import MAX_BYTES, did_you_mean

FORMAT: Final = 1
"""Version of the format. Files of this one stay readable."""
ENGINES: Final = ("table", "toy")
START: Final = "start"
"""Not an event: the moment the chart enters its initial states, which may ask guards too."""

_FIELDS: Final = ("chart", "source", "engine", "why", "profile", "seed")
_REQUIRED: Final = ("chart", "source", "engine")
_TIME = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_END = re.compile(r"end: ([0-9]+) events?")
_ANSWERS: Final = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: `at` is in seconds since the start, `data` the payload (JSON values), `guards` their answers."""

    at: float
    name: str
    data: Mapping[str, object] = field(default_factory=dict)
    guards: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay file holds. `source_sha256` is the chart's; `why` is a sentence."""

    chart: str
    source_sha256: str
    engine: str
    happenings: tuple[Happening, ...]
    why: str = ""
    profile: str = ""
    seed: int | None = None


def write(replay: Replay) -> str:
    """The replay as text. Times are kept to the microsecond."""
    words = {
        "chart": replay.chart,
        "source": replay.source_sha256,
        "engine": replay.engine,
        "why": " ".join(replay.why.split()),
        "profile": replay.profile,
        "seed": "" if replay.seed is None else str(replay.seed),
    }
    lines = [f"pommai replay {FORMAT}", *(f"{key}: {value}" for key, value in words.items() if value), ""]
    lines += map(line_of, replay.happenings)
    count = len(replay.happenings)
    lines.append(f"end: {count} event" if count == 1 else f"end: {count} events")
    return "\n".join(lines) + "\n"


def line_of(happening: Happening) -> str:
    """One happening as its line."""
    words = [f"{happening.at:.6f}", happening.name]
    words += [
        f"{key}={json.dumps(value, separators=(',', ':'), ensure_ascii=False)}" for key, value in happening.data.items()
    ]
    if happening.guards:
        words += ["?", *(f"{guard}={'yes' if answer else 'no'}" for guard, answer in happening.guards.items())]
    return " ".join(words)


def read(text: str, file: str = "replay") -> Replay:
    """Read what `write` wrote, or what somebody made of it by hand; `file` is the name shown in problems.

    Raises ReplayError with every problem found: no replay file, another format, cut off, a line that says nothing.
    """
    return _Reading(text, file).replay()


def read_file(path: Path) -> Replay:
    """Read a file. Raises ReplayError, also when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES * 20 + 1)
        if len(data) > MAX_BYTES * 20:
            raise ReplayError([Problem(str(path), 1, 1, f"is longer than {MAX_BYTES * 20:,} bytes")])
        return read(data.decode("utf-8"), str(path))
    except OSError as caught:
        raise ReplayError([Problem(str(path), 1, 1, f"cannot be read: {caught.strerror or caught}")]) from caught
    except UnicodeDecodeError as caught:
        raise ReplayError([Problem(str(path), 1, 1, "is no text, and so no replay file")]) from caught


def chart_doubts(replay: Replay, table: DecisionTable, file: str = "replay") -> str:
    """A sentence of warning when the replay was recorded with another version of this chart; empty when it was not.

    Raises ReplayError when it was recorded with another chart.
    """
    if replay.chart != table.name:
        words = f"was recorded with the chart '{replay.chart}', and this is '{table.name}'"
        raise ReplayError([Problem(file, 1, 1, words, "give the chart it was recorded with: --chart FILE")])
    if replay.source_sha256 == table.source_sha256:
        return ""
    return (
        f"{file} was recorded with another version of the chart '{table.name}' ({replay.source_sha256[:12]}, "
        f"now {table.source_sha256[:12]}): it may take another course"
    )


class _Reading:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = text.removeprefix("\ufeff").rstrip("\n").split("\n")  # payloads may hold other ends of lines
        self.problems: list[Problem] = []
        self.header: dict[str, str] = {}
        self.happenings: list[Happening] = []
        self.end: tuple[int, int] | None = None

    def problem(self, line: int, message: str, hint: str = "", column: int = 1) -> None:
        self.problems.append(Problem(self.file, line, column, message, hint))

    def replay(self) -> Replay:
        self.first_line()
        for number, written in enumerate(self.lines[1:], 2):
            line = written.strip()
            if not line or line.startswith("#"):
                continue
            if self.end is not None:
                self.problem(number, "there is something behind the line that ends the file")
                break
            self.line(number, line)
        self.complete()
        if self.problems:
            raise ReplayError(self.problems)
        seed = self.header.get("seed")
        return Replay(
            chart=self.header["chart"],
            source_sha256=self.header["source"],
            engine=self.header["engine"],
            happenings=tuple(self.happenings),
            why=self.header.get("why", ""),
            profile=self.header.get("profile", ""),
            seed=None if seed is None else int(seed),
        )

    def first_line(self) -> None:
        """A file that is none of ours has one problem, not one a line."""
        words = self.lines[0].split()
        if words[:2] != ["pommai", "replay"] or len(words) != 3:
            self.problem(1, "is no replay file", f"the first line of one is 'pommai replay {FORMAT}'")
        elif words[2] != str(FORMAT):
            self.problem(1, f"is a replay file of format {words[2]}, and this is Pommai for format {FORMAT}")
        if self.problems:
            raise ReplayError(self.problems)

    def line(self, number: int, line: str) -> None:
        if match := _END.fullmatch(line):
            self.end = (number, int(match[1]))
        elif _TIME.match(line):
            self.happening(number, line)
        else:
            self.header_line(number, line)

    def header_line(self, number: int, line: str) -> None:
        key, colon, value = line.partition(":")
        if self.happenings or not colon:
            self.problem(number, f"'{line[:40]}' is no event", "write SECONDS EVENT, such as '1.25 button.pressed'")
            return
        if key not in _FIELDS:
            self.problem(number, f"a replay file has no '{key}'", did_you_mean(key, _FIELDS))
        elif key in self.header:
            self.problem(number, f"'{key}' is there twice")
        self.header[key] = value = value.strip()
        if key == "engine" and value not in ENGINES:
            self.problem(number, f"there is no engine '{value}'", did_you_mean(value, ENGINES))
        if key == "seed" and not re.fullmatch("[0-9]{1,18}", value):
            self.problem(number, f"a seed is a whole number, not '{value}'")
        if key == "source" and not re.fullmatch("[0-9a-f]{64}", value):
            self.problem(number, "the source is a SHA-256, 64 hex digits")

    def happening(self, number: int, line: str) -> None:
        time, _, rest = line.partition(" ")
        rest = rest.lstrip()
        name = rest.split(" ", 1)[0]
        if not _TIME.fullmatch(time) or not math.isfinite(float(time)):
            self.problem(number, f"'{time}' is no number of seconds")
            return
        if not _NAME.fullmatch(name):
            self.problem(number, f"'{name}' is no name of an event", column=len(time) + 2)
            return
        at = float(time)
        if self.happenings and at < self.happenings[-1].at:
            self.problem(number, f"{time} s is before the line above", "lines are in the order of time")
        found = self.payload(number, line, line.index(name, len(time)) + len(name))
        if found is not None:
            self.happenings.append(Happening(at, name, *found))

    def payload(self, number: int, line: str, at: int) -> tuple[dict[str, object], dict[str, bool]] | None:
        """What stands behind the event's name, from `at` on."""
        data: dict[str, object] = {}
        guards: dict[str, bool] = {}
        asked = False
        decode = json.JSONDecoder(parse_constant=_refuse).raw_decode
        while True:
            while at < len(line) and line[at] == " ":
                at += 1
            if at == len(line):
                return data, guards
            if line[at] == "?" and not asked:
                asked, at = True, at + 1
                continue
            match = _KEY.match(line, at)
            if match is None:
                self.problem(number, f"'{line[at : at + 30]}' is not KEY=VALUE", column=at + 1)
                return None
            key, at = match[1], match.end()
            if asked:
                word = line[at:].split(" ", 1)[0]
                if word not in _ANSWERS:
                    self.problem(number, f"a guard is answered with yes or no, not '{word}'", column=at + 1)
                    return None
                guards[key], at = _ANSWERS[word], at + len(word)
                continue
            try:
                data[key], at = decode(line, at)
            except (ValueError, RecursionError):
                self.problem(number, f"the value of '{key}' is no JSON", 'text stands in quotes: "…"', at + 1)
                return None

    def complete(self) -> None:
        last = len(self.lines)
        for key in _REQUIRED:
            if key not in self.header:
                self.problem(1, f"the file does not say '{key}: …'")
        if self.end is None:
            self.problem(last, "the file is cut off", "its last line would be 'end: … events'")
        elif not self.problems and self.end[1] != len(self.happenings):
            number, count = self.end
            held = len(self.happenings)
            hint = f"if you took lines out on purpose, write 'end: {held} events'"
            self.problem(number, f"the file should hold {count} events and holds {held}", hint)


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
