"""A gateway of one's own to load, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections import deque
from types import TracebackType
from typing import Final, Self

from pommai.errors import LinkError
from pommai.qa.process_end import end_session

START_SECONDS: Final = 60.0
"""Longest it takes before it listens: speech models are loaded on the way."""
END_SECONDS: Final = 15.0
"""Longest it takes to end; then it is killed."""
_LAST_WORDS: Final = 8
_LINE_BYTES: Final = 65_536


class OwnGateway:
    """`pommai gateway` on a free port of this machine, with the files it finds. Enter it.

    Where there are several processors, one is left to the toys and the gateway has the others, so that the two do not
    get into each other's way. Raises LinkError on entering when it does not listen, with its last words.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._reading: list[asyncio.Task[None]] = []
        self._listens = asyncio.Event()
        self._processors = os.sched_getaffinity(0)

    @property
    def pid(self) -> int:
        """Of its process. Only while it is entered."""
        assert self._process is not None, "the gateway is not entered"
        return self._process.pid

    @property
    def epitaph(self) -> str:
        """How it ended; empty while it lives."""
        if self._process is None or self._process.returncode is None:
            return ""
        words = "\n".join(self._words)
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the gateway {how}{': ' if words else ''}{words}"

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            # In a session of its own, so that Ctrl-C on the terminal ends the toys first; and it ends when we are
            # killed.
            *(sys.executable, "-m", "pommai.demo.player", str(os.getpid())),
            *("gateway", "--host", "127.0.0.1", "--port", "0", "--http-port", "none", "--log-level", "error"),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**os.environ, "POMMAI_GATEWAY_TOKEN": self.token},
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._share_processors(self._process.pid)
        self._reading = [
            asyncio.create_task(self._read(stream), name="gateway output")
            for stream in (self._process.stdout, self._process.stderr)
        ]
        ended = asyncio.create_task(self._process.wait(), name="gateway end")
        listens = asyncio.create_task(self._listens.wait(), name="gateway listens")
        try:
            await asyncio.wait([ended, listens], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await asyncio.wait(self._reading, timeout=1.0)
            if not self._listens.is_set():
                raise LinkError(self.epitaph or f"the gateway did not listen within {START_SECONDS:g} s")
        except BaseException:
            await self._end()
            raise
        finally:
            for task in (ended, listens):
                task.cancel()
            await asyncio.wait([ended, listens])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    def _share_processors(self, pid: int) -> None:
        if len(self._processors) < 2:
            return
        mine = {max(self._processors)}
        with contextlib.suppress(OSError):  # it has ended already
            os.sched_setaffinity(pid, self._processors - mine)
            os.sched_setaffinity(0, mine)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        """Take what it prints, so that it never waits for somebody who reads."""
        while True:
            try:
                line = (await stream.readline()).decode(errors="replace")
            except ValueError:  # a line without end
                continue
            if not line:
                return
            if line.startswith("listening on "):
                self.url = line.split()[2]
                self._listens.set()
            elif not self._listens.is_set() or stream is not (self._process and self._process.stdout):
                self._words.append(line.rstrip())

    async def _end(self) -> None:
        process = self._process
        assert process is not None
        os.sched_setaffinity(0, self._processors)
        await end_session(process, END_SECONDS)
        await asyncio.wait(self._reading)
