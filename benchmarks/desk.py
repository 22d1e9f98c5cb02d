"""A real gateway and a real toy, each in a process of its own, on a sound card made of pipes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pommai.io.alsa_pipes import AlsaPipes

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "measured"


class Desk:
    """The toy's process, its button, and its trace as it grows."""

    def __init__(self, folder: Path, pipes: AlsaPipes, url: str) -> None:
        self.folder, self.pipes, self.url = folder, pipes, url
        self.trace = folder / "trace.jsonl"
        self.toy: asyncio.subprocess.Process
        self.began = 0.0
        self._seen = 0

    async def start_toy(self, *arguments: str) -> None:
        """Start `pommai run`; `began` is when, on the trace's clock."""
        self.trace.unlink(missing_ok=True)
        self._seen = 0
        self.began = time.monotonic()
        self.toy = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pommai", "run", "--url", self.url, "--button", "lines", "--lights", "none"),
            *("--trace", str(self.trace), "--log-level", "error", *arguments),
            stdin=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | self.pipes.environment | {"POMMAI_USER_TOKEN": TOKEN},
        )

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

    async def until(self, name: str, kind: str = "configuration", limit: float = 20.0) -> list[dict[str, Any]]:
        """Wait for a line whose name holds `name`; gives all lines since the last call, that one the last."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            lines = self.lines()
            for i in range(self._seen, len(lines)):
                if lines[i]["kind"] == kind and name in lines[i]["name"].split():
                    found = lines[self._seen : i + 1]
                    self._seen = i + 1
                    return found
            await asyncio.sleep(0.02)
        raise TimeoutError(f"no {kind} {name} in {limit:g} s; the toy said last: {self.lines()[-3:]}")

    def lines(self) -> list[dict[str, Any]]:
        """All lines of the trace that are whole."""
        if not self.trace.exists():
            return []
        text = self.trace.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def used(self) -> tuple[float, float]:
        """(CPU seconds, resident megabytes) of the toy's process so far."""
        stat = Path(f"/proc/{self.toy.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        pages = int(Path(f"/proc/{self.toy.pid}/statm").read_text().split()[1])
        return (int(stat[11]) + int(stat[12])) / ticks, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def when(lines: list[dict[str, Any]], name: str, **more: object) -> float:
    """Seconds at which the first such line was written."""
    for line in lines:
        if line["name"] == name and all(line.get(key) == value for key, value in more.items()):
            return float(line["t_us"]) / 1e6
    raise LookupError(f"no line {name} {more} in {[line['name'] for line in lines]}")


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Gateway and card; the toy is started by whoever measures."""
    with tempfile.TemporaryDirectory(prefix="pommai-bench-") as name:
        folder = Path(name)
        pipes = AlsaPipes(folder, folder / "reply.wav")
        pipes.start()
        gateway = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pommai", "gateway", "--port", "0", "--log-level", "error"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"POMMAI_GATEWAY_TOKEN": TOKEN},
        )
        made = None
        try:
            assert gateway.stdout is not None
            url = (await asyncio.wait_for(gateway.stdout.readline(), 20)).decode().split()[-1]
            made = Desk(folder, pipes, url)
            yield made
        finally:
            if made is not None and hasattr(made, "toy"):
                await made.stop_toy()
            with contextlib.suppress(ProcessLookupError):
                gateway.terminate()
            await gateway.wait()
            pipes.stop()
