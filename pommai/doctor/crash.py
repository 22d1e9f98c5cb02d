"""What is told of something that failed by its own fault: where, and what kind of error, never what the error says.

Its words are whoever raised it: a library may show the address that it called, with a token in it, or the text that it
was given, which may be a child's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from pommai.doctor.finding import Finding, wrong

MOST_PLACES: Final = 40
"""Of each error: those nearest to where it was raised."""


def crashed(caught: Exception, check: str) -> Finding:
    """The finding of a check, by its id, that has raised this."""
    step = f"pommai doctor --only {check} --json\nsend the makers what that prints: the way there, no word of the error"
    return wrong(f"the check itself failed: {one_line(caught)}", step, errors=list(_errors(caught)))


def one_line(caught: BaseException) -> str:
    """What kind of error it is, and the last place in Pommai: there to look first."""
    ours = [place for module, place in _places(caught.__traceback__) if module.partition(".")[0] == "pommai"]
    return f"{_kind(caught)} in {ours[-1]}" if ours else _kind(caught)


def _errors(caught: BaseException) -> Iterator[dict[str, object]]:
    """An error and all that it came from, as kinds and places."""
    seen: set[int] = set()
    waiting = [caught]
    while waiting:
        error = waiting.pop(0)
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield {"kind": _kind(error), "places": [place for _, place in _places(error.__traceback__)][-MOST_PLACES:]}
        if isinstance(error, BaseExceptionGroup):
            waiting += error.exceptions
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is not None:
            waiting.append(before)


def _kind(error: BaseException) -> str:
    """Its class; of the system's errors what their number means, too, which the system says, and not the error."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    number = error.errno if isinstance(error, OSError) else None
    return f"{name} ({os.strerror(number)})" if isinstance(number, int) else name


def _places(trace: TracebackType | None) -> Iterator[tuple[str, str]]:
    """Each place of a traceback, from the outermost: its module, and how it is told. No file: folders name people."""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        yield module, f"{module}, line {trace.tb_lineno}, {trace.tb_frame.f_code.co_qualname}"
        trace = trace.tb_next
