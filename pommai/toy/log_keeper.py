"""Warnings and errors of the toy, kept in its memory for whoever looks after it: what happened, and in which numbers.

Never what was said, by whom, or what a stranger wrote: of a line only the fact is kept, which is ours, with its numbers
and a few states. Lines come at a rate that a memory card and a server bear; those that do not fit are counted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final

from pommai.protocol.limits import RateLimit

KeepLog = Callable[[str, str, Mapping[str, object]], None]

MOST: Final = 30
"""Lines in an hour."""
HOUR: Final = 3600.0
STATES: Final = frozenset(("action", "activity", "work", "trouble", "kind", "device", "states", "error"))
"""Fields whose words are ours: names out of the chart and out of this program."""
SILENT: Final = (
    "pommai.io.memory",
    "pommai.actions.sync",
    "pommai.io.cloud",
    "pommai.io.convex",
    "pommai.toy.log_keeper",
)
"""Who says that something could not be kept or brought: keeping and bringing that would go round in circles."""
_WORDS = re.compile(r"[A-Za-z0-9_. ()'-]{1,100}")


class LogKeeper(logging.Handler):
    """Hands lines from `warning` up to the memory. A handler may be called on any thread, the memory on its own."""

    def __init__(self, keep: KeepLog, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._keep, self._loop = keep, loop
        self._limit = RateLimit(MOST, HOUR)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises."""
        if not record.name.startswith("pommai.") or record.name.startswith(SILENT):
            return
        try:
            line = record.levelname.lower(), fact_of(record), fields_of(record)
            self._loop.call_soon_threadsafe(self._take, *line)
        except Exception:  # the loop is closed, or the record is none of ours; a log must not end a toy
            return

    def _take(self, level: str, event: str, fields: dict[str, object]) -> None:
        if not self._limit.allow(self._loop.time()):
            self._left_out += 1
            return
        if self._left_out:
            fields["left_out"], self._left_out = self._left_out, 0
        self._keep(level, event, fields)


def fact_of(record: logging.LogRecord) -> str:
    """What happened: the words of the program, without what was filled in."""
    words = record.msg if isinstance(record.msg, str) else ""
    return words if _WORDS.fullmatch(words) else record.name.removeprefix("pommai.")


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Its numbers, and the states among its words."""
    found: dict[str, object] = {}
    for name, value in vars(record).items():
        if name in _OWN:
            continue
        is_number = isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
        is_state = name in STATES and isinstance(value, str) and _WORDS.fullmatch(value) is not None
        if is_number or is_state:
            found[name] = value
    if record.exc_info and record.exc_info[0] is not None:
        found["error"] = record.exc_info[0].__name__
    return found


_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def keep_logs(stack: AsyncExitStack, keep: KeepLog) -> None:
    """Keep what is logged from now on, until the stack ends."""
    keeper = LogKeeper(keep, asyncio.get_running_loop())
    root = logging.getLogger()
    root.addHandler(keeper)
    stack.callback(root.removeHandler, keeper)
