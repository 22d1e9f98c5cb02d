"""A maker's desk, and a toy in a process of its own that takes what was made there."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway_material import TOKEN
from live_processes import Child

from pommai.cli import main
from pommai.io.secret import keep_secret

ROOT = Path(__file__).resolve().parent.parent


def pommai(*words: object) -> tuple[int, str, str]:
    """A command, its exit code, and what it said on both channels."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([str(word) for word in words])
    return code, out.getvalue(), errors.getvalue()


class Desk:
    """Where bundles are made: a key, and a folder of files for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        assert pommai("bundle", "keygen", folder / "maker")[0] == 0
        self.public = folder / "maker.pub"

    def build(self, version: int, files: dict[str, str], *more: object) -> Path:
        """A signed bundle of these files."""
        place = self.folder / f"v{version}"
        for name, text in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        bundle = self.folder / f"{version}.pommai-bundle"
        code, _, said = pommai(
            *("bundle", "build", place, "--version", version, "--key", self.folder / "maker.key", "-o", bundle), *more
        )
        assert code == 0, said
        return bundle


def lights(colour: str) -> str:
    """Light patterns whose light for a lost connection is of another colour than it came with."""
    text = (ROOT / "led_patterns.yaml").read_text()
    changed, count = re.subn(r"(?m)(^  connection_lost:\n(?:    .*\n)*?    colour: )\w+", rf"\g<1>{colour}", text)
    assert count == 1
    return changed


def chart(**durations: str) -> str:
    """The toy's chart with other durations."""
    text = (ROOT / "statechart.yaml").read_text()
    for name, value in durations.items():
        text, count = re.subn(rf"(?m)^  {name}: \w+", f"  {name}: {value}", text)
        assert count == 1
    return text


class Toy:
    """A toy that may be started again and again; its bundles and its memory stay."""

    def __init__(self, folder: Path, keys: Path, trial: str = "5s") -> None:
        """`keys`: of those from whom it takes bundles. `trial`: also a busy machine gets a toy to rest in this time."""
        self.folder = folder
        folder.mkdir()
        self.updates = folder / "updates"
        self.environment: dict[str, str] = {}
        """Variables for its processes, beside those that are always there."""
        self.flags = [
            *("--updates", str(self.updates), "--update-keys", str(keys), "--update-trial", trial),
            *("--cache-dir", str(folder / "cache")),
        ]
        self._starts = 0

    def apply(self, bundle: Path) -> tuple[int, str, str]:
        """`pommai bundle apply`, as somebody at the toy's command line."""
        return pommai("bundle", "apply", bundle, *self.flags)

    def show(self) -> str:
        """`pommai bundle show`."""
        return pommai("bundle", "show", *self.flags)[1]

    @contextmanager
    def running(self, url: str = "ws://127.0.0.1:9/audio-stream") -> Iterator[Child]:
        """The toy's process; it may end by itself."""
        self._starts += 1
        log, out = (self.folder / f"start-{self._starts}.{kind}" for kind in ("log", "out"))
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_", "DEVICE_"))
        }
        quiet = ("--button", "lines", "--lights", "terminal", "--microphone", "none", "--speaker", "none")
        memory = ("--vosk-model", "none", "--memory", str(self.folder / "memory.db"), "--url", url)
        token = keep_secret(self.folder / "token", TOKEN)
        with log.open("w") as errors, out.open("w") as printed:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "quick_toy.py"), *quiet, *memory, *self.flags],
                cwd=self.folder,
                env={**clean, **self.environment, "POMMAI_TOKEN_FILE": str(token), "PYTHONUNBUFFERED": "1"},
                text=True,
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=errors,
            )
        try:
            yield Child(process, log, out)
        finally:
            process.kill()
            process.communicate()

    def ends_to_begin_again(self, child: Child) -> None:
        """Wait for the toy to end with word that it wants to be started."""
        assert child.process.wait(60) == 75, child.log
