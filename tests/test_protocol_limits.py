"""The rate limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.protocol.limits import MESSAGES_PER_MINUTE, SENDER_SECONDS, RateLimit


def test_a_hundred_a_minute_and_not_one_more() -> None:
    limit = RateLimit()
    assert [limit.allow(0.5) for _ in range(101)] == [True] * 100 + [False]
    assert not limit.allow(60.4)
    assert limit.allow(60.5)


def test_it_says_how_long_to_wait() -> None:
    limit = RateLimit(2, 60.0)
    assert limit.retry_after(10.0) == 0.0
    limit.allow(10.0)
    limit.allow(30.0)
    assert limit.retry_after(40.0) == pytest.approx(30.0)
    assert limit.allow(40.0 + limit.retry_after(40.0))


times = st.lists(st.floats(0.0, 5.0), max_size=300)


@given(times)
def test_no_window_of_a_minute_ever_holds_more_than_is_allowed(steps) -> None:
    limit, now, allowed = RateLimit(10, 60.0), 0.0, []
    for step in steps:
        now += step
        if limit.allow(now):
            allowed.append(now)
    for first, later in zip(allowed, allowed[10:], strict=False):
        assert later - first >= 60.0 - 1e-9


@given(times, st.lists(st.floats(0.0, 9.9), min_size=300, max_size=300))
def test_a_sender_who_keeps_its_limit_is_not_refused_for_delays_of_the_network(steps, delays) -> None:
    sender, now, arrivals = RateLimit(MESSAGES_PER_MINUTE, SENDER_SECONDS), 0.0, [0.0]
    for step, delay in zip(steps, delays, strict=False):
        now += step / 50
        if sender.allow(now):
            arrivals.append(max(arrivals[-1], now + delay))
    receiver = RateLimit()
    assert all(receiver.allow(arrival) for arrival in arrivals[1:])
