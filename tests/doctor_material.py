"""What the doctor's tests share: a world of files and commands, and a run of one check."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pommai.doctor.finding import Finding, Run
from pommai.doctor.surroundings import Computer, Output, Surroundings
from pommai.doctor.unit import Unit
from pommai.io.secret import keep_secret
from pommai.toy.settings import Settings, load_settings

NOON = 1_796_000_000.0
"""Some day in 2026, seconds since 1970."""
PI = Computer((3, 11, 2), 64, "aarch64", True, "pommai")
DESK = Computer((3, 11, 2), 64, "x86_64", False, "pommai")
RUNNING = Unit(active="active", substate="running", user="pommai", watchdog="30s")


def settings(folder: Path, **values: str) -> Settings:
    """Settings with a memory of its own, and these beside; `token` is put into a file."""
    names = {"url": "CONVEX_URL", "device_id": "DEVICE_ID"}
    if "token" in values:
        values["token_file"] = str(keep_secret(folder / "token", values.pop("token")))
    given = {"memory": str(folder / "memory.db"), "cache_dir": str(folder), "models": str(folder), **values}
    environment = {names.get(name, f"POMMAI_{name.upper()}"): value for name, value in given.items()}
    return load_settings(environment=environment)


def world(folder: Path, files: Mapping[str, str] | None = None, **more: Any) -> Surroundings:
    """Surroundings whose system files are these, and where no command is installed."""
    for name, text in (files or {}).items():
        path = folder / "root" / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    more.setdefault("settings", settings(folder))
    more.setdefault("computer", DESK)
    more.setdefault("command", commands({}))
    more.setdefault("wall", lambda: NOON)
    return Surroundings(root=folder / "root", environment={}, **more)


def commands(answers: Mapping[str, Output | str]) -> Callable[..., Awaitable[Output | None]]:
    """The port Command: programs by their first words."""

    async def run(*words: str) -> Output | None:
        line = " ".join(words)
        for begin, answer in answers.items():
            if line.startswith(begin):
                return Output(0, answer) if isinstance(answer, str) else answer
        return None

    return run


def look(check: Run, surroundings: Surroundings) -> Finding:
    """What a check finds. One that hangs fails."""

    async def main() -> Finding:
        async with asyncio.timeout(150):
            return await check(surroundings)

    return asyncio.run(main())


class Asked:
    """The port Person: answers as a test says, and remembers what it was told."""

    def __init__(self, answer: bool | None, do: Callable[[], None] = lambda: None) -> None:
        self.answer = answer
        self.told: list[str] = []
        self.questions: list[str] = []
        self._do = do

    def tell(self, words: str) -> None:
        self.told.append(words)

    async def agrees(self, question: str) -> bool | None:
        self.questions.append(question)
        self._do()
        return self.answer
