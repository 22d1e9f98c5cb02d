"""A real gateway and a real toy that has nothing but a secret: it gets tokens, talks, tells, and is turned away."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from speech_material import VOSK_TINY, frames, say, silence

from pommai.gateway.archive import Archive
from pommai.gateway.data_file import DataFile
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY
from pommai.io.wav import write_wav

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 150.0
DEVICE = "bear-7"


class Process:
    """A command whose output goes into files; it ends with the test."""

    def __init__(self, folder: Path, name: str, arguments: list[str], **environment: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("POMMAI_", "CONVEX_"))}
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        with self._out.open("w") as out, self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env={**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
                text=True,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def wait(self, found: Callable[[], Any], what: str) -> Any:
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            if result := found():
                return result
            time.sleep(0.05)
        raise AssertionError(f"no {what}, but:\n{self.out}\n{self.log}")

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.log
        assert "Traceback" not in self.log


@contextmanager
def running(*arguments: Any, **environment: str) -> Iterator[Process]:
    process = Process(*arguments, **environment)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


def personas(folder: Path) -> Path:
    """The project's bear, whose guardian agrees that recordings are stored; and others, whose has not."""
    document = yaml.safe_load((ROOT / "personas.yaml").read_text())
    bear = document["personas"]["pommai-bear"]
    bear["answers"] = "scripted"
    bear["guardian_settings"]["allow_uploads"] = True
    path = folder / "personas.yaml"
    path.write_text(json.dumps(document))
    return path


def devices(folder: Path, *arguments: str) -> str:
    """What `pommai devices` prints."""
    words = [sys.executable, "-m", "pommai", "devices", *arguments, "--data", str(folder / "toys.db")]
    return subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=True, timeout=PATIENCE).stdout


def register(folder: Path) -> str:
    """Register the device, and write its secret where the toy finds it."""
    secret = devices(folder, "add", DEVICE).splitlines()[2]
    (folder / "secret").touch(0o600)
    (folder / "secret").write_text(secret)
    return secret


def gateway(folder: Path, seconds: float) -> tuple[Any, ...]:
    (folder / "gateway.yaml").write_text(f"hearing: {{vosk: {{model: {VOSK_TINY}}}}}\nanswering: scripted\n")
    words = [str(ROOT / "tests" / "short_lived_gateway.py"), str(seconds), "gateway", "--port", "0", "--http-port", "0"]
    words += ["--data", str(folder / "toys.db"), "--personas", str(personas(folder))]
    return folder, "gateway", [*words, "--engines", str(folder / "gateway.yaml")]


def toy(folder: Path, urls: tuple[str, str]) -> tuple[Any, ...]:
    words = ["-m", "pommai", "run", "--url", urls[0], "--cloud-url", urls[1], "--device-id", DEVICE]
    words += ["--device-secret", f"file:{folder / 'secret'}", "--button", "lines", "--lights", "none"]
    words += ["--microphone", "none", "--speaker", "none", "--vosk-model", "none", "--log-level", "debug"]
    words += ["--memory", str(folder / "memory.db"), "--trace", str(folder / "trace.jsonl")]
    return folder, "toy", [*words, "--cache-dir", str(folder / "cache"), "--models", str(folder / "models")]


def addresses(process: Process) -> tuple[str, str]:
    """Of the WebSocket and of the cloud's functions."""
    found = process.wait(
        lambda: re.search(r"operators: (\S+)\n.*listening on (\S+)\n", process.out, re.DOTALL), "gateway that listens"
    )
    return found[2], found[1]


def rows(folder: Path, query: str, file: str = "toys.db") -> list[tuple[Any, ...]]:
    """What the gateway's data, or the toy's, say while it runs."""
    database = sqlite3.connect(f"file:{folder / file}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


async def kept(folder: Path, kind: Any) -> list[dict[str, Any]]:
    async with await DataFile.open(folder / "toys.db") as data:
        return [dict(item.item) for item in await Archive(data).items(kind, DEVICE)]


def test_a_toy_with_a_secret_lives_through_short_tokens_and_is_turned_away_when_it_is_revoked(tmp_path: Path) -> None:
    sound = tmp_path / "joke.wav"
    write_wav(sound, frames(silence(0.2) + say("tell me a joke") + silence(0.3)))
    secret = register(tmp_path)
    with running(*gateway(tmp_path, 6.0)) as server:
        urls = addresses(server)
        with running(*toy(tmp_path, urls)) as bear:
            bear.wait(lambda: "link up" in bear.log, "link")
            bear.wait(lambda: 'states="idle online"' in bear.log, "rest")
            renewed = bear.log.count("tokens renew_s")
            for turn in (1, 2):
                bear.tell("press")
                bear.wait(lambda turn=turn: bear.log.count('states="listening') >= turn, "toy that listens")
                bear.tell(f"say {sound}")
                time.sleep(2.0)  # the child talks
                bear.tell("release")
                bear.wait(lambda turn=turn: bear.log.count("answer played") >= turn, "answer")
            # Tokens were renewed under two turns, neither of which noticed, nor did the connection.
            bear.wait(lambda: bear.log.count("tokens renew_s") >= renewed + 2, "renewal")
            assert bear.log.count("link up") == 1
            assert "turn aborted" not in bear.log
            uploads = "SELECT count(*) FROM uploads WHERE item IS NOT NULL AND bytes IS NOT NULL"
            bear.wait(lambda: rows(tmp_path, uploads) == [(2,)], "recordings in the cloud")
            # A grown-up turns the device away: it is cut, and says why.
            devices(tmp_path, "revoke", DEVICE)
            bear.wait(lambda: "knows no device with this id and this secret" in bear.log, "word of the revocation")
            assert bear.log.count("link up") == 1
            assert DEVICE not in bear.log, "a toy's own log does not say which it is"
            bear.end()
        assert "session open" in server.log
        assert DEVICE not in server.log, "devices go by other names in a gateway's"
        server.end()
    said = asyncio.run(kept(tmp_path, CONVERSATIONS))
    assert len(said) == 2
    assert all(item["user_input"] == "tell me a joke" for item in said), said
    assert asyncio.run(kept(tmp_path, METRICS))
    assert asyncio.run(kept(tmp_path, LOGS))
    assert asyncio.run(kept(tmp_path, SAFETY)) == []
    leaks = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path != tmp_path / "secret" and secret.encode() in path.read_bytes()
    ]
    assert leaks == []
    (recording,) = rows(tmp_path, "SELECT bytes FROM uploads LIMIT 1")[0]
    assert recording[:4] == b"OggS"
