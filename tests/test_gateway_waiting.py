from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.waiting import ANSWER_SECONDS, CROWD, LATELY_SECONDS, MOST_SECONDS, Waiting


def crowd(count: int, waited: float, at: float = 100.0) -> Waiting:
    """So many wait that a new one has CROWD before it; the last that was served waited that long among as many."""
    waiting = Waiting()
    places = [waiting.join(at - waited) for _ in range(count + 1)]
    places[-1].served(at)
    return waiting


def test_who_comes_now_waits_as_long_as_the_last_and_longer_by_as_much_as_there_are_more() -> None:
    waiting = crowd(CROWD, 4.0)
    assert waiting.expected(100.0) == 4.0
    for _ in range(CROWD):
        waiting.join(100.0)
    assert waiting.expected(100.0) == 8.0


def test_a_few_are_no_crowd_however_long_they_wait() -> None:
    assert crowd(CROWD - 1, 15.0).expected(100.0) == 0.0


def test_nobody_is_refused_because_of_what_was_long_ago() -> None:
    waiting = crowd(CROWD, 15.0)
    assert waiting.expected(100.0 + LATELY_SECONDS) > MOST_SECONDS
    assert waiting.expected(100.1 + LATELY_SECONDS) == 0.0


def test_before_anybody_was_served_nothing_is_known() -> None:
    waiting = Waiting()
    for _ in range(300):
        waiting.join(0.0)
    assert waiting.expected(5.0) == 0.0


def test_the_limits_leave_time_for_a_sorry_before_the_toy_gives_up() -> None:
    assert MOST_SECONDS < ANSWER_SECONDS < 20.0


@given(st.lists(st.sampled_from(["join", "serve", "leave", "expect"])))
def test_it_counts_those_that_wait_and_each_leaves_once(steps: list[str]) -> None:
    waiting, inside = Waiting(), []
    for now, step in enumerate(steps):
        if step == "join":
            inside.append(waiting.join(float(now)))
        elif step == "expect":
            assert waiting.expected(float(now)) >= 0.0
        elif inside:
            place = inside.pop()
            for _ in range(2):
                place.served(float(now)) if step == "serve" else place.give_up()
        assert len(waiting) == len(inside)
