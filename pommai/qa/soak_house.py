"""Where a soak takes place: a toy and its gateway as they are in a home, each a process, and what can be done to them.

The toy runs on PortAudio with a sound card made of pipes, hears with Vosk and remembers in SQLite. The gateway
understands it with the same model, answers by rule and speaks with espeak-ng. The network between them is a bad one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pommai.errors import PommaiError
from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.secret import keep_secret
from pommai.qa.soak_agent import set_clock
from pommai.qa.soak_disk import Disk
from pommai.qa.soak_network import BadNetwork
from pommai.qa.soak_program import Program
from pommai.qa.soak_watch import Pipe, ToyWatch
from pommai.toy.settings import find_project_file

START_SECONDS: Final = 60.0
END_SECONDS: Final = 15.0
"""A program that has not ended so long after SIGTERM is killed, and that is a fault of its own."""
DEVICE: Final = "soak-1"
_GATEWAY: Final = """\
hearing: {{vosk: {{model: "{model}"}}}}
answering: scripted
voice: espeak-ng
"""


class House:
    """Enter it: everything is started, and the toy rests and is online. On leaving all is ended, the toy first.

    `out` gets logs and databases, those of another time are deleted. Raises PommaiError when something does not start.
    """

    def __init__(self, out: Path, model: Path, resting: frozenset[str], *, disks: bool = False) -> None:
        """`model`: the folder of a Vosk model; it is copied. `resting`: states the toy may stay in.

        With `disks`, toy and gateway have a disk of their own each, see soak_disk; what was on them is in `out` after
        leaving.
        """
        self.watch = ToyWatch(resting)
        self.disks: dict[str, Disk] = {}
        """By the name of the program."""
        self.memory, self.archive = out / "toy" / "memory.db", out / "gateway" / "archive.db"
        self.personas = out / "personas.yaml"
        self.model = out / "model"
        self.operator_token = secrets.token_urlsafe(24)
        self.operators = ""
        """Where operators find the gateway by HTTP."""
        self.personas_lock = asyncio.Lock()
        """Held by who needs personas.yaml to be right, or makes it wrong: a gateway does not start with a mistake."""
        self._token = secrets.token_urlsafe(24)
        self._port = self._http_port = "0"
        self._out = out.absolute()
        self._spare_model = model
        self._wants_disks = disks
        self._stack = AsyncExitStack()
        self._looks: dict[str, Pipe] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._begin(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _begin(self, stack: AsyncExitStack) -> None:
        await asyncio.to_thread(self._lay_out)
        if self._wants_disks:
            self._mount_disks(stack)
        pipes = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pommai-soak-")))
        self.card = AlsaPipes(pipes, pipes / "played.wav")
        self.card.start()
        stack.callback(self.card.stop)
        trace = stack.enter_context(contextlib.closing(Pipe(pipes / "trace")))
        reading = asyncio.create_task(self._read_trace(trace), name="trace")
        stack.push_async_callback(_end_task, reading)
        self.network = await stack.enter_async_context(BadNetwork())
        self.toy = Program("toy", self._out / "toy", pipes, self._out / "toy.log")
        self.gateway = Program("gateway", self._out / "gateway", pipes, self._out / "gateway.log")
        for program in (self.toy, self.gateway):
            set_clock(program.clock, 0.0)
            self._looks[program.name] = stack.enter_context(contextlib.closing(Pipe(program.looks)))
            stack.push_async_callback(program.end, signal.SIGKILL, END_SECONDS)
        await self.start_gateway()
        await self._start_toy(trace.path)
        limit = asyncio.get_running_loop().time() + START_SECONDS
        while not (self.watch.rests and self.watch.online):
            if not self.toy.alive or asyncio.get_running_loop().time() > limit:
                words = "\n".join(self.toy.last_lines)
                how = f"was not online within {START_SECONDS:g} s" if self.toy.alive else "has ended"
                raise PommaiError(f"the toy {how}:\n{words}")
            await asyncio.sleep(0.1)

    def _lay_out(self) -> None:
        for name in ("toy", "gateway", "model"):
            shutil.rmtree(self._out / name, ignore_errors=True)
        for name in ("toy", "gateway"):
            (self._out / name).mkdir(parents=True)
            (self._out / f"{name}.log").unlink(missing_ok=True)
        shutil.copytree(self._spare_model, self.model)
        for file in self.model.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
        shutil.copyfile(find_project_file("personas.yaml"), self.personas)
        (self._out / "gateway.yaml").write_text(_GATEWAY.format(model=self._out / "model"))

    def _mount_disks(self, stack: AsyncExitStack) -> None:
        for name in ("toy", "gateway"):
            self.disks[name] = Disk(self._out / name)
            stack.push_async_callback(asyncio.to_thread, self._take_from_disk, name)

    def _take_from_disk(self, name: str) -> None:
        """Have what is on a disk where it was mounted, without it."""
        with tempfile.TemporaryDirectory(prefix="pommai-soak-") as kept:
            shutil.copytree(self._out / name, kept, dirs_exist_ok=True)
            self.disks.pop(name).unmount()
            shutil.copytree(kept, self._out / name, dirs_exist_ok=True)

    # -- programs --------------------------------------------------------------------------

    async def start_gateway(self) -> None:
        """Start it, where it was. Raises PommaiError when it does not listen."""
        words = ["gateway", "--host", "127.0.0.1", "--port", self._port, "--http-port", self._http_port]
        words += ["--data", str(self._out / "gateway" / "archive.db"), "--personas", str(self.personas.absolute())]
        words += ["--engines", str(self._out / "gateway.yaml")]
        environment = {"POMMAI_GATEWAY_TOKEN": self._token, "POMMAI_OPERATOR_TOKEN": self.operator_token}
        async with self.personas_lock:
            await self._start_gateway(words, environment)

    async def _start_gateway(self, words: list[str], environment: dict[str, str]) -> None:
        await self.gateway.start(words, environment)
        while not (line := await self.gateway.said(START_SECONDS)).startswith("listening on "):
            if line.startswith("operators: "):
                self.operators = line.removeprefix("operators: ")
                self._http_port = line.rpartition(":")[2].strip("/")
        self._port = line.rpartition(":")[2].partition("/")[0]
        self.network.to_port = int(self._port)

    async def _start_toy(self, trace: Path) -> None:
        settings = {
            "url": f"ws://127.0.0.1:{self.network.port}/audio-stream",
            "device-id": DEVICE,
            "token-file": keep_secret(self._out / "toy" / "token", self._token),
            "vosk-model": self._out / "model",
            "microphone": "portaudio",
            "speaker": "portaudio",
            "microphone-device": "default",
            "speaker-device": "default",
            "button": "lines",
            "lights": "none",
            "memory": self._out / "toy" / "memory.db",
            "memory-copy": "none",
            "cache-dir": self._out / "toy" / "cache",
            "updates": self._out / "toy" / "updates",
            "trace": trace,
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        await self.toy.start(["run", *words], self.card.environment)

    async def _read_trace(self, trace: Pipe) -> None:
        while True:
            self.watch.take(await trace.lines.get())

    async def look_inside(self, program: Program, seconds: float = 2.0) -> dict[str, Any]:
        """What the program holds, as it says itself (see soak_agent.look); nothing when it does not answer in time."""
        lines = self._looks[program.name].lines
        while not lines.empty():
            lines.get_nowait()
        program.send(signal.SIGUSR1)
        try:
            async with asyncio.timeout(seconds):
                return await lines.get()
        except TimeoutError:
            return {}

    # -- the card --------------------------------------------------------------------------

    def pull_card(self) -> None:
        """Pull the sound card out: what uses it fails, and it cannot be opened."""
        self.card.stop()

    def plug_card(self) -> None:
        """Put it in again."""
        self.card.start()

    # -- the model -------------------------------------------------------------------------

    def damage_model(self) -> Path:
        """Damage the model's largest file in its middle, as a worn card does. Returns it."""
        file = max((each for each in self.model.rglob("*") if each.is_file()), key=lambda each: each.stat().st_size)
        data = bytearray(file.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 4096] = bytes(4096)
        _replace(file, bytes(data))
        return file

    def mend_model(self, file: Path) -> None:
        """Have the file be as it was."""
        _replace(file, (self._spare_model / file.relative_to(self.model)).read_bytes())


def _replace(file: Path, data: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(data)
    new.replace(file)


async def _end_task(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
