"""The space bar as the button, for a desk.

A terminal tells that a key went down and never that it came up. So the space bar toggles: once to press,
once more to let go. A key that is kept down repeats every 30 ms or so; spaces that close together are one
finger and count once. `w` stands in for the wake word, `q` asks to quit; Ctrl-C stays what it is.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable
from typing import Any

from pommai.errors import DeviceError
from pommai.events import Event
from pommai.io.button import Watch
from pommai.io.ports import Emit

REPEAT_S = 0.1
"""Spaces closer than this are a key kept down. Terminals repeat every 20 to 50 ms; fingers need 100 ms and more."""


def _say_on_terminal(state: str) -> None:
    print(state, file=sys.stderr, flush=True)


class KeyboardButton:
    """The space bar of the terminal at `descriptor`. `on_quit` is called for the q key and when the terminal goes.

    `say` is told in words what the button is after each toggle.
    """

    def __init__(
        self, on_quit: Callable[[], None], *, say: Callable[[str], None] = _say_on_terminal, descriptor: int = 0
    ) -> None:
        self._on_quit = on_quit
        self._say = say
        self._descriptor = descriptor
        self._watch: Watch | None = None
        self._modes: list[Any] = []
        self._down = False
        self._last_space = float("-inf")

    def start(self, emit: Emit) -> None:
        """Begin to read keys, one at a time and unseen. Raises DeviceError when this is no terminal."""
        try:
            self._modes = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        except (termios.error, OSError) as caught:
            raise DeviceError(
                "no terminal to read keys from (start it in one, or give lines on standard input: --button lines)"
            ) from caught
        atexit.register(self._restore)  # whatever ends the process, the shell gets its terminal back
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(emit)
        self._loop.add_reader(self._descriptor, self._read)
        self._say("button up: space presses it, w is the wake word, q quits")

    @property
    def first_press(self) -> float | None:
        """None: a terminal does not tell what was down before."""
        return None

    def close(self) -> None:
        """Give the terminal back as it was. Harmless when called again."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
            self._loop.remove_reader(self._descriptor)
            self._restore()
            atexit.unregister(self._restore)

    def _restore(self) -> None:
        with contextlib.suppress(termios.error):  # the terminal may have gone
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._modes)

    def _read(self) -> None:
        try:
            keys = os.read(self._descriptor, 1024)
        except OSError:  # EIO: the terminal was closed
            keys = b""
        if not keys:
            self._loop.remove_reader(self._descriptor)
            if self._down:
                self._toggle()
            self._on_quit()
        for key in keys.decode("ascii", "replace"):
            if self._watch is None:  # on_quit closed it
                return
            if key == " ":
                self._space()
            elif key == "w":
                self._emit(Event("wake.heard", {"phrase": "the w key", "score": 1.0}))
            elif key == "q":
                self._on_quit()

    def _space(self) -> None:
        now = self._loop.time()
        if now - self._last_space >= REPEAT_S:
            self._toggle()
        self._last_space = now

    def _toggle(self) -> None:
        self._down = not self._down
        self._say("button down: space lets it go" if self._down else "button up: space presses it")
        if self._watch is not None:
            self._watch.level(self._down)
