"""A program of a soak: started, ended and started again, and all that it says kept within bounds and read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from pommai.errors import PommaiError
from pommai.qa.process_end import signal_session

LOG_BYTES: Final = 20_000_000
"""What is kept of a log; all of it is read and counted."""
MOST_TROUBLES: Final = 50
_LINE_BYTES: Final = 1 << 20
_TROUBLE: Final = re.compile(
    r"^ *Traceback \(most recent|^Fatal Python error|Segmentation fault|never retrieved|was never awaited|"
    r"Exception ignored in|^Assertion|Task was destroyed|^malloc|core dumped"
)
_CLEAN: Final = ("POMMAI_", "CONVEX_", "DEVICE_")
"""Settings of whoever runs the soak, which are none of the toy's."""


class Program:
    """`pommai WORDS...` with the agent beside it (see soak_agent). `log` is kept in a file of that name."""

    def __init__(self, name: str, folder: Path, pipes: Path, log: Path) -> None:
        """It runs in `folder`; `pipes` gets its pipe NAME.looks, which is made by others, and its clock."""
        self.name = name
        self.life = 0
        self.log_lines = 0
        self.troubles: list[str] = []
        """Lines of its log that no program should write."""
        self.unplanned: list[str] = []
        """How it has ended though nobody wanted it."""
        self.last_lines: deque[str] = deque(maxlen=12)
        self.clock, self.looks = pipes / f"{name}.clock", pipes / f"{name}.looks"
        self._folder = folder
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: list[asyncio.Task[None]] = []
        self._said: asyncio.Queue[str] = asyncio.Queue()
        self._ending = False

    @property
    def alive(self) -> bool:
        """It has been started, and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Of its process, or the last one it had."""
        assert self._process is not None, f"the {self.name} was never started"
        return self._process.pid

    async def start(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it; what it prints can then be had by `said`."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_CLEAN)}
        self._said = asyncio.Queue()
        self._ending = False
        pipe = asyncio.subprocess.PIPE
        agent = (sys.executable, "-m", "pommai.qa.soak_agent", str(os.getpid()), str(self.clock), str(self.looks))
        path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [clean.get("PYTHONPATH")])])
        self._process = await asyncio.create_subprocess_exec(
            *agent,
            *words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**clean, "PYTHONPATH": path, **environment},
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C on the terminal ends the soak alone, which ends all in order
            limit=_LINE_BYTES,
        )
        self.life += 1
        self._reading = [
            asyncio.create_task(self._listen(self._process), name=f"{self.name} says"),
            asyncio.create_task(self._keep_log(self._process), name=f"{self.name} logs"),
        ]

    async def said(self, seconds: float) -> str:
        """The next line that it prints. Raises PommaiError when none comes in time, with its last words."""
        assert self._process is not None
        line = asyncio.create_task(self._said.get())
        await asyncio.wait([line, *self._reading], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if line.done():
            return line.result()
        line.cancel()
        await asyncio.wait([line])
        if any(reading.done() for reading in self._reading):  # it ends: its last words are still to come
            await asyncio.wait(self._reading, timeout=1.0)
        words = "\n".join(self.last_lines)
        raise PommaiError(f"the {self.name} did not say what it should within {seconds:g} s{words and ':'}\n{words}")

    async def tell(self, line: str) -> None:
        """Give it a line on its standard input; to one that has ended, nothing is said."""
        if not self.alive:
            return
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def limit_files(self, most_bytes: int | None) -> None:
        """No file it writes may be longer than that; None: any may. Pipes and sockets are no files."""
        if not self.alive:
            return
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
            soft = hard if most_bytes is None else most_bytes
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, hard))

    async def end(self, number: signal.Signals, seconds: float) -> bool:
        """End it by this signal, as planned; whether it ended in time by that alone. Then it is killed."""
        process = self._process
        if process is None:
            return True
        self._ending = process.returncode is None
        self.send(number)
        self.send(signal.SIGCONT)
        in_time = True
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            in_time = False
        finally:
            signal_session(process, signal.SIGKILL)
        await process.wait()
        await asyncio.wait(self._reading)
        return in_time

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._said.put_nowait(line.decode(errors="replace").rstrip())

    async def _keep_log(self, process: asyncio.subprocess.Process) -> None:
        """Until it ends; an end that nobody wanted is noted."""
        assert process.stderr is not None
        with self._log.open("a", encoding="utf-8") as file:
            async for data in process.stderr:
                self._take(data.decode(errors="replace").rstrip(), file)
        code = await process.wait()
        if not self._ending:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            self.unplanned.append(
                f"life {self.life} of the {self.name} {how}: {' | '.join(list(self.last_lines)[-3:])}"
            )

    def _take(self, line: str, file: TextIO) -> None:
        self.log_lines += 1
        self.last_lines.append(line)
        if _TROUBLE.search(line) and len(self.troubles) < MOST_TROUBLES:
            self.troubles.append(f"{self._log.name}, line {self.log_lines}: {line}")
        if file.tell() < LOG_BYTES:
            file.write(line + "\n")
            file.flush()
