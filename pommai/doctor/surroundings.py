"""The world a check looks at, behind ports small enough that a test can be the world."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import platform
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pommai.doctor.unit import Unit
from pommai.io.clock import SystemClock
from pommai.io.portaudio_host import HOST, SoundDevice
from pommai.io.ports import Button, Lights, Microphone, Speaker
from pommai.io.tls import ServerTrust, pins_at
from pommai.toy.settings import Settings
from pommai.toy.wiring import make_button, make_lights, make_microphone, make_speaker, on_a_pi

if TYPE_CHECKING:
    from pommai.io.cloud_http import CloudHttp

COMMAND_SECONDS = 10.0
"""Longest that a command of the system may take."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote. `status` is its exit code."""

    status: int
    text: str
    errors: str = ""


Command = Callable[..., Awaitable[Output | None]]
"""Runs a program with these words; None when it is not installed."""


async def run_command(*words: str) -> Output | None:
    """The port Command. One that takes longer than COMMAND_SECONDS is ended, and has the status 124."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env={**os.environ, "LC_ALL": "C"}
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            text, errors = await process.communicate()
    except TimeoutError:
        return Output(124, "", f"{words[0]} did not answer within {COMMAND_SECONDS:g} s")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Output(process.returncode or 0, text.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))


class Person(Protocol):
    """Whoever stands before the toy."""

    def tell(self, words: str) -> None:
        """Say something to them."""

    async def agrees(self, question: str) -> bool | None:
        """Yes or no; None when there is nobody to be asked."""


class Nobody:
    """The port Person where nobody can be asked, or is not to be: `--yes`."""

    def tell(self, words: str) -> None:
        """Do nothing."""

    async def agrees(self, question: str) -> bool | None:
        return None


@dataclass(frozen=True, slots=True)
class Computer:
    """What Python says of the machine it runs on."""

    python: tuple[int, int, int] = sys.version_info[:3]
    bits: int = struct.calcsize("P") * 8
    machine: str = field(default_factory=platform.machine)
    is_pi: bool = field(default_factory=on_a_pi)
    user: str = field(default_factory=lambda: _user())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number that has no name
        return str(os.getuid())


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything a check may look at, and the toy's own parts, as it would make them."""

    settings: Settings
    unit: Unit | None = None
    """The toy's systemd service; None where there is none."""
    computer: Computer = field(default_factory=Computer)
    root: Path = Path("/")
    """Where `proc`, `sys` and the like are."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    command: Command = run_command
    person: Person = field(default_factory=Nobody)
    thorough: bool = False
    wall: Callable[[], float] = time.time
    authorities: Callable[[], ssl.SSLContext] | None = None
    """In place of the system's."""
    sound_devices: Callable[[], Awaitable[Sequence[SoundDevice]]] = HOST.devices
    microphone: Callable[[Settings], Microphone] = make_microphone
    speaker: Callable[[Settings], Speaker] = make_speaker
    lights: Callable[[Settings], Lights] = make_lights
    button: Callable[[Settings, Callable[[], None], Microphone], Button | None] = make_button
    server_minus_own: list[float] = field(default_factory=list)
    """Seconds by which servers were ahead of this machine's clock: what one check hears, the clock's is told."""

    def trust(self) -> ServerTrust:
        """Whom the toy believes to be its server."""
        context = None if self.authorities is None else self.authorities()
        return ServerTrust(context, pins=self.settings.server_pins, now=SystemClock().now)

    def cloud_http(self, url: str) -> CloudHttp:
        """Connections to the cloud, as the toy makes them. Raises SettingsError."""
        from pommai.io.cloud_http import CloudHttp

        context = None if self.authorities is None else self.authorities()
        pins = pins_at(url, self.settings.url, self.settings.server_pins)
        trust = ServerTrust(context, pins=pins, now=SystemClock().now)
        return CloudHttp(url, trust=trust, plaintext=self.settings.plaintext == "anywhere")

    def text(self, path: str) -> str:
        """What a small file of the system holds; empty when there is none, or it is not to be read."""
        try:
            with (self.root / path.lstrip("/")).open(encoding="utf-8", errors="replace") as file:
                return file.read(262_144)
        except OSError:
            return ""

    @property
    def as_toy(self) -> str:
        """How to run the doctor as the toy's own user; empty when this is that user, or there is none."""
        if self.unit is None or not self.unit.user or self.unit.user == self.computer.user:
            return ""
        return f"sudo -u {self.unit.user} {sys.executable} -m pommai doctor"

    @property
    def holder(self) -> str:
        """Who holds the toy's devices: words for a person, empty when they are free."""
        if self.unit is not None and self.unit.is_running:
            return f"the toy is running ({self.unit.name}) and holds its devices"
        lock = self.settings.memory.with_name(self.settings.memory.name + ".lock")
        with contextlib.suppress(OSError):
            inode = str(lock.stat().st_ino)
            for line in self.text("/proc/locks").splitlines():
                words = line.split()
                if words[1:2] == ["FLOCK"] and len(words) > 5 and words[5].rpartition(":")[2] == inode:
                    return f"a toy is running (process {words[4]}) and holds its devices"
        return ""

    @property
    def stop_toy(self) -> str:
        """How to have the toy let go."""
        if self.unit is not None and self.unit.is_running:
            return f"sudo systemctl stop {self.unit.name}\nafterwards: sudo systemctl start {self.unit.name}"
        return "end it (Ctrl-C where it was started), then run this again"
