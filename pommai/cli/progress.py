"""A line on a terminal that says how far something long is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Generic, ParamSpec, TextIO

P = ParamSpec("P")

PATIENCE_S = 0.5
"""What takes no longer than this needs no line."""
INTERVAL_S = 0.1
"""Between two looks of the line."""
WIDTH = 24
"""Of the bar, in characters."""


class Progress(Generic[P]):
    """Shown on a terminal alone, and wiped away at the end:

        with Progress(sys.stderr, of("mutants")) as progress:
            progress(3, 10)

    `tell` makes a share, 0.0..1.0, and words of what it is called with; it is asked only when the line is due.
    """

    def __init__(
        self, stream: TextIO, tell: Callable[P, tuple[float, str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._clock = clock
        self._next = clock() + PATIENCE_S
        self._shown = False

    def __enter__(self) -> Progress[P]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Show how far it is, when the line is due."""
        if not self._stream.isatty() or self._clock() < self._next:
            return
        self._next = self._clock() + INTERVAL_S
        self._shown = True
        share, words = self._tell(*args, **kwargs)
        bar = "█" * int(WIDTH * min(max(share, 0.0), 1.0))
        self._stream.write(f"\r\x1b[K{f'{bar:░<{WIDTH}} {words}'[: self._room()]}")
        self._stream.flush()

    def _room(self) -> int | None:
        """How much fits into a line: of two, only the second would be wiped away. None: nobody knows."""
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            return None
        return columns - 1 if columns > 1 else None


def of(what: str) -> Callable[[int, int], tuple[float, str]]:
    """What to tell of work that is counted: how many are done, how many there are.

    >>> of("mutants")(3, 12)
    (0.25, '3 of 12 mutants')
    """
    return lambda done, there_are: (done / max(there_are, 1), f"{done:,} of {there_are:,} {what}")


def clock_time(seconds: float) -> str:
    """Minutes and seconds, as a clock shows them; with hours where there are any.

    >>> clock_time(3.4), clock_time(3661.0)
    ('0:03', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
