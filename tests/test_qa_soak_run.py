"""A soak with real processes, short: the same code as the long one, with each kind of fault about once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from speech_material import VOSK_TINY

from pommai.errors import PommaiError
from pommai.qa import soak_run
from pommai.qa.soak_kept import Ledger
from pommai.qa.soak_plan import KINDS
from pommai.qa.soak_run import Gate, Now, run_soak, until_awake, until_told
from pommai.qa.soak_watch import ToyWatch

RESTING = frozenset({"idle", "safe_mode"})


def test_a_toy_and_its_gateway_bear_whatever_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_run, "BRIEF_S", soak_run.TOLD_S)  # it is stopped for our sake, and nobody waits
    told: list[Now] = []

    async def test() -> None:
        stop = asyncio.Event()

        def progress(now: Now) -> None:
            told.append(now)
            if now.faults >= len(KINDS):
                stop.set()

        soak = await run_soak(tmp_path, VOSK_TINY, RESTING, seconds=119.0, seed=4, stop=stop, progress=progress)
        soak.interrupted = False  # it is over when each fault has come, and must have told everything, too
        assert soak.verdict == []
        assert {recovery.fault.kind for recovery in soak.recoveries} == set(KINDS)
        assert soak.lives == {"toy": 1, "gateway": 3}
        assert soak.stills
        assert {look.who for look in soak.looks if look.rests and look.tasks} == {"toy", "gateway"}
        assert soak.did["child"]
        with closing(sqlite3.connect(tmp_path / "gateway" / "archive.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    asyncio.run(test())
    assert told[-1].faults >= len(KINDS)
    assert 0.0 < told[-1].share <= 1.0
    assert told[-1].memory_mb > 20


def test_a_soak_that_cannot_begin_says_why(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    with pytest.raises(PommaiError, match="the gateway did not say what it should"):
        asyncio.run(run_soak(tmp_path / "out", model, RESTING, seconds=30.0, seed=1, stop=asyncio.Event()))


def test_at_a_still_moment_nobody_is_busy() -> None:
    async def test() -> None:
        gate, seen = Gate(), []
        go_on = asyncio.Event()

        async def work(name: str) -> None:
            async with gate.busy():
                seen.append(f"{name} begins")
                await go_on.wait()
                seen.append(f"{name} ends")

        async def be_still() -> None:
            async with gate.still():
                seen.append("still")
                await asyncio.sleep(0)
                seen.append("still yet")

        first = asyncio.create_task(work("one"))
        await asyncio.sleep(0)
        stillness = asyncio.create_task(be_still())
        await asyncio.sleep(0)
        second = asyncio.create_task(work("two"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, stillness, second)
        assert seen == ["one begins", "one ends", "still", "still yet", "two begins", "two ends"]

    asyncio.run(test())


def test_a_toy_is_let_out_of_safe_mode_before_what_it_takes_at_rest_is_looked_at() -> None:
    watch, resumed = ToyWatch(RESTING), []
    watch.take({"kind": "configuration", "states": ["safe_mode", "calm", "online"]})

    async def resume() -> None:
        resumed.append("resume")
        asyncio.get_running_loop().call_later(0.01, watch.take, {"kind": "configuration", "states": ["greeting"]})
        asyncio.get_running_loop().call_later(0.6, watch.take, {"kind": "configuration", "states": ["idle", "online"]})

    asyncio.run(until_awake(watch, resume))
    assert (resumed, watch.states) == (["resume"], {"idle", "online"})


def test_a_toy_that_is_in_safe_mode_at_the_end_is_let_out_for_it_keeps_to_itself_there_what_was_said() -> None:
    watch, resumed = ToyWatch(RESTING), []
    watch.take({"kind": "configuration", "states": ["safe_mode", "calm", "online"]})

    class KeptBack(Ledger):
        def note(self, memory: Path) -> None:
            self.waiting = 0 if len(resumed) == 2 else 4

    async def resume() -> None:
        resumed.append("resume")  # the first one is lost
        if len(resumed) == 2:
            watch.take({"kind": "configuration", "states": ["idle", "online"]})

    house = SimpleNamespace(watch=watch, memory=Path("memory.db"))
    asyncio.run(until_told(house, KeptBack("soak-1"), resume))  # type: ignore[arg-type]
    assert resumed == ["resume"] * 2
