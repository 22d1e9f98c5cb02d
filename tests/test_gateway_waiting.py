from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.waiting import ANSWER_SECONDS, CROWD, LATELY_SECONDS, LOOK_SECONDS, MOST_SECONDS, Place, Waiting


def crowd(count: int, since: float = 0.0) -> tuple[Waiting, list[Place]]:
    """So many have come at once, and wait."""
    waiting = Waiting()
    return waiting, [waiting.join(since) for _ in range(count)]


def test_who_comes_now_waits_until_all_before_it_are_served_as_quickly_as_the_last_ones() -> None:
    waiting, places = crowd(100)
    for tenth in range(1, 51):  # ten a second
        places.pop().served(tenth / 10)
    assert waiting.expected(5.0) == 5.0
    for _ in range(50):
        waiting.join(5.0)
    assert waiting.expected(5.0) == 10.0


def test_a_few_are_no_crowd_however_long_they_wait() -> None:
    waiting, places = crowd(CROWD)
    places.pop().served(9.0)
    assert waiting.expected(9.0) == 0.0
    waiting.join(9.0)
    waiting.join(10.0)
    assert waiting.expected(10.0) == 0.0, "how quickly the few were served says nothing about many"


def test_how_quick_it_is_counts_only_while_there_is_a_crowd_and_lately() -> None:
    waiting, places = crowd(300)
    for _ in range(200):
        places.pop().served(0.5)
    assert waiting.expected(LOOK_SECONDS - 0.1) == 0.0
    assert 0.0 < waiting.expected(LOOK_SECONDS) < MOST_SECONDS
    places.pop().served(LATELY_SECONDS)
    assert waiting.expected(LATELY_SECONDS + 1.0) > MOST_SECONDS


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
