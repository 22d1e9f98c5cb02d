"""A button pressed by lines of text, for scripts and programs: `press`, `release`, `wake`, `quit`.

A first line `press` that waits already when the toy starts is a button that was down before. At a desk whose
microphone is made of WAV files, `say FILE` also speaks into it. When the input ends, the button comes up. The input is
watched, not made non-blocking, because a descriptor that other programs share would become so for them too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
from collections.abc import Callable
from pathlib import Path

from pommai.errors import DeviceError, PommaiError
from pommai.events import Event
from pommai.io.button import Watch
from pommai.io.ports import Emit

MAX_LINE = 1000
"""Longest line in bytes; a longer one is no word of ours."""

log = logging.getLogger(__name__)


class LineButton:
    """Reads words from `descriptor` (standard input).

    `on_quit` is called for the line `quit`, `say` with the file named by `say FILE`; without `say` there is no such
    word. What `say` raises as PommaiError is logged.
    """

    def __init__(
        self, on_quit: Callable[[], None], *, say: Callable[[Path], None] | None = None, descriptor: int = 0
    ) -> None:
        self._on_quit = on_quit
        self._say = say
        self._descriptor = descriptor
        self._watch: Watch | None = None
        self._pending = b""
        self._turn: asyncio.Handle | None = None

    def start(self, emit: Emit) -> None:
        """Begin to read. Raises DeviceError when the input is closed."""
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        try:
            os.fstat(self._descriptor)
            self._loop.add_reader(self._descriptor, self._read)
        except PermissionError:
            # A regular file or /dev/null cannot be watched, and need not be: it never blocks.
            self._turn = self._loop.call_soon(self._read)
        except OSError as caught:
            raise DeviceError(f"no input to read button lines from: {caught.strerror}") from caught
        self._watch = Watch(emit)
        if self._turn is None:
            self._read_what_waits()

    @property
    def first_press(self) -> float | None:
        """See the port."""
        return None if self._watch is None else self._watch.first_press

    def close(self) -> None:
        """Stop reading. Harmless when called again."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
            self._stop_reading()

    def _stop_reading(self) -> None:
        if self._turn is None:
            self._loop.remove_reader(self._descriptor)
        else:
            self._turn.cancel()

    def _read(self) -> None:
        data = self._data()
        if self._turn is not None:
            self._turn = self._loop.call_soon(self._read)
        self._take_all(data)

    def _read_what_waits(self) -> None:
        assert self._watch is not None
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        if not any(event & select.POLLIN for _, event in ready.poll(0)):
            return
        data = self._data()
        if data.startswith(b"press\n"):
            self._watch.found_down()
        if data:  # that it has ended is told again
            self._take_all(data)

    def _data(self) -> bytes:
        try:
            return os.read(self._descriptor, 4096)
        except OSError:  # the other end has gone
            return b""

    def _take_all(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + (data or b"\n")).split(b"\n")
        for line in lines:
            if self._watch is None:  # on_quit closed it
                return
            self._take(line[:MAX_LINE].decode("utf-8", "replace").strip())
        self._pending = self._pending[: MAX_LINE + 1]
        if not data:
            self._stop_reading()
            self._level(False)

    def _take(self, line: str) -> None:
        word, _, name = line.partition(" ")
        if word == "say" and name and self._say is not None:
            self._speak(Path(name.strip()))
        elif name:
            self._complain(line)
        elif word in ("press", "release"):
            self._level(word == "press")
        elif word == "wake":
            self._emit(Event("wake.heard", {"phrase": "the line wake", "score": 1.0}))
        elif word == "quit":
            self._on_quit()
        elif word:
            self._complain(line)

    def _speak(self, file: Path) -> None:
        assert self._say is not None
        try:
            self._say(file)
        except PommaiError as caught:
            log.error("nothing said", extra={"reason": str(caught)})

    def _complain(self, line: str) -> None:
        known = "press, release, wake, quit" + (", say FILE" if self._say is not None else "")
        log.warning("unknown button line", extra={"line": line, "known": known})

    def _level(self, down: bool) -> None:
        if self._watch is not None:
            self._watch.level(down)
