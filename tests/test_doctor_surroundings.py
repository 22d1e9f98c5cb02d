"""The world's ports: commands, files, and who the toy's user is."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_material import RUNNING, world

from pommai.doctor import surroundings as module
from pommai.doctor.surroundings import Computer, Nobody, run_command


def test_a_command_gives_what_it_wrote_and_its_status() -> None:
    done = asyncio.run(run_command(sys.executable, "-c", "import sys; print('out'); sys.exit('err')"))
    assert done is not None
    assert (done.status, done.text, done.errors) == (1, "out\n", "err\n")


def test_a_command_speaks_english() -> None:
    done = asyncio.run(run_command(sys.executable, "-c", "import os; print(os.environ['LC_ALL'])"))
    assert done is not None
    assert done.text == "C\n"


def test_a_program_that_is_not_installed_is_none() -> None:
    assert asyncio.run(run_command("no-such-program-here")) is None


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.05)
    done = asyncio.run(run_command("sleep", "1000"))
    assert done is not None
    assert (done.status, "did not answer" in done.errors) == (124, True)


def test_a_command_ends_with_who_waits_for_it() -> None:
    async def main() -> None:
        task = asyncio.create_task(run_command("sleep", "1000"))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())


def test_small_files_are_read_and_what_is_not_there_is_empty(tmp_path: Path) -> None:
    there = world(
        tmp_path, {"/proc/x": "one\n", "/proc/odd": "\udcff".encode("utf-8", "surrogateescape").decode("latin1")}
    )
    assert there.text("/proc/x") == "one\n"
    assert there.text("/proc/odd")
    assert there.text("/proc/none") == ""
    assert there.text("/proc") == ""


def test_who_is_not_the_toys_user_is_told_how_to_be(tmp_path: Path) -> None:
    assert world(tmp_path).as_toy == ""
    assert world(tmp_path, unit=RUNNING).as_toy == ""
    assert world(tmp_path, unit=replace(RUNNING, user="toy")).as_toy.startswith("sudo -u toy ")


def test_a_service_that_runs_holds_the_devices(tmp_path: Path) -> None:
    there = world(tmp_path, unit=RUNNING)
    assert "pommai.service" in there.holder
    assert there.stop_toy.startswith("sudo systemctl stop pommai.service")
    assert world(tmp_path, unit=replace(RUNNING, active="inactive")).holder == ""
    assert "Ctrl-C" in world(tmp_path).stop_toy


def test_this_computer_is_described() -> None:
    here = Computer()
    assert here.python == sys.version_info[:3]
    assert here.bits in (32, 64)
    assert here.user


def test_a_user_without_a_name_goes_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert Computer().user == str(os.getuid())


def test_nobody_answers() -> None:
    Nobody().tell("hello")
    assert asyncio.run(Nobody().agrees("yes?")) is None
