"""A real toy's trace as a replay file: what happened at somebody's home, on a desk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pommai.chart.table import DecisionTable
from pommai.errors import Problem, ReplayError
from pommai.qa.replay_file import Happening, Replay


def replay_of_trace(path: Path, table: DecisionTable) -> Replay:
    """Read a trace (`pommai.toy.trace`). The file does not know its chart: it is taken to be `table`'s.

    A last line that breaks off, as on a toy that lost its power, is left out.
    Raises ReplayError when the file cannot be read or holds no trace of events with their answers.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as caught:
        words = caught.strerror if isinstance(caught, OSError) else "it is no text"
        raise ReplayError([Problem(str(path), 1, 1, f"cannot be read: {words}")]) from caught
    happenings: list[Happening] = []
    begun = 0
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
        except ValueError as caught:
            if number == len(lines):
                break
            raise ReplayError([Problem(str(path), number, 1, "is no line of a trace: no JSON")]) from caught
        if not isinstance(line, dict) or not {"t_us", "kind", "name"} <= line.keys():
            raise ReplayError([Problem(str(path), number, 1, "is no line of a trace")])
        if line["kind"] == "event":
            begun = begun or line["t_us"]
            happenings.append(_happening(line, begun, path, number))
    if not happenings:
        raise ReplayError([Problem(str(path), 1, 1, "holds no event")])
    return Replay(table.name, table.source_sha256, "table", tuple(happenings), why="")


def _happening(line: Mapping[str, Any], begun: int, path: Path, number: int) -> Happening:
    if "guards" not in line:
        words = "the trace does not say how the guards were answered"
        raise ReplayError([Problem(str(path), number, 1, words, "it was written by an older Pommai")])
    return Happening((line["t_us"] - begun) / 1e6, line["name"], dict(line["data"]), dict(line["guards"]))
