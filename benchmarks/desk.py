"""A real gateway and a real toy, each in a process of its own, on a sound card made of pipes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.secret import keep_secret

ROOT = Path(__file__).resolve().parent.parent
VOSK_TINY = ROOT / "tests" / "data" / "vosk-tiny" / "model"
"""The tests' speech model; models for people are larger."""
TOKEN = "measured"
NOBODY = "ws://127.0.0.1:9/"
"""Where no server is, and no answer takes long."""


class Desk:
    """The toy's process, its button, its microphone, and its trace and log as they grow."""

    def __init__(self, folder: Path, pipes: AlsaPipes, url: str, gateway: asyncio.subprocess.Process | None) -> None:
        self.folder, self.pipes, self.url = folder, pipes, url
        self.trace, self.log = folder / "trace.jsonl", folder / "log.jsonl"
        self.toy: asyncio.subprocess.Process
        self.began = 0.0
        self._gateway = gateway
        self._seen: dict[Path, int] = {}

    async def start_toy(self, *arguments: str, program: Sequence[str] = ("-m", "pommai")) -> None:
        """Start `pommai run`, without a speech model unless told otherwise; `began` is when, on the trace's clock.

        The toy remembers what it was at this desk, and compiles its chart once. `program` is what Python is to run in
        place of pommai.
        """
        self._seen.clear()
        self.trace.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self.began = time.monotonic()
            self.toy = await asyncio.create_subprocess_exec(
                *(sys.executable, *program, "run", "--url", self.url, "--button", "lines", "--lights", "none"),
                *("--memory", str(self.folder / "memory.db"), "--cache-dir", str(self.folder / "cache")),
                *("--token-file", str(keep_secret(self.folder / "token", TOKEN))),
                *("--vosk-model", "none", "--trace", str(self.trace), "--log-format", "json", *arguments),
                stdin=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=os.environ | self.pipes.environment | self._bytecode(),
            )

    def _bytecode(self) -> dict[str, str]:
        """Python keeps what it has compiled, as on a toy, wherever this is measured."""
        return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode")}

    async def stop_toy(self) -> None:
        """End it, however it is."""
        if self.toy.returncode is None:
            self.toy.terminate()
            await self.toy.wait()

    def button(self, line: str) -> float:
        """Do something to the button; gives the moment, in seconds of the trace's clock."""
        now = time.monotonic()
        assert self.toy.stdin is not None
        self.toy.stdin.write(line.encode() + b"\n")
        return now

    def operator(self, line: str) -> float:
        """Say something to the gateway; gives the moment."""
        assert self._gateway is not None
        assert self._gateway.stdin is not None
        now = time.monotonic()
        self._gateway.stdin.write(line.encode() + b"\n")
        return now

    async def say(self, frames: Sequence[bytes]) -> float:
        """Speak into the microphone; gives the moment at which the last frame went in."""
        self.pipes.say(frames)
        await self.pipes.said()
        return time.monotonic()

    async def until(self, name: str, kind: str = "configuration", limit: float = 20.0) -> list[dict[str, Any]]:
        """Wait for a line of the trace whose name holds `name`; gives all lines since the last call, that one the last.

        Raises TimeoutError after so many seconds.
        """
        return await self._until(self.trace, lambda line: line["kind"] == kind and name in line["name"].split(), limit)

    async def until_called(self, phrase: str, limit: float = 20.0) -> float:
        """Wait until the toy listens to this wake word; gives the moment at which it began to."""

        def listens(line: dict[str, Any]) -> bool:
            return line.get("event") == "wake word" and phrase in line["phrases"]

        return float((await self._until(self.log, listens, limit))[-1]["t_us"]) / 1e6

    async def _until(self, file: Path, is_it: Any, limit: float) -> list[dict[str, Any]]:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            lines, seen = lines_of(file), self._seen.get(file, 0)
            for i in range(seen, len(lines)):
                if is_it(lines[i]):
                    self._seen[file] = i + 1
                    return lines[seen : i + 1]
            await asyncio.sleep(0.02)
        told = [*lines_of(self.trace)[-3:], *lines_of(self.log)[-3:]]
        raise TimeoutError(f"not in {limit:g} s; the toy said last: {told}")

    def used(self) -> tuple[float, float]:
        """(CPU seconds, resident megabytes) of the toy's process so far."""
        stat = Path(f"/proc/{self.toy.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return (int(stat[11]) + int(stat[12])) / ticks, resident_mb(self.toy.pid)

    def own_mb(self) -> float:
        """Megabytes of the toy's process, of what it shares with others its part (PSS)."""
        rows = Path(f"/proc/{self.toy.pid}/smaps_rollup").read_text().splitlines()
        return next(int(row.split()[1]) * 1024 / 1e6 for row in rows if row.startswith("Pss:"))


def resident_mb(pid: int | str = "self") -> float:
    """Megabytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def lines_of(file: Path) -> list[dict[str, Any]]:
    """All lines of JSON in a file that are whole."""
    if not file.exists():
        return []
    text = file.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.startswith("{")]


def when(lines: list[dict[str, Any]], name: str, **more: object) -> float:
    """Seconds at which the first such line was written."""
    for line in lines:
        if line["name"] == name and all(line.get(key) == value for key, value in more.items()):
            return float(line["t_us"]) / 1e6
    raise LookupError(f"no line {name} {more} in {[line['name'] for line in lines]}")


@asynccontextmanager
async def desk(*, server: bool = True) -> AsyncIterator[Desk]:
    """Card and, unless there is to be none, gateway; the toy is started by whoever measures."""
    with tempfile.TemporaryDirectory(prefix="pommai-bench-") as name:
        folder = Path(name)
        pipes = AlsaPipes(folder, folder / "reply.wav")
        pipes.start()
        made, gateway = None, None
        try:
            url = NOBODY
            if server:
                gateway = await _start_gateway()
                url = await asyncio.wait_for(_address_of(gateway), 20)
            made = Desk(folder, pipes, url, gateway)
            yield made
        finally:
            if made is not None and hasattr(made, "toy"):
                await made.stop_toy()
            if gateway is not None:
                with contextlib.suppress(ProcessLookupError):
                    gateway.terminate()
                await gateway.wait()
            pipes.stop()


async def _start_gateway() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pommai", "gateway", "--port", "0", "--log-level", "error"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"POMMAI_GATEWAY_TOKEN": TOKEN},
    )


async def _address_of(gateway: asyncio.subprocess.Process) -> str:
    """Where toys find it, which it says after everything else. Raises RuntimeError when it ends before."""
    assert gateway.stdout is not None
    async for line in gateway.stdout:
        if line.startswith(b"listening on "):
            return line.decode().split()[-1]
    raise RuntimeError("the gateway has not begun to listen")
