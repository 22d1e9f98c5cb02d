"""Toys in processes of their own, switched off and on, with a finger on the button."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from live_processes import Child
from memory_material import Machine
from test_io_memory_lock import PLANTED, fill, readable
from update_material import ROOT, chart

from pommai.io import memory_guardian as guardian
from pommai.io.reset import mark_of
from pommai.io.seal_key import key_file_of, read_key_file
from pommai.toy.forget import belongings_of
from pommai.toy.settings import Settings

BEGIN_AGAIN = 75


class House:
    """One toy; its memory in RAM, and the copy on its card."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.memory, self.copy = folder / "run" / "memory.db", folder / "card" / "memory.db"
        self.behaviour = folder / "quick.yaml"
        self.behaviour.write_text(chart(reset_hold="1s", let_go="2s"))
        (folder / "led_patterns.yaml").write_text((ROOT / "led_patterns.yaml").read_text())
        self.state = folder / "card" / "updates" / "state.json"
        self.starts = 0

    async def live(self) -> None:
        """Things are said to it, before it has a key."""
        async with Machine().memory(self.memory, persistent=self.copy) as memory:
            await fill(memory)

    @property
    def remembered(self) -> dict[str, Any]:
        """What its copy knows."""
        return guardian.read(self.copy)

    @contextmanager
    def switched_on(self, boot: str, typed: str = "") -> Iterator[Child]:
        """The toy's process; `typed` waits for it when it starts."""
        self.starts += 1
        log, out = (self.folder / f"start-{self.starts}.{kind}" for kind in ("log", "out"))
        arguments = ["run", "--button", "lines", "--lights", "none", "--microphone", "none", "--speaker", "none"]
        arguments += ["--vosk-model", "none", "--chart", str(self.behaviour), "--url", "ws://127.0.0.1:9/"]
        arguments += ["--memory", str(self.memory), "--memory-copy", str(self.copy)]
        arguments += ["--cache-dir", str(self.folder / "cache"), "--updates", str(self.state.parent)]
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_", "DEVICE_"))
        }
        reader, writer = os.pipe()
        os.write(writer, typed.encode())
        with log.open("w") as errors, out.open("w") as printed:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "power_cycled_toy.py"), boot, *arguments],
                cwd=self.folder,
                env={**clean, "PYTHONUNBUFFERED": "1"},
                stdin=reader,
                stdout=printed,
                stderr=errors,
                text=True,
            )
        os.close(reader)
        process.stdin = os.fdopen(writer, "w")
        try:
            yield Child(process, log, out)
        finally:
            process.kill()
            process.stdin.close()
            process.wait()

    def switched_off(self) -> None:
        """What lay in RAM is gone."""
        for file in self.memory.parent.iterdir():
            file.unlink()


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    asyncio.run(made.live())
    assert readable(tmp_path) == set(PLANTED)
    return made


def ended(child: Child) -> int:
    code = child.process.wait(60)
    assert "Traceback" not in child.log, child.log
    return code


def test_held_from_power_up_and_let_go_in_time_the_toy_is_as_good_as_new(house: House, tmp_path: Path) -> None:
    with house.switched_on("one") as child:
        child.logs('states="calm')  # it was in safe mode
        child.tell("quit")
        assert ended(child) == 0
    key = read_key_file(key_file_of(house.copy))
    assert key is not None
    house.switched_off()

    with house.switched_on("two", "press\n") as child:
        child.logs('states="counting')
        child.logs('states="ready_to_forget')
        child.tell("release")
        child.logs("reset begun")
        assert ended(child) == BEGIN_AGAIN

    with house.switched_on("two", "press\n") as child:  # impatient, it is pressed again: no power-up
        child.logs("reset to how it left the factory")
        child.logs('states="loading_toy')
        child.tell("release")
        child.logs('states="idle')
        child.tell("quit")
        assert ended(child) == 0
    assert readable(tmp_path) == set()
    left = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert key not in left
    found = house.remembered
    assert found["conversations"] == []
    assert "reset to how it left the factory" in str(found["safety"])
    assert not any(word in str(found) for word in PLANTED)
    assert not mark_of(belongings_of(Settings(memory=house.memory, memory_copy=house.copy))).exists()


def test_a_restart_that_is_no_power_up_forgets_nothing_however_long_the_button_is_held(house: House) -> None:
    with house.switched_on("one") as child:
        child.logs('states="calm')
        child.tell("quit")
        ended(child)
    with house.switched_on("two") as child:
        child.logs('states="calm')
        child.wait(lambda: house.remembered["facts"].get("boot") == "two", "note of this boot on the card")
        child.process.kill()  # by the watchdog, say; and what lay in RAM goes with it
        child.process.wait()
    house.switched_off()
    with house.switched_on("two", "press\n") as child:
        child.logs('states="calm')
        assert "counting" not in child.log
        child.tell("quit")
        ended(child)
    assert len(house.remembered["conversations"]) == 8
