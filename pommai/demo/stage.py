"""The stage: gateway and toy in processes of their own, and the hands and the voice that reach them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pommai.demo.script import Say
from pommai.errors import DemoError
from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.secret import keep_secret
from pommai.qa.process_end import end_session, signal_session

Sound = Literal["card", "pipes", "wav"]
"""A real sound card; PortAudio on a card made of pipes; WAV files without PortAudio."""

START_SECONDS: Final = 20.0
"""Longest a gateway takes before it listens: Python's start on a slow core."""
ANSWER_SECONDS: Final = 5.0
"""Longest the gateway's console takes to answer."""
END_SECONDS: Final = 3.0
"""A child that has not ended so long after SIGTERM is killed. Both end within a second."""


class Stage:
    """Everything the demo starts. Enter it; on leaving, whatever is alive is ended and the files are complete.

    `out` gets reply.wav, trace.jsonl, the logs, what the toy remembers and what the server keeps. `interactive`: with a
    real sound card, the toy hears its microphone; else somebody has to `say` something. `vosk_model` is the folder of
    the speech model, None: as the toy's settings say. Raises DemoError when `out` cannot be written.
    """

    def __init__(self, out: Path, sound: Sound, *, interactive: bool = False, vosk_model: Path | None = None) -> None:
        self.reply = out / "reply.wav"
        self.trace = out / "trace.jsonl"
        self.logs = {"toy": out / "toy.log", "gateway": out / "gateway.log"}
        self.memory = out / "memory.db"
        self.archive = out / "archive.db"
        self.alerts: list[str] = []
        """What the server has printed of alerts, `SEVERITY REASON` each."""
        self.sound = sound
        self._vosk_model = vosk_model
        self._hears_card = sound == "card" and interactive
        self._token = secrets.token_urlsafe(24)
        self._token_file = out / "token"
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None
        self._url = ""
        try:
            out.mkdir(parents=True, exist_ok=True)
            for file in (self.reply, self.trace, *self.logs.values()):
                file.unlink(missing_ok=True)
            for database in (self.memory, self.archive):
                for file in out.glob(f"{database.name}*"):  # with SQLite's own files beside it, and the toy's
                    file.unlink()
        except OSError as caught:
            raise DemoError(f"nothing can be written to {out}: {caught.strerror}") from caught
        self._folder = tempfile.TemporaryDirectory(prefix="pommai-demo-")
        self._pipes = AlsaPipes(Path(self._folder.name), self.reply) if sound == "pipes" else None

    async def __aenter__(self) -> Self:
        try:
            if self._pipes is not None:
                self._pipes.start()
            await self.start_gateway()
            await self._start_toy()
        except BaseException:
            await self._end_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_all()

    @property
    def can_say(self) -> bool:
        """Whether `say` reaches the toy's microphone."""
        return not self._hears_card

    def failure(self) -> str | None:
        """Which child has ended though nobody asked it to, in words; None while all is well."""
        for name, process in self._children.items():
            if process.returncode is not None:
                return f"the {name} has ended by itself, with exit code {process.returncode}; see {self.logs[name]}"
        return None

    # -- the child -------------------------------------------------------------------------

    async def press(self) -> None:
        """Press the toy's button."""
        await self._tell_toy("press")

    async def release(self) -> None:
        """Let the toy's button go."""
        await self._tell_toy("release")

    async def wake(self) -> None:
        """Call the toy by its name."""
        await self._tell_toy("wake")

    async def say(self, what: Say) -> None:
        """Begin to speak into the toy's microphone."""
        if self._pipes is not None:
            self._pipes.say(what.frames)
        else:
            await self._tell_toy(f"say {what.path.absolute()}")

    async def _tell_toy(self, line: str) -> None:
        await _write(self._children["toy"], line)

    # -- the server ------------------------------------------------------------------------

    async def start_gateway(self) -> None:
        """Start the gateway; again, at the address it had. Raises DemoError when it does not listen."""
        port = urlsplit(self._url).port or 0
        environment = {"POMMAI_GATEWAY_TOKEN": self._token}
        arguments = ["--port", str(port), "--http-port", "none", "--data", str(self.archive)]
        process = await self._start("gateway", arguments, environment, stdout=asyncio.subprocess.PIPE)
        self._listening = asyncio.create_task(self._listen(process), name="gateway's words")
        words, _, url = (await self._answer(START_SECONDS)).rpartition(" ")
        if words != "listening on":
            raise DemoError(f"the gateway does not listen; see {self.logs['gateway']}")
        self._url = url

    async def kill_gateway(self) -> None:
        """Kill the gateway, without a goodbye."""
        process = self._children.pop("gateway", None)
        if process is not None:
            signal_session(process, signal.SIGKILL)
            await process.wait()
            if self._listening is not None:  # what it said last
                await asyncio.wait((self._listening,))

    async def operate(self, line: str) -> str:
        """Give the gateway's console a line; its answer. Raises DemoError when there is none."""
        process = self._children.get("gateway")
        if process is None:
            raise DemoError(f"the gateway was killed, and cannot '{line}' before it is started again")
        while not self._answers.empty():  # too late for what was asked before
            self._answers.get_nowait()
        await _write(process, line)
        return await self._answer(ANSWER_SECONDS)

    async def _answer(self, limit: float) -> str:
        """The next line the gateway prints that is no alert; empty when none comes in time, or none can come."""
        assert self._listening is not None
        if not self._answers.empty():
            return self._answers.get_nowait()
        line = asyncio.create_task(self._answers.get(), name="gateway's answer")
        await asyncio.wait((line, self._listening), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if line.done():
            return line.result()
        line.cancel()
        await asyncio.wait((line,))
        return ""

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Tell apart what the gateway prints, until it ends: alerts come as they come, all else answers a question."""
        assert process.stdout is not None
        async for data in process.stdout:
            line = data.decode().strip()
            if line.startswith("alert "):
                _, _device, words = line.split(" ", 2)
                self.alerts.append(words)
            else:
                self._answers.put_nowait(line)

    # -- processes -------------------------------------------------------------------------

    async def _start_toy(self) -> None:
        arguments = ["--url", self._url, "--button", "lines", "--lights", "none", "--trace", str(self.trace)]
        # A memory of its own: the user's own toy is not to be somebody else afterwards.
        arguments += ["--memory", str(self.memory), "--memory-copy", "none"]
        if self._vosk_model is not None:
            arguments += ["--vosk-model", str(self._vosk_model)]
        arguments += ["--token-file", str(keep_secret(self._token_file, self._token))]
        environment: dict[str, str] = {}
        if self.sound == "wav":
            arguments += ["--microphone", "none", "--speaker", f"wav:{self.reply}"]
        else:
            arguments += ["--microphone", "none" if self.sound == "card" and self.can_say else "portaudio"]
            arguments += ["--speaker", "portaudio"]
        if self._pipes is not None:
            environment |= self._pipes.environment
            arguments += ["--microphone-device", "default", "--speaker-device", "default"]
        arguments += ["--speaker-copy", str(self.reply) if self.sound == "card" else "none"]
        await self._start("toy", arguments, environment)

    async def _start(
        self, name: str, arguments: list[str], environment: Mapping[str, str], stdout: int | None = None
    ) -> asyncio.subprocess.Process:
        command = {"toy": "run"}.get(name, name)
        with self.logs[name].open("ab") as log:
            # In a session of its own, so that the terminal's Ctrl-C comes to the demo alone, which ends all in order.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pommai.demo.player", str(os.getpid()), command, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=log if stdout is None else stdout,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self._children[name] = process
        return process

    async def _end_all(self) -> None:
        """The toy first, so that it says goodbye to a server that is there."""
        try:
            for name in ("toy", "gateway"):
                process = self._children.pop(name, None)
                if process is not None:
                    await end_session(process, END_SECONDS)
        finally:
            for process in self._children.values():  # only when somebody is in a great hurry
                signal_session(process, signal.SIGKILL)
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.wait((self._listening,))
            if self._pipes is not None:
                self._pipes.stop()
            self._folder.cleanup()


def last_words(log: Path, count: int = 15) -> str:
    """The end of a log; empty when there is none."""
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


async def _write(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it has ended, which `failure` says better
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()
