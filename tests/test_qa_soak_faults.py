"""What each kind of fault does to a house, seen on one that only takes notes; on a real one: see test_qa_soak_run."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pommai.qa.soak_agent import CLOCK, set_clock
from pommai.qa.soak_faults import WORKS, fault_at_work
from pommai.qa.soak_network import BadNetwork
from pommai.qa.soak_plan import KINDS, Fault


class Notes:
    """Stands where a house, or a program, is; what is asked of it is noted."""

    def __init__(self, tmp_path: Path) -> None:
        self.network = BadNetwork()
        self.done: list[Any] = []
        self.disks: dict[str, Any] = {}
        self.toy, self.gateway = self._program("toy", tmp_path), self._program("gateway", tmp_path)

    def _program(self, name: str, tmp_path: Path) -> SimpleNamespace:
        async def end(number: signal.Signals, seconds: float) -> bool:
            self.done.append((name, number.name))
            return True

        set_clock(tmp_path / f"{name}.clock", 0.0)
        return SimpleNamespace(
            name=name,
            send=lambda number: self.done.append((name, number.name)),
            limit_files=lambda most: self.done.append((name, most)),
            end=end,
            unplanned=[],
            clock=tmp_path / f"{name}.clock",
        )

    async def start_gateway(self) -> None:
        self.done.append("started")

    def pull_card(self) -> None:
        self.done.append("pulled")

    def plug_card(self) -> None:
        self.done.append("plugged")

    def damage_model(self) -> Path:
        self.done.append("damaged")
        return Path("final.mdl")

    def mend_model(self, file: Path) -> None:
        self.done.append("mended")


def work(house: Any, kind: str, dose: float = 0.5, number: int = 1) -> tuple[str, list[Any], list[Any]]:
    """What is said, done while it is at work, and done after."""

    async def test() -> tuple[str, list[Any], list[Any]]:
        async with fault_at_work(house, Fault(number, kind, 0.0, 0.0, dose)) as words:
            await asyncio.sleep(0)
            during = house.done.copy()
        return words, during, house.done[len(during) :]

    return asyncio.run(test())


def test_each_kind_that_may_be_drawn_can_be_done() -> None:
    assert WORKS.keys() == KINDS.keys()


@pytest.mark.parametrize(
    ("kind", "during", "after"),
    [
        ("gateway ended", ("gateway", "SIGTERM"), "started"),
        ("gateway killed", ("gateway", "SIGKILL"), "started"),
        ("gateway stopped", ("gateway", "SIGSTOP"), ("gateway", "SIGCONT")),
        ("toy stopped", ("toy", "SIGSTOP"), ("toy", "SIGCONT")),
        ("gateway disk full", ("gateway", 0), ("gateway", None)),
        ("toy disk full", ("toy", 0), ("toy", None)),
        ("card lost", "pulled", "plugged"),
        ("model damaged", "damaged", "mended"),
    ],
)
def test_what_is_broken_is_made_whole_afterwards(tmp_path: Path, kind: str, during: Any, after: Any) -> None:
    assert work(Notes(tmp_path), kind)[1:] == ([during], [after])


def test_it_is_made_whole_too_when_the_soak_ends_meanwhile(tmp_path: Path) -> None:
    house: Any = Notes(tmp_path)

    async def test() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), fault_at_work(house, Fault(1, "card lost", 0.0, 0.0, 0.5)):
                await asyncio.sleep(3600)

    asyncio.run(test())
    assert house.done == ["pulled", "plugged"]


def test_memory_is_asked_for_again_and_again(tmp_path: Path) -> None:
    assert work(Notes(tmp_path), "memory short")[1:] == ([("toy", "SIGUSR2")], [])


def test_a_disk_is_full_itself_where_there_is_one_and_at_times_others_write_too(tmp_path: Path) -> None:
    house = Notes(tmp_path)
    house.disks["toy"] = SimpleNamespace(fill=lambda: house.done.append("full"), free=lambda: house.done.append("free"))
    assert work(house, "toy disk full", number=1) == ("ENOSPC", ["full"], ["free"])
    house.done.clear()
    assert work(house, "toy disk full", number=2) == ("ENOSPC, and others write", ["full", "full"], ["free"])
    house.done.clear()
    assert work(house, "gateway disk full")[0] == "EFBIG"


def test_a_disk_that_cannot_be_filled_is_no_secret(tmp_path: Path) -> None:
    house = Notes(tmp_path)

    def fill() -> None:
        house.done.append("full")
        if len(house.done) > 1:
            raise OSError(16, "busy")

    house.disks["toy"] = SimpleNamespace(fill=fill, free=lambda: house.done.append("free"))
    with pytest.raises(OSError, match="busy"):
        work(house, "toy disk full", number=2)
    assert house.done == ["full", "full", "free"]


def test_a_slow_network_is_as_slow_as_its_dose_says_and_quick_again(tmp_path: Path) -> None:
    house = Notes(tmp_path)
    assert work(house, "link slow", 0.5)[0] == "0.75 s"
    assert house.network.delay == 0.0


def test_a_network_that_refuses_lets_in_again(tmp_path: Path) -> None:
    house = Notes(tmp_path)
    for kind in ("link refused", "link half open", "link cut"):
        assert work(house, kind) == ("", [], [])
    assert not house.network.refuses


def test_a_clock_jumps_and_every_other_time_back(tmp_path: Path) -> None:
    house = Notes(tmp_path)

    def wrong_by() -> float:
        (seconds,) = CLOCK.unpack(house.toy.clock.read_bytes())
        return float(seconds)

    assert work(house, "clock", 0.99, number=2)[0] == "+288 h"
    assert wrong_by() == 12 * 86_400.0
    assert work(house, "clock", 0.0, number=3)[0] == "-444,444 h"
    assert wrong_by() == 0.0
