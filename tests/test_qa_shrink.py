"""Shrinking: what fails stays failing, and gets as short as it can."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.qa.shrink import shrink


def test_of_a_long_list_the_two_that_matter_are_left_in_order() -> None:
    attempts = []

    def fails(part) -> bool:
        attempts.append(len(part))
        return 17 in part and 801 in part and part.index(17) < part.index(801)

    assert shrink(list(range(1_000)), fails) == [17, 801]
    assert len(attempts) < 150


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.sets(st.integers(0, 9), min_size=1, max_size=4))
def test_what_is_left_fails_and_nothing_of_it_can_go(items: list[int], needed: set[int]) -> None:
    def fails(part) -> bool:
        return needed <= set(part)

    if not fails(items):
        return
    left = shrink(items, fails)
    assert fails(left)
    assert sorted(left) == sorted(needed)


def test_it_gives_up_in_time() -> None:
    attempts = []
    shrink(list(range(5_000)), lambda part: attempts.append(1) or (len(part) % 2 == 0 and len(part) > 100), limit=60)
    assert len(attempts) <= 60


def test_an_empty_list_that_fails_is_an_answer() -> None:
    assert shrink([1, 2, 3], lambda part: True) == []
