"""The first start after power-up, and all the starts that are none."""

from __future__ import annotations

import pytest

from pommai.io import power_up
from pommai.io.clock import SimulatedClock
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.power_up import FACT, MOMENT, is_first_start


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Boots this machine: its id, and how long ago that was."""

    def boot(id_: str, seconds: float = 20.0) -> None:
        monkeypatch.setattr(power_up, "boot_id", lambda: id_)
        monkeypatch.setattr(power_up, "uptime", lambda: seconds)

    return boot


def toy() -> SimulatedMemory:
    return SimulatedMemory(SimulatedClock(lambda: 0.0))


def test_the_first_start_of_each_boot_follows_power_up_and_no_other_does(machine) -> None:
    memory = toy()
    machine("one")
    is_first_start(memory)
    for id_ in ("two", "three"):
        machine(id_)
        assert is_first_start(memory)
        for seconds in (25.0, 26.0, 400.0, 90_000.0):  # a crash, the watchdog, an update, somebody at the command line
            machine(id_, seconds)
            assert not is_first_start(memory)


def test_a_toy_that_is_started_by_hand_long_after_power_up_was_not_switched_on(machine) -> None:
    memory = toy()
    machine("one")
    is_first_start(memory)
    machine("two", MOMENT + 1)
    assert not is_first_start(memory)
    assert memory.fact(FACT) == "two"


def test_a_fresh_memory_knows_of_no_power_up_so_that_a_reset_is_not_followed_by_another(machine) -> None:
    machine("one")
    assert not is_first_start(toy())


def test_this_machine_has_an_id_of_its_boot_that_stays() -> None:
    memory = toy()
    assert not is_first_start(memory)
    assert not is_first_start(memory)
    assert memory.fact(FACT)
