"""What a running toy tells root, and when it ends for other software."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundle_material import bundle_bytes, opened

from pommai.bundle.hatch import REVOKING, WANTED, Hatch, Note, file_id, read_note
from pommai.bundle.state import Kept, State, Trial
from pommai.bundle.store import Store
from pommai.toy.software import SoftwareWatch

NEW = Kept(2, 0, "ab" * 32)
WAITS = State(waiting=NEW)
TRIED = State(current=NEW, trial=Trial(cloud=True, starts=3))


class Toy:
    """A toy's folder of updates, and root's."""

    def __init__(self, folder: Path) -> None:
        self.updates = folder / "updates"
        self.root = Store(folder / "root")
        self.root.prepare()

    def says(self, state: State) -> None:
        self.root.change(lambda _: state)

    def starts(self, me: str = "installed") -> SoftwareWatch:
        return SoftwareWatch(self.updates, self.root.folder, me)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_a_toy_ends_once_for_software_that_waits(toy: Toy) -> None:
    toy.says(WAITS)
    watch = toy.starts()
    assert watch.look(rested=True, reached=True)
    assert read_note(toy.updates) == Note("installed", 0, True, True)
    assert watch.end()
    again = toy.starts()  # nobody has switched: it plays on with what it has
    assert not again.look(rested=False, reached=False)
    toy.says(replace(WAITS, waiting=replace(NEW, version=3)))
    assert again.look(rested=True, reached=True)


def test_a_toy_on_trial_tells_how_it_fares_at_this_start(toy: Toy) -> None:
    toy.says(TRIED)
    watch = toy.starts(NEW.name)
    for rested, reached in ((False, False), (True, False), (True, True)):
        assert not watch.look(rested=rested, reached=reached)
        assert read_note(toy.updates) == Note(NEW.name, 3, rested, reached)


def test_a_toy_whose_software_was_taken_back_ends_for_the_old(toy: Toy) -> None:
    toy.says(TRIED)
    watch = toy.starts(NEW.name)
    watch.look(rested=True, reached=False)
    toy.says(TRIED.back("the toy does not reach its server any more"))
    assert watch.look(rested=True, reached=False)
    assert watch.end()


def test_what_does_not_change_is_not_written_again(toy: Toy) -> None:
    toy.says(TRIED)
    watch = toy.starts(NEW.name)
    watch.look(rested=True, reached=True)
    (toy.updates / "software" / "note.json").unlink()
    watch.look(rested=True, reached=True)
    assert read_note(toy.updates) is None


def test_who_cannot_note_that_it_ends_does_not_end(toy: Toy) -> None:
    toy.says(WAITS)
    toy.updates.write_text("a file, where a folder should be")
    watch = toy.starts()
    assert watch.look(rested=True, reached=True)
    assert not watch.end()


def test_at_a_desk_nothing_is_switched(toy: Toy) -> None:
    toy.says(WAITS)
    assert not toy.starts("").look(rested=True, reached=True)


def test_what_is_settled_needs_no_note(toy: Toy) -> None:
    toy.says(State(current=NEW))
    assert not toy.starts(NEW.name).look(rested=True, reached=True)
    assert not (toy.updates / "software").exists()


@pytest.mark.parametrize(("words", "logged"), [("no room", "software refused"), ("", "software installed")])
def test_what_root_has_dealt_with_is_taken_back(toy: Toy, tmp_path: Path, caplog: Any, words: str, logged: str) -> None:
    data = bundle_bytes({"wheels/pommai-2-py3-none-any.whl": b"PK"})
    with opened(tmp_path, data) as bundle:
        Hatch(toy.updates).want(bundle)
    toy.says(State())
    wanted = toy.updates / "software" / WANTED
    watch = toy.starts()
    watch.look(rested=True, reached=True)
    assert wanted.exists()
    said = {"file": file_id(wanted.stat()), "words": words}
    (toy.root.folder / "said.json").write_text(json.dumps(said))
    watch.look(rested=True, reached=True)
    assert not wanted.exists()
    assert logged in caplog.text
    # The server knows the file by what it has offered.
    assert watch.take_refusal() == ((hashlib.sha256(data).hexdigest(), words) if words else None)
    assert watch.take_refusal() is None


def test_a_revocation_that_root_has_heard_is_taken_back(toy: Toy, tmp_path: Path) -> None:
    with opened(tmp_path, bundle_bytes(revokes=("0" * 16,))) as bundle:
        Hatch(toy.updates).revoke(bundle)
    Store(toy.updates).revoke(["0" * 16])
    toy.says(State())
    watch = toy.starts()
    watch.look(rested=True, reached=True)
    assert (toy.updates / "software" / REVOKING).exists()
    toy.says(State(revoked=("0" * 16,)))
    watch.look(rested=True, reached=True)
    assert not (toy.updates / "software" / REVOKING).exists()


def test_each_start_says_what_it_is_about(toy: Toy, caplog: Any) -> None:
    caplog.set_level("INFO")
    for state in (TRIED, State(current=NEW), replace(State(), word="version 2: it does not rest")):
        toy.says(state)
        watch = toy.starts(NEW.name)
        for _ in range(2):
            watch.look(rested=False, reached=False)
    assert [record.message for record in caplog.records] == [
        "software on trial",
        "software in force",
        "software undone",
    ]
