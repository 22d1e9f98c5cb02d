"""Figures of a machine, read from files like Linux's; what is not there is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from pommai.io.vitals import Summary, Vitals

WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   60.  {level}  -256        0      0      0      0      0        0
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    write(tmp_path, "proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n")
    write(tmp_path, "proc/meminfo", "MemTotal:  400000 kB\nMemFree: 1 kB\nMemAvailable:  100000 kB\n")
    write(tmp_path, "proc/self/statm", "9000 2500 300 1 0 800 0\n")
    write(tmp_path, "proc/net/wireless", WIRELESS.format(level="-52."))
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", "48312\n")
    write(tmp_path, "sys/class/thermal/thermal_zone1/temp", "51000\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_machine_tells_all_it_knows(machine: Path) -> None:
    vitals = Vitals(machine)
    first = vitals.sample()
    assert first.pop("process_mb") > 5
    assert first == {"memory_used_percent": 75.0, "temperature_c": 51.0, "wifi_dbm": -52.0}
    write(machine, "proc/stat", "cpu  200 0 150 1050 100 0 0 0 0 0\n")
    assert vitals.sample()["cpu_percent"] == pytest.approx(30.0)


def test_a_machine_that_tells_nothing_has_no_figures(tmp_path: Path) -> None:
    assert Vitals(tmp_path).sample() == {}


@pytest.mark.parametrize("text", ["", "\n", "cpu", "cpu a b c d e f", "\0\xff" * 50, "-" * 100_000, "MemTotal:\nx: y"])
def test_files_with_nonsense_in_them_are_as_good_as_none(machine: Path, text: str) -> None:
    for path in machine.rglob("*"):
        if path.is_file():
            path.write_text(text)
    assert Vitals(machine).sample() == {}


def test_a_counter_that_goes_back_gives_no_figure(machine: Path) -> None:
    vitals = Vitals(machine)
    vitals.sample()
    write(machine, "proc/stat", "cpu  1 0 1 7 1 0 0 0 0 0\n")
    assert "cpu_percent" not in vitals.sample()


@pytest.mark.parametrize(("level", "told"), [("-52.", -52.0), ("204.", -52.0), ("0", 0.0)])
def test_a_signal_is_in_decibels_however_the_driver_counts(machine: Path, level: str, told: float) -> None:
    write(machine, "proc/net/wireless", WIRELESS.format(level=level))
    assert Vitals(machine).sample()["wifi_dbm"] == told


def test_this_machine_has_figures_that_can_be() -> None:
    vitals = Vitals()
    vitals.sample()
    sum(range(1_000_000))
    found = vitals.sample()
    assert 0 <= found.get("cpu_percent", 0) <= 100
    assert 0 < found["memory_used_percent"] < 100
    assert 1 < found["process_mb"] < 100_000


def test_samples_become_one_by_their_mean_and_heat_by_its_highest() -> None:
    summary = Summary()
    summary.add({"cpu_percent": 10.0, "temperature_c": 40.0})
    summary.add({"cpu_percent": 20.0, "temperature_c": 60.0, "wifi_dbm": -50.04})
    assert summary.take() == {"cpu_percent": 15.0, "temperature_c": 60.0, "wifi_dbm": -50.0}
    assert summary.take() == {}
