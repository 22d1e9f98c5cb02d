"""A process seen from outside, and a toy by its trace."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from pommai.qa.soak_watch import Pipe, Processors, ToyWatch, processors, size_mb, vitals


def test_a_process_is_seen_with_its_files_and_threads() -> None:
    found = vitals(os.getpid())
    assert found is not None
    assert 5 < found.memory_mb < 10_000
    with open("/dev/null") as _, open("/dev/null") as _:
        more = vitals(os.getpid())
    assert more is not None
    assert more.handles == found.handles + 2
    assert more.threads == len(more.switches) >= 1


def test_a_process_that_has_ended_is_not_there() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert vitals(process.pid) is not None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert vitals(process.pid) is None, "dead, and not yet buried"
    process.communicate()
    assert vitals(process.pid) is None


def test_the_machine_is_as_idle_as_its_processors() -> None:
    before = processors()
    assert 0 < before.idle < before.all
    time.sleep(0.05)
    assert 0.0 <= processors().idle_since(before) <= 1.0
    assert Processors(130, 1400).idle_since(Processors(100, 1200)) == 0.15
    assert Processors(100, 1200).idle_since(Processors(100, 1200)) == 0.0


def test_a_database_is_as_large_as_all_its_files(tmp_path: Path) -> None:
    assert size_mb(tmp_path / "memory.db") == 0.0
    (tmp_path / "memory.db").write_bytes(bytes(500_000))
    (tmp_path / "memory.db-wal").write_bytes(bytes(250_000))
    (tmp_path / "other.db").write_bytes(bytes(999))
    assert size_mb(tmp_path / "memory.db") == 0.75


def test_lines_come_out_of_a_pipe_whole_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    async def test() -> None:
        pipe = Pipe(tmp_path / "pipe")
        with (tmp_path / "pipe").open("wb", buffering=0) as end:
            end.write(b'{"a": 1}\n{"b":')
            assert await pipe.lines.get() == {"a": 1}
            end.write(b' 2}\nhalf a li{"c": 3}\n[4]\n{"d": 5}\n')
            assert await pipe.lines.get() == {"b": 2}
            assert await pipe.lines.get() == {"d": 5}
        pipe.close()

    asyncio.run(test())


def told(*states: str) -> dict[str, object]:
    return {"kind": "configuration", "name": "", "states": list(states)}


def test_a_toy_rests_and_is_online_when_its_trace_says_so() -> None:
    async def test() -> None:
        watch = ToyWatch({"idle", "safe_mode"})
        assert not watch.rests
        both = asyncio.create_task(watch.until(rests=True, online=True))
        watch.take(told("playing", "idle", "offline"))
        await asyncio.sleep(0)
        assert watch.rests
        assert not watch.online
        watch.take(told("playing", "listening", "online"))
        await asyncio.sleep(0)
        assert watch.unrest == 1
        assert not both.done()
        watch.take(told("playing", "idle", "online"))
        await both

    asyncio.run(test())


def test_a_mark_counts_from_the_moment_somebody_waits() -> None:
    async def test() -> None:
        watch = ToyWatch({"idle"})
        watch.take({"kind": "mark", "name": "called"})
        waiting = asyncio.create_task(watch.until(mark="called"))
        await asyncio.sleep(0)
        watch.take({"kind": "operation", "name": "called"})
        await asyncio.sleep(0)
        assert not waiting.done()
        watch.take({"kind": "mark", "name": "called"})
        await waiting

    asyncio.run(test())
