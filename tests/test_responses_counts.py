"""How much is enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from responses_material import SMALL, changed, parsed

from pommai.responses.counts import Counts

LIMITS = parsed(SMALL).limits
HOUR = 3600.0


def test_twenty_conversations_an_hour_and_then_a_rest() -> None:
    counts = Counts(LIMITS)
    assert [counts.conversation(number * 10.0) for number in range(20)] == [None] * 20
    rest = counts.conversation(200.0)
    assert rest is not None
    assert (rest.name, rest.seconds, rest.replies[0].text) == ("conversations", 600.0, "A little rest.")


def test_during_a_rest_the_rest_of_it_is_told() -> None:
    counts = Counts(LIMITS)
    for _ in range(21):
        counts.conversation(0.0)
    rest = counts.conversation(400.0)
    assert rest is not None
    assert rest.seconds == 200.0


def test_the_hour_is_kept_also_after_a_rest() -> None:
    counts = Counts(LIMITS)
    for _ in range(21):
        counts.conversation(0.0)
    assert counts.conversation(601.0) is not None
    assert counts.conversation(HOUR + 602.0) is None


def test_half_an_hour_without_a_break_is_a_session() -> None:
    counts = Counts(parsed(changed("limits.conversations.count", 1000)).limits)
    assert [counts.conversation(float(second)) for second in range(0, 1800, 60)] == [None] * 30
    rest = counts.conversation(1800.0)
    assert rest is not None
    assert (rest.name, rest.seconds) == ("session", 600.0)
    assert counts.conversation(2399.0) is not None
    assert counts.conversation(2400.0) is None
    assert counts.conversation(2400.0 + 1799.0) is None


def test_a_silence_as_long_as_the_rest_begins_a_new_session() -> None:
    counts = Counts(LIMITS)
    assert counts.conversation(0.0) is None
    assert counts.conversation(1500.0) is None
    assert counts.conversation(2000.0) is None
    assert counts.conversation(3299.0) is None


def test_every_fifth_sentence_in_a_row_that_is_not_understood_is_one_too_many() -> None:
    counts = Counts(LIMITS)
    assert [counts.not_understood() for _ in range(11)] == [False] * 4 + [True] + [False] * 4 + [True, False]


def test_whatever_is_understood_begins_the_row_anew() -> None:
    counts = Counts(LIMITS)
    for understood in (counts.understood, lambda: counts.conversation(0.0)):
        assert not any(counts.not_understood() for _ in range(4))
        understood()
    assert not any(counts.not_understood() for _ in range(4))


def test_three_violations_in_five_minutes_are_one_too_many() -> None:
    counts = Counts(LIMITS)
    assert [counts.violation(now) for now in (0.0, 100.0, 300.0)] == [False, False, True]
    assert [counts.violation(now) for now in (301.0, 302.0, 303.0)] == [False, False, True]


def test_violations_far_apart_are_forgotten() -> None:
    counts = Counts(LIMITS)
    assert [counts.violation(now) for now in (0.0, 200.0, 301.0, 499.0)] == [False, False, False, True]


@given(st.lists(st.floats(0, 500, allow_nan=False), max_size=120))
def test_no_hour_ever_has_more_conversations_than_allowed(steps: list[float]) -> None:
    counts = Counts(LIMITS)
    now, times = 0.0, []
    for step in steps:
        now += step
        if counts.conversation(now) is None:
            times.append(now)
    assert all(later - earlier >= HOUR for earlier, later in zip(times, times[20:], strict=False))


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), max_size=50))
def test_a_clock_that_jumps_breaks_nothing(times: list[float]) -> None:
    counts = Counts(LIMITS)
    for now in times:
        rest = counts.conversation(now)
        counts.violation(now)
        assert rest is None or rest.replies
