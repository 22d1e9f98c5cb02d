"""What a process takes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import pytest

from pommai.errors import SettingsError
from pommai.qa.load_process import WatchedProcess, allow_files, machine_seconds


def test_processor_time_and_memory_of_a_process_are_seen() -> None:
    watched = WatchedProcess(os.getpid())
    watched.settle()
    watched.start()
    hog = bytearray(60_000_000)
    hog[::4096] = b"x" * len(hog[::4096])
    while watched.cpu_seconds() - watched._cpu_before < 0.05:
        sum(range(100_000))
    watched.look()
    del hog
    usage = watched.usage(1.0)
    assert usage.rss_most - usage.rss_before > 40_000_000
    assert usage.cpu >= 0.05
    assert usage.bytes_a_toy(10) == (usage.rss_most - usage.rss_before) / 10


def test_the_machine_works_at_least_as_much_as_this_process() -> None:
    before, own_before = machine_seconds(), time.process_time()
    while time.process_time() - own_before < 0.2:
        sum(range(100_000))
    assert machine_seconds() - before >= 0.15  # counted in hundredths


def test_a_process_that_is_not_there_is_told() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(SettingsError, match=f"there is no process {process.pid} to look at"):
        WatchedProcess(process.pid)


def test_a_process_that_ends_keeps_the_figures_it_had() -> None:
    code = "import time\ninput()\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
        watched = WatchedProcess(process.pid)
        watched.start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        watched.look()
        process.communicate(b"\n")
    usage = watched.usage(1.0)
    assert usage.cpu >= 0.1
    assert usage.rss_most > 0
    watched.start()
    watched.settle()
    assert watched.usage(1.0) == usage
    assert watched.most_files() is None


def test_the_limit_of_files_of_a_process_is_known() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert WatchedProcess(os.getpid()).most_files() == soft


def limited(soft: int, hard: int, toys: int) -> subprocess.CompletedProcess[str]:
    """`allow_files` in a process with these limits."""
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from pommai.qa.load_process import allow_files\n"
        f"allow_files({toys})\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_limit_that_may_be_raised_is_raised() -> None:
    assert limited(128, 1024, 300).stdout == "364\n"


def test_a_limit_that_is_high_enough_is_left_alone() -> None:
    assert limited(512, 1024, 300).stdout == "512\n"


def test_a_limit_that_may_not_be_raised_is_told_with_what_to_do() -> None:
    told = limited(128, 256, 300).stderr
    assert "300 toys need 364 open files, and this shell allows 256" in told
    assert "ulimit -n 364" in told


def test_a_handful_of_toys_needs_nothing() -> None:
    allow_files(3)
