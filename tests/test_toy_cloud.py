"""A toy with a cloud: put together from settings, and in a process of its own against a cloud of a test's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from cloud_stand_in import DEVICE, SECRET, CloudStandIn, stand_in
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pommai.errors import AuthenticationError, SecretError, SettingsError
from pommai.io.clock import SystemClock
from pommai.io.secret import SecretFile
from pommai.protocol.messages import HandshakeAck
from pommai.protocol.wire import encode_message
from pommai.toy.cloud import CloudParts, make_cloud
from pommai.toy.settings import Settings

PATIENCE = 150.0


def secret_file(folder: Path, text: str = SECRET) -> Path:
    path = folder / "secret"
    path.touch(0o600)
    path.write_text(text)
    return path


async def made(stack: AsyncExitStack, **settings: Any) -> CloudParts | None:
    def nobody() -> Any:
        raise AssertionError("no toy runs")

    return make_cloud(Settings(device_id=DEVICE, **settings), stack, SystemClock(), lambda *_: None, nobody)


def test_without_an_address_there_is_no_cloud() -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            assert await made(stack) is None

    asyncio.run(scene())


def test_the_parts_ask_for_tokens_when_the_link_needs_one_and_end_with_the_toy(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stand_in() as cloud, AsyncExitStack() as stack:
            parts = await made(stack, cloud_url=cloud.url, device_secret=SecretFile(secret_file(tmp_path)))
            assert parts is not None
            assert cloud.calls == []
            assert await parts.tokens.token() == "socket-000001"

    asyncio.run(scene())


def test_a_secret_that_others_can_read_gets_no_tokens_and_the_toy_starts_all_the_same(tmp_path: Path) -> None:
    secret_file(tmp_path).chmod(0o644)

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            parts = await made(stack, cloud_url="http://127.0.0.1:1", device_secret=SecretFile(tmp_path / "secret"))
            assert parts is not None
            with pytest.raises(SecretError, match="chmod 600"):
                await parts.tokens.token()
            with pytest.raises(AuthenticationError, match="chmod 600"):
                await parts.tokens.convex_token()

    asyncio.run(scene())


def test_who_has_not_installed_the_client_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("pommai.io.cloud_http", "httpcore"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "pommai.io.convex", raising=False)
    monkeypatch.delitem(sys.modules, "pommai.io.cloud_tokens", raising=False)
    monkeypatch.delitem(sys.modules, "pommai.io.cloud", raising=False)
    monkeypatch.setitem(sys.modules, "httpcore", None)

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            with pytest.raises(SettingsError, match=r"pip install 'pommai\[cloud\]'"):
                await made(stack, cloud_url="http://127.0.0.1:1", device_secret=SecretFile(secret_file(tmp_path)))

    asyncio.run(scene())


def test_a_toy_without_a_cloud_imports_nothing_of_it() -> None:
    """A toy has little memory, and most have no cloud."""
    heavy = ("httpcore", "httpx", "anyio", "h11", "pommai.io.cloud", "pommai.io.cloud_http", "pommai.io.convex")
    words = f"import sys, pommai.toy.wiring; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", words], text=True, capture_output=True, check=True)
    assert done.stdout == "[]\n"


# -- a whole toy ---------------------------------------------------------------------------


class Toy:
    """`pommai run` in a process, with all that it writes in one folder."""

    def __init__(self, folder: Path, cloud: CloudStandIn, url: str) -> None:
        self.folder = folder
        settings = ["--button", "lines", "--lights", "none", "--microphone", "none", "--speaker", "none"]
        settings += [
            "--vosk-model",
            "none",
            "--cache-dir",
            str(folder / "cache"),
            "--memory",
            str(folder / "memory.db"),
        ]
        settings += ["--trace", str(folder / "trace.jsonl"), "--url", url, "--device-id", DEVICE]
        settings += ["--cloud-url", cloud.url, "--device-secret", f"file:{secret_file(folder)}", "--log-level", "debug"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_"))}
        self._log = (folder / "toy.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pommai", "run", *settings],
            cwd=folder,
            env=clean,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def log(self) -> str:
        return (self.folder / "toy.log").read_text()

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done():
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.05)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.log
        self.close()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._log.close()


class Door:
    """A WebSocket server that lets in whoever has a living token of the cloud."""

    def __init__(self, cloud: CloudStandIn) -> None:
        self.cloud = cloud
        self.shown: list[str] = []
        self.inside: list[ServerConnection] = []

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.shown.append(connection.request.headers["Authorization"].removeprefix("Bearer "))
        if self.shown[-1] not in self.cloud.tokens:
            await connection.send(json.dumps({"type": "error", "code": "AUTH_FAILED", "message": "who are you?"}))
            return
        try:
            await connection.recv()
            await connection.send(encode_message(HandshakeAck("s", {"binary_audio": True})))
            self.inside.append(connection)
            async for _ in connection:
                pass
        except ConnectionClosed:
            pass
        finally:
            if connection in self.inside:
                self.inside.remove(connection)


def command_line_of(process: subprocess.Popen[bytes]) -> str:
    """As every user of the machine can read it."""
    return Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()


def leaks(folder: Path, secrets: tuple[str, ...]) -> list[Path]:
    """Files but the secret's own that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != folder / "secret"]
    return [path for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)]


def test_a_toy_gets_its_tokens_brings_its_memory_and_says_when_it_is_revoked_and_writes_no_secret_anywhere(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with stand_in(life_ms=4000) as cloud:
            door = Door(cloud)
            async with serve(door.talk, "127.0.0.1", 0) as server:
                toy = Toy(tmp_path, cloud, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
                try:
                    await play(cloud, door, toy)
                finally:
                    toy.close()

    async def play(cloud: CloudStandIn, door: Door, toy: Toy) -> None:
        await toy.until(lambda: door.inside)
        first = door.shown[-1]
        assert first.startswith("socket-")
        # Tokens are renewed, and the socket that was opened with an old one lives on.
        await toy.until(lambda: cloud.made >= 3)
        assert door.shown == [first]
        assert len(door.inside) == 1
        # A connection that is lost comes back with the newest.
        await door.inside[0].close()
        await toy.until(lambda: len(door.shown) > 1 and door.inside)
        assert door.shown[-1] > first
        # What went wrong is told through the cloud: there is no model to listen with.
        await toy.until(lambda: "logs:create" in cloud.paths())
        lines = [line for call in cloud.calls if call.path == "logs:create" for line in call.args["logs"]]
        assert "wake engine refused" in [line["event"] for line in lines]
        # A grown-up revokes the device.
        cloud.secret, cloud.tokens = "another-secret-altogether", set()
        await door.inside[0].close()
        await toy.until(lambda: "knows no device with this id and this secret" in toy.log)
        asked = cloud.paths().count("auth:authenticateDevice")
        await asyncio.sleep(2.0)
        assert cloud.paths().count("auth:authenticateDevice") <= asked + 1
        command_line = command_line_of(toy.process)
        await asyncio.to_thread(toy.end)
        secrets = (SECRET, "convex-0000", "socket-0000")
        assert SECRET not in command_line
        assert leaks(tmp_path, secrets) == []
        assert "link.down" in (tmp_path / "trace.jsonl").read_text()
        assert "Traceback" not in toy.log

    asyncio.run(scene())
