"""A gateway and a toy in processes of their own, their words in files, for tests of what goes on between them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway_material import TOKEN

from pommai.io.secret import keep_secret

PATIENCE = 180.0
"""Seconds; a busy machine may be slow, and what hangs fails in the end."""


class Child:
    """A process that takes lines and writes files: its log, and what it prints or its trace."""

    def __init__(self, process: subprocess.Popen[str], log: Path, words: Path) -> None:
        self.process = process
        self._log = log
        self._words = words

    def tell(self, line: str) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    def logs(self, pattern: str, after: int = 0) -> int:
        """Wait until its log matches beyond a place in it; where the match ends."""
        found = self.wait(lambda: re.compile(pattern).search(self.log, after), pattern)
        return int(found.end())

    def asked(self, line: str, answer: str) -> None:
        """Ask its console until the answer matches."""

        def answered() -> bool:
            before = len(self._words.read_text())
            self.tell(line)
            self.wait(lambda: self._words.read_text()[before:].endswith("\n"), f"an answer to {line}")
            return re.search(answer, self._words.read_text()[before:]) is not None

        self.wait(answered, f"{answer} in answer to {line}")

    def trace(self, name: str) -> list[dict[str, Any]]:
        """The lines of a toy's trace of this name."""
        text = self._words.read_text() if self._words.exists() else ""
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if line["name"] == name]

    def wait(self, found: Callable[[], Any], what: str) -> Any:
        """Wait for something that is true."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            if result := found():
                return result
            time.sleep(0.05)
        raise AssertionError(f"no {what}, but:\n{self.log}")


@contextmanager
def child(folder: Path, name: str, *arguments: str, words: Path | None = None, **more: str) -> Iterator[Child]:
    """`pommai ARGUMENTS`, with its log in the folder, and what it prints there, too. It must not end by itself."""
    log, printed = folder / f"{name}.log", folder / f"{name}.out"
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_", "DEVICE_"))
    }
    with log.open("w") as errors, printed.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pommai", *arguments],
            cwd=folder,
            env={**clean, "PYTHONUNBUFFERED": "1", **more},
            text=True,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=errors,
        )
    try:
        running = Child(process, log, words or printed)
        yield running
        assert process.poll() is None, running.log
        assert "Traceback" not in running.log, running.log
    finally:
        process.kill()
        process.communicate()


@contextmanager
def gateway(folder: Path, personas: Path, *more: str) -> Iterator[tuple[Child, str]]:
    """A gateway with these personas and `more` arguments, and where it listens."""
    arguments = ("gateway", "--port", "0", "--personas", str(personas), *more)
    with child(folder, "gateway", *arguments, POMMAI_GATEWAY_TOKEN=TOKEN) as process:
        printed = folder / "gateway.out"
        url = process.wait(lambda: re.search(r"listening on (\S+)\n", printed.read_text()), "gateway that listens")
        yield process, url[1]


@contextmanager
def toy(folder: Path, url: str, name: str = "toy") -> Iterator[Child]:
    """A toy with an empty memory and without a speech model, which is called by microWakeWord alone."""
    arguments = ["run", "--url", url, "--button", "lines", "--lights", "none", "--vosk-model", "none"]
    arguments += ["--microphone", "none", "--speaker", f"wav:{folder / name}.wav", "--models", str(folder / "models")]
    arguments += ["--memory", str(folder / f"{name}.db"), "--memory-copy", "none", "--device-id", "desk-1"]
    trace = folder / f"{name}.jsonl"
    arguments += ["--trace", str(trace), "--cache-dir", str(folder / "cache")]
    arguments += ["--token-file", str(keep_secret(folder / f"{name}.token", TOKEN))]
    with child(folder, name, *arguments, words=trace) as process:
        yield process
