"""A real redis-server of a test's own, on a free port or a socket, which can be killed, frozen and started again.

Debian's package redis-server would start one for the whole machine; redis-tools has the same program under another
name, and it looks at the name that it was called by.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 120.0
"""Seconds; a busy machine may be slow."""


class RedisProcess:
    """Runs while it is entered:

    with RedisProcess(tmp_path) as redis:
        fleet = RedisFleet(redis.url, "one")
    """

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        """It keeps its files in the folder, in one of its own. Options as in `redis-server --OPTION VALUE`."""
        self._folder = folder / f"redis-{port or 'any'}"
        self._folder.mkdir(exist_ok=True)
        self._options = options
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, again with what it has saved; until it answers."""
        log = self._folder / "log"
        arguments = [_program(self._folder), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder]
        arguments += [*([] if "--save" in self._options else ["--save", ""]), *self._options]
        with log.open("ab") as words:
            self._process = subprocess.Popen(arguments, stdout=words, stderr=words, stdin=subprocess.DEVNULL)
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as asked:
                    asked.sendall(b"PING\r\n")
                    if asked.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return
            except OSError:
                time.sleep(0.01)
        raise AssertionError(f"redis-server does not answer:\n{log.read_text()}")

    def kill(self) -> None:
        """End it at once: what it has not saved is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It takes connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on with all that it was asked meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def _program(folder: Path) -> str:
    """redis-server, or the program of another name that is the same."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    tool = shutil.which("redis-check-rdb")
    assert tool is not None, "the tests of a fleet need Debian's package redis-tools: tools/setup.sh installs it"
    link = folder / "redis-server"
    if not link.is_symlink():
        os.symlink(tool, link)
    return str(link)


def _free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port: int = some.getsockname()[1]
        return port
