"""The players of a demo do not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pommai.demo.player import end_with

PLAYER = [sys.executable, "-m", "pommai.demo.player"]


def test_it_is_pommai_by_another_name() -> None:
    done = subprocess.run([*PLAYER, str(os.getpid()), "lights", "--list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "breathing_blue" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells children of their parent's death")
def test_one_whose_demo_is_gone_already_does_not_begin() -> None:
    done = subprocess.run([*PLAYER, "1", "lights", "--list"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "process 1, which started this one, is gone\n"
    with pytest.raises(SystemExit):
        end_with(1)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells children of their parent's death")
def test_a_demo_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text("steps:\n  - wait: 5m\n")
    demo = [sys.executable, "-m", "pommai", "demo", "--script", "script.yaml", "--sound", "wav"]
    process = subprocess.Popen(demo, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    trace = tmp_path / "out" / "trace.jsonl"
    try:
        wait_for(trace.exists)
        tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
        players = [int(word) for task in tasks for word in task.read_text().split()]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(players) == 2
    wait_for(lambda: not any(is_alive(pid) for pid in players))


def is_alive(pid: int) -> bool:
    """Zombies, which nobody has asked how they ended, are dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(happened, seconds: float = 120.0) -> None:  # type: ignore[no-untyped-def]
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)
