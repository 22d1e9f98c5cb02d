"""The bitrate ladder."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pommai.protocol.bitrate import BITRATES, CALM_BACKLOG, CALM_FRAMES, STEP_DOWN_BACKLOG, BitrateLadder


def test_a_good_network_gets_the_best_bitrate() -> None:
    ladder = BitrateLadder()
    assert {ladder.update(backlog % 3) for backlog in range(1000)} == {24_000}


def test_a_network_that_carries_nothing_gets_the_lowest_within_a_second() -> None:
    ladder = BitrateLadder()
    assert [ladder.update(backlog) for backlog in range(50)][-1] == 12_000


def test_a_step_down_is_given_time_to_work_before_the_next() -> None:
    ladder = BitrateLadder()
    rates = [ladder.update(backlog) for backlog in range(STEP_DOWN_BACKLOG, STEP_DOWN_BACKLOG + 10)]
    assert rates == [16_000] * 10


def test_a_backlog_that_neither_grows_nor_drains_is_answered_too() -> None:
    ladder = BitrateLadder()
    assert [ladder.update(30) for _ in range(50)][-1] == 12_000


def test_a_backlog_that_shrinks_is_left_alone() -> None:
    ladder = BitrateLadder()
    ladder.update(45)
    assert {ladder.update(backlog) for backlog in range(44, CALM_BACKLOG, -1)} == {16_000}


def test_once_drained_it_climbs_one_step_at_a_time() -> None:
    ladder = BitrateLadder()
    for backlog in range(50):
        ladder.update(backlog)
    rates = [ladder.update(0) for _ in range(2 * CALM_FRAMES)]
    assert [rates.index(16_000) + 1, rates.index(24_000) + 1] == [CALM_FRAMES, 2 * CALM_FRAMES]


def test_between_the_two_marks_nothing_changes() -> None:
    ladder = BitrateLadder()
    ladder.update(STEP_DOWN_BACKLOG)
    assert {ladder.update(backlog) for backlog in (3, 9, 4, 8, 3, 9) * 100} == {16_000}


@given(st.lists(st.integers(0, 60), max_size=500))
def test_it_never_skips_a_step_and_never_leaves_the_ladder(backlogs) -> None:
    ladder = BitrateLadder()
    steps = [BITRATES.index(ladder.update(backlog)) for backlog in backlogs]
    assert all(abs(after - before) <= 1 for before, after in pairwise(steps))
