"""The operator's end of `pommai gateway`: lines from standard input, alerts to standard output."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pommai.gateway.archive import Alert
    from pommai.gateway.console import Console


def show_alert(alert: Alert) -> None:
    """Print an alert, when somebody reads."""
    from pommai.gateway.console import alert_line

    # A pipe that nobody reads is full one day; print() would wait for it then, and all toys with it.
    if select.select([], [sys.stdout], [], 0)[1]:
        print(alert_line(alert), flush=True)


class Lines:
    """Takes the operator's lines from standard input, when there is one that can be waited for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._fd: int | None = None
        try:
            self._fd = sys.stdin.fileno()
            self._loop.add_reader(self._fd, self._read)
        except (AttributeError, OSError, ValueError):  # closed, or a file or /dev/null, which epoll refuses
            self._fd = None
        self._task = asyncio.create_task(self._work(), name="gateway console")

    async def close(self) -> None:
        """Take no more lines."""
        self._stop_reading()
        self._task.cancel()
        await asyncio.wait([self._task])

    def _read(self) -> None:
        assert self._fd is not None
        data = os.read(self._fd, 4096)  # there is something to read, or the end: this does not block
        if not data:
            self._stop_reading()
        *lines, self._rest = (self._rest + data)[-65_536:].split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode(errors="replace"))

    def _stop_reading(self) -> None:
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            self._fd = None

    async def _work(self) -> None:
        while True:
            answer = await self._console.obey(await self._lines.get())
            if answer:
                print(answer, flush=True)
