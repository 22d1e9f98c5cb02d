"""The time of day, and whether it is to be believed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.io import clock
from pommai.io.clock import SimulatedClock, SystemClock, boot_id, is_synchronised, to_milliseconds, to_text, uptime

TODAY = 1_790_000_000.0  # 2026-09-21


class Machine:
    """What a clock asks of the system."""

    def __init__(self, wall: float, *, synchronised: bool = False) -> None:
        self.wall, self.uptime, self.synchronised = wall, 100.0, synchronised
        self.clock = SystemClock(
            wall=lambda: self.wall, monotonic=lambda: self.uptime, synchronised=lambda: self.synchronised
        )

    def after(self, seconds: float) -> None:
        self.wall += seconds
        self.uptime += seconds


def test_a_stamp_is_utc_in_iso_8601_with_milliseconds() -> None:
    assert Machine(TODAY + 0.5678).clock.now().text == "2026-09-21T14:13:20.567Z"


def test_the_real_clock_stamps() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", SystemClock().now().text)


def test_a_clock_that_nobody_vouches_for_is_not_trusted() -> None:
    assert not Machine(TODAY).clock.now().trusted


def test_a_synchronised_clock_is_trusted_but_never_before_this_make() -> None:
    assert Machine(TODAY, synchronised=True).clock.now().trusted
    assert not Machine(0.0, synchronised=True).clock.now().trusted
    assert not Machine(1_767_225_599.0, synchronised=True).clock.now().trusted  # the last second of 2025


def test_a_server_that_agrees_makes_it_trusted_until_somebody_sets_it_differently() -> None:
    machine = Machine(TODAY)
    assert machine.clock.hint(to_text(int((TODAY + 200) * 1000)))
    assert machine.clock.now().trusted
    machine.after(86_400.0)
    assert machine.clock.now().trusted
    machine.wall -= 7200
    assert not machine.clock.now().trusted


@pytest.mark.parametrize("told", [None, "", "soon", "1970-01-01T00:00:00Z", "2026-09-21T14:18:21Z", "9" * 400])
def test_a_server_that_disagrees_or_talks_nonsense_changes_nothing(told: str | None) -> None:
    machine = Machine(TODAY)
    assert not machine.clock.hint(told)
    assert not machine.clock.now().trusted


def test_a_server_that_agrees_with_1970_is_not_believed() -> None:
    machine = Machine(5.0)
    assert machine.clock.hint("1970-01-01T00:00:06Z")
    assert not machine.clock.now().trusted


def test_the_system_is_asked_without_raising_and_timesyncd_is_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clock, "TIMESYNCD", tmp_path / "synchronized")
    assert is_synchronised() in (True, False)
    (tmp_path / "synchronized").touch()
    assert is_synchronised()


def test_uptime_never_goes_back_and_a_boot_has_one_id() -> None:
    first = uptime()
    assert 0 < first <= uptime()
    assert boot_id() == boot_id() or len(boot_id()) == 32


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_written_and_read_is_the_same(milliseconds: int) -> None:
    assert to_milliseconds(to_text(milliseconds)) == milliseconds


@given(st.one_of(st.none(), st.text(), st.integers(), st.floats()))
def test_whatever_is_no_time_reads_as_none_and_raises_nothing(value: object) -> None:
    assert to_milliseconds(value) is None or isinstance(value, str)


def test_a_time_without_a_zone_is_taken_for_utc() -> None:
    assert to_milliseconds("2026-03-01T12:00:00") == to_milliseconds("2026-03-01T13:00:00+01:00")


def test_a_simulated_clock_goes_on_and_jumps_when_it_is_set() -> None:
    seconds = [10.0]
    simulated = SimulatedClock(lambda: seconds[0])
    assert simulated.now() == ("1970-01-01T00:00:10.000Z", False)
    simulated.set("2026-03-01T12:00:00Z")
    seconds[0] += 1.5
    assert simulated.now() == ("2026-03-01T12:00:01.500Z", True)
    with pytest.raises(ValueError, match="not an ISO 8601 time: noon"):
        simulated.set("noon")
