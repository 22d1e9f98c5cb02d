"""Who toys are to be, whatever the order in which gateways hear of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.fleet.wanted import ALL, HIGHEST, Entry, Wanted

WHERE = st.sampled_from([ALL, "a", "b", "c"])
ENTRIES = st.builds(Entry, st.integers(1, 12), st.sampled_from(["bear", "rex", "tars"]))
CHANGES = st.lists(st.tuples(WHERE, ENTRIES), max_size=12)


def merged(changes: list[tuple[str, Entry]]) -> Wanted:
    wanted = Wanted()
    for where, entry in changes:
        wanted.merge(where, entry)
    return wanted


@given(CHANGES, st.randoms(use_true_random=False))
def test_whoever_has_heard_the_same_in_any_order_and_any_number_of_times_knows_the_same(
    changes: list[tuple[str, Entry]], random: object
) -> None:
    shuffled = changes + changes[: len(changes) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = merged(changes), merged(shuffled)
    for device_id in ("a", "b", "c", "d"):
        assert one.of(device_id) == other.of(device_id)
    assert dict(one) == dict(other)


@given(CHANGES)
def test_the_later_word_counts_for_all_or_for_one(changes: list[tuple[str, Entry]]) -> None:
    wanted = merged(changes)
    for device_id in ("a", "b"):
        meant = [entry for where, entry in changes if where in (ALL, device_id)]
        known = wanted.of(device_id)
        assert (known.revision if known else 0) == max((entry.revision for entry in meant), default=0)


@given(CHANGES, st.integers(-5, 20))
def test_what_is_set_now_is_later_than_all_that_was_whatever_the_clock_says(
    changes: list[tuple[str, Entry]], now: int
) -> None:
    wanted = merged(changes)
    revision = wanted.next(now)
    assert revision >= now
    assert wanted.merge(ALL, Entry(revision, "new"))
    assert dict(wanted) == {ALL: Entry(revision, "new")}


def test_impossible_revisions_are_no_news() -> None:
    wanted = Wanted()
    assert not any(wanted.merge(ALL, Entry(revision, "bear")) for revision in (0, -1, HIGHEST + 1))
    assert wanted.merge("a", Entry(HIGHEST, "bear"))
    assert wanted.next(1) == HIGHEST, "and no further"
