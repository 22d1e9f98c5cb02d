"""Which bundle is in force, through every turn of its life."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bundle_material import manifest_of
from hypothesis import given
from hypothesis import strategies as st

from pommai.bundle.manifest import MOST_VERSION
from pommai.bundle.state import MOST_FRUITLESS, MOST_STARTS, Kept, State, Trial, decode, encode
from pommai.errors import BundleError


def kept(version: int, floor: int = 0) -> Kept:
    return Kept(version, floor, f"{version:064x}")


SETTLED = State(current=kept(11), highest=11)
WAITING = replace(SETTLED, waiting=kept(12, 12))


def test_what_waits_comes_into_force_at_a_start_and_is_on_trial() -> None:
    state = WAITING.begun()
    assert (state.current, state.previous, state.waiting) == (kept(12, 12), kept(11), None)
    assert state.trial == Trial(cloud=False, starts=1, fruitless=1)
    assert state.settled == kept(11)


def test_a_bundle_that_has_proved_itself_raises_the_floor() -> None:
    state = WAITING.begun().rested().confirmed()
    assert (state.trial, state.highest, state.floor, state.previous) == (None, 12, 12, kept(11))
    assert state.begun() == state


def test_nothing_is_raised_before_it_has_proved_itself() -> None:
    state = WAITING.begun()
    assert (state.highest, state.floor) == (11, 0)
    assert state.back() == replace(SETTLED, failed=(12,))


def test_starts_that_come_to_nothing_end_the_trial() -> None:
    state = WAITING
    for _ in range(MOST_FRUITLESS):
        state = state.begun()
        assert state.current == kept(12, 12)
    word = "version 12: the toy ended 3 times before it came to rest"
    assert state.begun() == replace(SETTLED, failed=(12,), word=word)


def test_a_toy_that_ends_again_and_again_after_it_has_rested_goes_back_too() -> None:
    state = WAITING
    for _ in range(MOST_STARTS):
        state = state.begun().rested()
        assert state.current == kept(12, 12)
    assert state.begun().current == kept(11)


def test_a_newer_bundle_takes_the_place_of_one_on_trial_and_the_proved_one_stays_to_go_back_to() -> None:
    state = replace(WAITING.begun(), waiting=kept(13)).begun()
    assert (state.current, state.previous) == (kept(13), kept(11))


def test_what_failed_is_not_taken_again_and_what_lost_its_server_may_be() -> None:
    trial = WAITING.begun()
    assert "did not work on this toy" in trial.back().refuses(manifest_of(version=12))
    assert trial.back(again=True).refuses(manifest_of(version=12)) == ""
    assert trial.back().refuses(manifest_of(version=13)) == ""


@pytest.mark.parametrize("version", [1, 10, 11])
def test_what_is_not_newer_is_not_taken_even_after_going_back(version: int) -> None:
    assert "is not newer than 11" in SETTLED.refuses(manifest_of(version=version))
    assert "is not newer than 11" in SETTLED.back(again=True).refuses(manifest_of(version=version))


def test_what_waits_gives_way_only_to_what_is_newer() -> None:
    assert "is not newer than 12" in WAITING.refuses(manifest_of(version=12))
    assert WAITING.refuses(manifest_of(version=13)) == ""


KEPT = st.none() | st.builds(Kept, st.integers(1, 99), st.integers(0, 99), st.just("ab" * 32), st.text(max_size=20))
STATES = st.builds(
    State,
    KEPT,
    KEPT,
    KEPT,
    st.booleans(),
    st.none() | st.builds(Trial, st.booleans(), st.integers(0, 20), st.integers(0, 20), st.integers(0, 9999)),
    st.integers(0, 99),
    st.integers(0, 99),
    st.lists(st.integers(1, 99), max_size=5).map(tuple),
    st.text(max_size=50),
    st.lists(st.sampled_from(["0" * 16, "a" * 16, "12" * 8]), unique=True).map(tuple),
    st.booleans(),
)


def test_a_trials_time_is_counted_and_a_new_trial_begins_at_nothing() -> None:
    state = State(waiting=Kept(7, 0, "ab" * 32)).begun().lived(30).rested().begun().lived(12)
    assert state.trial is not None
    assert (state.trial.seconds, state.trial.starts) == (42, 2)
    assert state.confirmed().lived(5) == state.confirmed()
    assert replace(state, waiting=Kept(8, 0, "cd" * 32)).begun().trial == Trial(cloud=False, starts=1, fruitless=1)


@pytest.mark.parametrize("version", [1, MOST_VERSION])
def test_why_a_bundle_was_undone_is_kept_short_until_another_is_taken(version: int) -> None:
    trial = replace(SETTLED, waiting=kept(version)).begun()
    undone = trial.back("it does not fit:\n" + "x" * 100_000)
    assert undone.undone[0] == version
    assert undone.undone[1].startswith("it does not fit:\nxxx")
    assert len(encode(undone)) < 2000  # what is read of the file has an end
    assert decode(encode(undone)) == undone
    assert undone.taken(kept(13)).undone == (0, "")
    assert trial.back(again=True).undone == (0, "")  # somebody wanted that
    assert replace(undone, told=True).begun().told
    assert not replace(undone, waiting=kept(13), told=True).begun().back("why").told


def test_revoked_keys_are_noted_once() -> None:
    state = State().without(["a" * 16]).without(["0" * 16, "a" * 16])
    assert state.revoked == ("a" * 16, "0" * 16)


def test_what_an_older_software_has_noted_is_read() -> None:
    document = json.loads(encode(State(current=Kept(7, 0, "ab" * 32), trial=Trial(True, 2, 1))))
    del document["revoked"], document["told"]
    document["trial"].pop()
    assert decode(json.dumps(document).encode()).trial == Trial(True, 2, 1)


@given(STATES)
def test_what_is_noted_is_read_again(state: State) -> None:
    assert decode(encode(state)) == state


@given(STATES, st.lists(st.sampled_from(["begun", "rested", "confirmed", "back"]), max_size=20))
def test_the_floor_and_the_highest_version_only_rise(state: State, life: list[str]) -> None:
    for deed in life:
        after = getattr(state, deed)()
        assert after.floor >= state.floor
        assert after.highest >= state.highest
        assert after.revoked == state.revoked
        state = after


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"{}",
        b"[]",
        b"[" * 50_000,
        encode(State())[:-20],
        encode(State()).replace(b'"format": 1', b'"format": 2'),
        json.dumps({**json.loads(encode(SETTLED)), "current": [1, 0, "../../etc", ""]}).encode(),
        json.dumps({**json.loads(encode(SETTLED)), "current": [1, 0, "/" * 64, ""]}).encode(),
        json.dumps({**json.loads(encode(SETTLED)), "highest": -1}).encode(),
        json.dumps({**json.loads(encode(SETTLED)), "highest": True}).encode(),
        json.dumps({**json.loads(encode(SETTLED)), "trial": [True]}).encode(),
        json.dumps({**json.loads(encode(SETTLED)), "revoked": ["../../etc"]}).encode(),
    ],
)
def test_what_was_not_noted_so_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="is damaged"):
        decode(data)
