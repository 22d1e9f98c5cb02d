"""Structured logs on the standard `logging`: one event per line, for people or for machines.

    log = logging.getLogger(__name__)
    log.info("link up", extra={"session": "abc"})

    12:03:04.567 info    link up session=abc
    {"n": 17, "t_us": 81234567, "time": "2026-03-01T12:03:04.567Z", "level": "info", "logger": "pommai.io.link", ...

The message names the fact and stays the same; what differs goes into `extra`. `n` counts the lines and
`t_us` is the monotonic clock in microseconds, as in a trace: these two order, because the wall clock of a
toy jumps by years when NTP first answers.
"""

from __future__ import annotations

import datetime
import itertools
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, TextIO

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What a record has of its own. All else came with `extra`."""

LONGEST = 2_000
"""Characters of a text in a line: what a server says may have sixty thousand, and comes again with every call."""
_MOST_HIDDEN = 32
_hidden: tuple[str, ...] = ()


def hide(secret: str) -> None:
    """Write this nowhere in any log from now on: a secret that came up while the toy runs. Those that came up last are
    kept, and one that comes up again is new again: a device's secret outlives all tokens that are asked for with it."""
    global _hidden
    forms = _forms(secret)
    _hidden = (*(form for form in _hidden if form not in forms), *forms)[-_MOST_HIDDEN:]


def without_hidden(text: str) -> str:
    """A text with `***` in place of all that was hidden so far: for what is written beside the logs."""
    for form in _hidden:
        text = text.replace(form, "***")
    return text


def configure_logs(
    level: str = "info",
    style: str = "text",
    *,
    secrets: Collection[str] = (),
    device_names: Callable[[str], str] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send all logs from `level` up to `stream` (standard error), in style `text` or `json`, with `secrets` hidden.

    `device_names`: what is written for the id in the field `device`, where that is one.
    """
    formatter = (_JsonFormatter if style == "json" else _TextFormatter)(secrets, device_names)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They log every frame, step, statement or request, and this log has a line for facts alone.
    for library in ("websockets", "statemachine", "aiosqlite", "httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)


def report_crashes() -> None:
    """Let what ends this process, or one of its threads, or fails where nobody is told, go through the logs: Python's
    own reports hide no secrets."""

    def tell(kind: type[BaseException], caught: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt) or caught is None:
            sys.__excepthook__(kind, caught or kind(), trace)
            return
        logging.getLogger("pommai").critical("crashed", exc_info=(kind, caught, trace))

    def tell_of_ignored(told: sys.UnraisableHookArgs) -> None:
        trouble = (told.exc_type, told.exc_value or told.exc_type(), told.exc_traceback)
        logging.getLogger("pommai").error("failed where nobody is told", exc_info=trouble)

    sys.excepthook = tell
    threading.excepthook = lambda told: tell(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = tell_of_ignored
    logging.raiseExceptions = False  # what it writes about a line that cannot be written is all that the line holds


class _Formatter(logging.Formatter):
    def __init__(self, secrets: Collection[str], device_names: Callable[[str], str] | None) -> None:
        super().__init__()
        self._device_names = device_names
        forms = {form for secret in secrets for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return without_hidden(text)

    def _brief(self, text: str) -> str:
        text = self._clean(text)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def _fact(self, record: logging.LogRecord) -> str:
        try:
            return self._brief(record.getMessage())
        except (TypeError, ValueError):  # a library's words and values do not fit together
            return self._brief(str(record.msg))

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields = {
            name: value if value is None or isinstance(value, bool | int | float) else self._brief(str(value))
            for name, value in vars(record).items()
            if name not in _OWN
        }
        device = fields.get("device")
        if self._device_names is not None and isinstance(device, str):
            fields["device"] = self._device_names(device)
        return fields

    def _trouble(self, record: logging.LogRecord) -> str:
        """The traceback and the stack, when the record has them."""
        parts = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
        parts += [record.stack_info] if record.stack_info else []
        return self._clean("\n".join(parts))


def _forms(secret: str) -> set[str]:
    """How a secret may be written: inside a list or a mapping as its repr, and as JSON."""
    return {form for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]) if form}


class _TextFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created).isoformat("T", "milliseconds")[11:]
        words = [moment, f"{record.levelname.lower():7}", _on_one_line(self._fact(record))]
        words += [f"{name}={_in_quotes_if_needed(str(value))}" for name, value in self._fields(record).items()]
        # Set in, so that no line of an error's words is taken for one of the log's.
        trouble = [f"\n  {_on_one_line(line)}" for line in self._trouble(record).splitlines()]
        return " ".join(words) + "".join(trouble)


class _JsonFormatter(_Formatter):
    def __init__(self, secrets: Collection[str], device_names: Callable[[str], str] | None) -> None:
        super().__init__(secrets, device_names)
        self._numbers = itertools.count(1)

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "n": next(self._numbers),
            "t_us": time.monotonic_ns() // 1000,
            "time": moment.isoformat("T", "milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._fact(record),
        }
        line |= {name: value for name, value in self._fields(record).items() if name not in line}
        trouble = self._trouble(record)
        if trouble:
            line["trouble"] = trouble
        return json.dumps(line, ensure_ascii=False)


def _on_one_line(text: str) -> str:
    # What comes from a server must not be able to write log lines of its own, nor to steer a terminal.
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _in_quotes_if_needed(text: str) -> str:
    if text and text.isprintable() and not any(character in ' "=' for character in text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
