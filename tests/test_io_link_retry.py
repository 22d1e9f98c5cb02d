"""The wait between calls."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pommai.io.link_retry import Backoff


class Highest(Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Lowest(Random):
    def uniform(self, a: float, b: float) -> float:
        return a


def test_one_second_doubling_to_sixty() -> None:
    backoff = Backoff(Highest())
    assert [backoff.failed() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_jitter_is_full() -> None:
    backoff = Backoff(Lowest())
    assert [backoff.failed() for _ in range(9)] == [0.0] * 9


def test_after_a_good_connection_it_starts_anew() -> None:
    backoff = Backoff(Highest())
    for _ in range(5):
        backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == 1


def test_after_a_refusal_it_waits_at_least_half_a_minute_and_stays_slow() -> None:
    assert Backoff(Lowest()).refused() == 30.0
    backoff = Backoff(Highest())
    assert [backoff.refused(), backoff.refused(), backoff.failed()] == [60.0, 60.0, 60.0]


@given(st.lists(st.sampled_from(["failed", "refused", "succeeded"]), max_size=200), st.randoms(use_true_random=False))
def test_whatever_happens_it_waits_no_longer_than_a_minute_and_goes_on(history, random) -> None:
    backoff = Backoff(random)
    for event in history:
        wait = getattr(backoff, event)()
        assert wait is None or 0.0 <= wait <= 60.0
