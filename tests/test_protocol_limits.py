"""The limits: of messages, of sound, of what one message may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.protocol.limits import FRAMES_AT_ONCE, MESSAGES_PER_MINUTE, SENDER_SECONDS, Flow, RateLimit


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


def test_sound_may_come_as_fast_as_it_was_spoken_for_ever_and_a_whole_turn_at_once() -> None:
    flow = Flow()
    assert all(flow.allow(0.0) for _ in range(FRAMES_AT_ONCE))
    assert not flow.allow(0.0)
    assert all(flow.allow(1.0 + frame * 0.02) for frame in range(10_000))


def test_a_flow_says_how_long_to_wait() -> None:
    flow = Flow(rate=4.0, burst=1)
    assert flow.allow(10.0)
    assert not flow.allow(10.0)
    assert flow.retry_after(10.0) == pytest.approx(0.25)
    assert flow.allow(10.0 + flow.retry_after(10.0))
    assert flow.retry_after(60.0) == 0.0


@given(times)
def test_a_flow_never_lets_more_through_than_its_rate_and_its_burst(steps) -> None:
    flow, now, allowed = Flow(rate=2.0, burst=5), 0.0, []
    for step in steps:
        now += step / 10
        if flow.allow(now):
            allowed.append(now)
    for at, first in enumerate(allowed):
        for later in range(at, len(allowed)):
            assert later - at + 1 <= 5 + (allowed[later] - first) * 2.0 + 1e-6
