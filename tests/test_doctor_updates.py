"""Update bundles, as the toy notes them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from doctor_material import look, settings, world

from pommai.bundle import state as states
from pommai.bundle.state import Kept, State, Trial
from pommai.bundle.store import MANIFEST, STATE, Store
from pommai.doctor import updates
from pommai.doctor.finding import Finding, Mark

KEPT = Kept(12, 3, hashlib.sha256(b"manifest").hexdigest())


def seen(folder: Path, state: State | bytes | None = None) -> Finding:
    if state is not None:
        (folder / "updates").mkdir(exist_ok=True)
        raw = state if isinstance(state, bytes) else states.encode(state)
        (folder / "updates" / STATE).write_bytes(raw)
    return look(updates.check_updates, world(folder, settings=settings(folder, updates=str(folder / "updates"))))


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "is_whole", lambda *_: True)


def test_a_toy_that_never_took_one_is_well(tmp_path: Path) -> None:
    assert seen(tmp_path).mark is Mark.OK
    assert not (tmp_path / "updates").exists()


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("state", "mark", "words"),
    [
        (State(current=KEPT), Mark.OK, "version 12, proved"),
        (State(current=KEPT, trial=Trial(True, 2, 1)), Mark.NOTE, "on trial, 2 starts so far"),
        (State(waiting=KEPT), Mark.NOTE, "version 12 comes with the next start"),
        (State(failed=(12,), word="version 12: it crashed"), Mark.WRONG, "gone back to by the toy itself"),
    ],
)
def test_what_is_in_force_and_on_trial_is_told(tmp_path: Path, state: State, mark: Mark, words: str) -> None:
    found = seen(tmp_path, state)
    assert (found.mark, words in found.words) == (mark, True)


def test_a_bundle_that_is_not_as_it_was_signed_is_wrong(tmp_path: Path) -> None:
    place = tmp_path / "updates" / "bundles" / KEPT.name
    place.mkdir(parents=True)
    (place / MANIFEST).write_bytes(b"something else")
    found = seen(tmp_path, State(current=KEPT))
    assert (found.mark, "rollback" in found.next_step) == (Mark.WRONG, True)


def test_a_note_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    assert seen(tmp_path, b"{}").mark is Mark.WRONG


def test_what_is_closed_to_this_user_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates" / STATE).mkdir()
    assert (seen(tmp_path).mark, "closed to the user pommai" in seen(tmp_path).words) == (Mark.NOTE, True)
