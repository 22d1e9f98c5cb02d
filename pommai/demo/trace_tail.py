"""Follows a trace while the toy writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Line = dict[str, Any]
"""A line of the trace; see `pommai.toy.trace`."""


class TraceTail:
    """Reads what has been added to a trace since it was last read."""

    def __init__(self, path: Path) -> None:
        """The file need not be there yet."""
        self._path = path
        self._place = 0
        self._rest = b""

    def read(self) -> list[Line]:
        """The whole lines added since the last call; a line that is still being written comes next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                data = file.read()
        except FileNotFoundError:
            return []
        self._place += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]
