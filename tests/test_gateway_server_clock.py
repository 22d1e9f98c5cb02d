from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.server_clock import DAY, HOUR, MINUTE, ServerClock, as_iso


class Clocks:
    """A wall clock that anybody may set, and one that only goes on."""

    def __init__(self, wall: int = 1_800_000_000_000) -> None:
        self.wall = wall
        self.monotonic = 5_000

    def pass_(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.monotonic += milliseconds

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.wall, lambda: self.monotonic)


def test_it_is_the_wall_clock_while_that_is_right() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    for _ in range(3):
        clocks.pass_(MINUTE)
        assert clock.now() == clocks.wall


def test_time_goes_on_when_the_wall_clock_is_set_back_by_years() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    began = clock.now()
    clocks.wall = 0
    clocks.pass_(HOUR)
    assert clock.now() == began + HOUR
    clocks.wall = began + 2 * HOUR
    assert clock.now() == began + 2 * HOUR


def test_a_restart_with_a_clock_in_1970_begins_where_the_data_file_was() -> None:
    clocks = Clocks(wall=7_000)
    clock = clocks.clock()
    clock.at_least(1_800_000_000_000)
    clocks.pass_(MINUTE)
    assert clock.now() == 1_800_000_000_000 + MINUTE
    clock.at_least(5)
    assert clock.now() == 1_800_000_000_000 + MINUTE


@given(st.lists(st.tuples(st.integers(0, DAY), st.integers(-(10**13), 10**13)), max_size=30))
def test_it_never_goes_back_and_never_stands_still(days: list[tuple[int, int]]) -> None:
    clocks = Clocks()
    clock = clocks.clock()
    before = clock.now()
    for passed, leap in days:
        clocks.pass_(passed)
        clocks.wall += leap
        assert clock.now() >= before + passed
        before = clock.now()


def test_a_moment_as_text() -> None:
    assert as_iso(0) == "1970-01-01T00:00:00.000+00:00"
    assert as_iso(1_800_000_000_123) == "2027-01-15T08:00:00.123+00:00"
