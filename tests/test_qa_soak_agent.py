"""The program that everybody runs, with somebody beside it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pommai.qa.soak_agent import look, page_out, set_clock, shift_clock, teller


def agent(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    set_clock(tmp_path / "clock", 0.0)
    command = [sys.executable, "-m", "pommai.qa.soak_agent", str(os.getpid())]
    command += [str(tmp_path / "clock"), str(tmp_path / "looks"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_pommai_by_another_name(tmp_path: Path) -> None:
    done = agent(tmp_path, "lights", "--list")
    assert done.returncode == 0, done.stderr
    assert "breathing_blue" in done.stdout


def test_its_mistakes_are_those_of_pommai(tmp_path: Path) -> None:
    done = agent(tmp_path, "lihgts")
    assert done.returncode == 2
    assert "lihgts" in done.stderr


def test_the_time_of_day_goes_wrong_from_one_moment_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", real)
    monkeypatch.setattr(time, "time_ns", real_ns)
    set_clock(tmp_path / "clock", 0.0)
    shift_clock(tmp_path / "clock")
    assert time.time() == pytest.approx(real(), abs=60.0)
    set_clock(tmp_path / "clock", -86_400.0)
    assert time.time() == pytest.approx(real() - 86_400.0, abs=60.0)
    assert time.time_ns() == pytest.approx(real_ns() - 86_400e9, abs=60e9)
    set_clock(tmp_path / "clock", 0.0)
    assert time.time() == pytest.approx(real(), abs=60.0)


def test_a_look_counts_what_the_program_holds(tmp_path: Path) -> None:
    async def waits() -> None:
        await asyncio.sleep(3600)

    async def test() -> None:
        before = look()
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        after = look()
        task.cancel()
        await asyncio.wait([task])
        assert after["tasks"] == before["tasks"] + 1
        assert after["timers"] == before["timers"] + 1
        assert after["objects"] > 1000
        assert after["named"]["test_a_look_counts_what_the_program_holds.<locals>.waits"] == 1

    assert look() == {}, "nothing runs"
    asyncio.run(test())


def test_a_look_is_told_to_whoever_reads_and_else_to_nobody(tmp_path: Path) -> None:
    tell = teller(tmp_path / "looks")
    tell()
    os.mkfifo(tmp_path / "looks")
    tell()
    reader = os.open(tmp_path / "looks", os.O_RDONLY | os.O_NONBLOCK)
    tell()
    assert json.loads(os.read(reader, 5000)) == {}
    os.close(reader)


def test_memory_is_taken_away_and_everything_is_as_before() -> None:
    kept = bytearray(os.urandom(1 << 20))
    copy = bytes(kept)
    assert page_out() > 1 << 20
    assert kept == copy
