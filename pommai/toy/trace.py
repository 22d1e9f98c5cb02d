"""The trace: everything that happened to a toy, one JSON object a line.

Each line has `t_us` (monotonic microseconds), `kind`, `name` and `turn`. Kinds:

    event           an event was taken from the queue (`data`: its payload; `guards`: those asked, with their answers)
    operation       an operation of the step was carried out (`op`: call, start, stop, timer, cancel or led; `args`)
    configuration   the active states changed (`states`: all of them in document order; `name`: the innermost)
    mark            a moment worth measuring, such as first_frame_sent
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TextIO

from pommai.errors import SettingsError
from pommai.toy.logs import without_hidden

logger = logging.getLogger(__name__)

WAITING = 10_000
"""Lines that may wait for a slow disk; more are dropped: a trace must not eat the toy's memory."""
CLOSE_SECONDS = 0.5
"""Longest that closing waits for the disk: the toy must end within a second."""


class Trace(Protocol):
    """Where the lines go."""

    def write(self, kind: str, name: str, turn: int, **more: object) -> None: ...

    def close(self) -> None: ...


class NoTrace:
    """No trace is wanted."""

    def write(self, kind: str, name: str, turn: int, **more: object) -> None:
        pass

    def close(self) -> None:
        pass


class FileTrace:
    """Writes to a file, on a thread of its own, for an SD card may take its time.

    A disk that is full or gone ends the trace, not the toy.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        """`now` gives monotonic seconds. Raises SettingsError when the file cannot be written."""
        self.dropped = 0
        """Lines that found no room in the queue."""
        self._path = path
        self._now = now
        self._lines: queue.SimpleQueue[dict[str, object] | None] = queue.SimpleQueue()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # It holds what was said. One that is there keeps the mode that somebody has given it.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            file = os.fdopen(handle, "w", encoding="utf-8")
        except OSError as caught:
            raise SettingsError(f"the trace cannot be written to {path}: {caught.strerror}") from caught
        self._thread = threading.Thread(target=self._run, args=(file,), name="trace", daemon=True)
        self._thread.start()

    def write(self, kind: str, name: str, turn: int, **more: object) -> None:
        """Note a line; returns at once."""
        if not self._thread.is_alive():
            return
        if self._lines.qsize() >= WAITING:
            self.dropped += 1
            return
        self._lines.put({"t_us": round(self._now() * 1e6), "kind": kind, "name": name, "turn": turn, **more})

    def close(self) -> None:
        """Write what is left and close the file. Harmless when called again."""
        self._lines.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive() or self.dropped:
            logger.warning("trace incomplete", extra={"file": str(self._path), "dropped": self.dropped})

    def _run(self, file: TextIO) -> None:
        try:
            with file:
                while (line := self._lines.get()) is not None:
                    file.write(without_hidden(json.dumps(line, default=_plain, separators=(",", ":"))) + "\n")
                    if self._lines.empty():
                        file.flush()
        except OSError as caught:
            logger.error("trace ended", extra={"file": str(self._path), "reason": caught.strerror or str(caught)})


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
