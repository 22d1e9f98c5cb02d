"""What a running toy tells root, and when it ends for other software."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundle_material import bundle_bytes, opened

from pommai.bundle.hatch import REFUSED, REVOKING, WANTED, Hatch, Note, Refusal, file_id, read_note
from pommai.bundle.state import Kept, State, Trial
from pommai.bundle.store import Store
from pommai.errors import BundleError
from pommai.protocol.messages import SoftwareReport
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

    def lays_out(self, version: int) -> bytes:
        """Software, as `pommai bundle apply` does it."""
        data = bundle_bytes({"wheels/pommai-2-py3-none-any.whl": b"PK"}, version=version)
        with opened(self.updates.parent, data) as bundle:
            Hatch(self.updates).want(bundle)
        return data

    def answers(self, words: str) -> None:
        """Root has looked at what is laid out."""
        said = {"file": file_id((self.updates / "software" / WANTED).stat()), "words": words}
        (self.root.folder / "said.json").write_text(json.dumps(said))

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
def test_what_root_has_dealt_with_is_taken_back(toy: Toy, caplog: Any, words: str, logged: str) -> None:
    data = toy.lays_out(2)
    toy.says(State())
    wanted = toy.updates / "software" / WANTED
    watch = toy.starts()
    watch.look(rested=True, reached=True)
    assert wanted.exists()
    toy.answers(words)
    watch.look(rested=True, reached=True)
    assert not wanted.exists()
    assert logged in caplog.text
    # The server knows the file by what it has offered.
    refusal = Refusal(hashlib.sha256(data).hexdigest(), words) if words else None
    assert watch.take_refusal() == refusal
    assert watch.take_refusal() is None
    # Whoever has not heard of it hears it at the next start, until the toy lays out other software.
    for is_laid_out in (False, True):
        if is_laid_out:
            toy.lays_out(3)
        again = toy.starts()
        again.look(rested=True, reached=True)
        assert again.take_refusal() == (None if is_laid_out else refusal)


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


# -- what the server is told ----------------------------------------------------------------


def reported(toy: Toy, me: str = "installed") -> SoftwareReport:
    watch = toy.starts(me)
    watch.look(rested=False, reached=False)
    return watch.report


def test_the_way_of_software_is_told_step_by_step(toy: Toy) -> None:
    toy.lays_out(2)
    assert reported(toy) == SoftwareReport(0, waiting=2)  # root has never done anything
    toy.says(WAITS)
    toy.answers("")
    assert reported(toy) == SoftwareReport(0, waiting=2, installed=True)
    assert reported(toy) == SoftwareReport(0, waiting=2, installed=True)  # a file less
    toy.says(TRIED)
    assert reported(toy, NEW.name) == SoftwareReport(2, trial=True)
    toy.says(TRIED.confirmed())
    assert reported(toy, NEW.name) == SoftwareReport(2)


@pytest.mark.parametrize("again", [False, True])
def test_software_that_was_taken_back_is_told_of_with_the_reason_even_before_the_toy_ends(
    toy: Toy, again: bool
) -> None:
    toy.says(TRIED.back("the toy\n does \x1b[31m not rest " + "x" * 1000, again=again))
    for me in (NEW.name, "installed"):
        report = reported(toy, me)
        assert (report.version, report.trial, report.waiting, report.undone) == (0, False, 0, 2)
        assert report.failed == (() if again else (2,))
        assert report.reason.startswith("the toy does [31m not rest x")
        assert 200 < len(report.reason) <= 300


def test_what_install_sh_has_made_since_then_has_the_last_word(toy: Toy) -> None:
    toy.says(TRIED)
    assert reported(toy) == SoftwareReport(0)


def test_what_is_laid_out_and_what_waits_are_told_apart(toy: Toy) -> None:
    toy.says(WAITS)
    toy.lays_out(3)
    assert reported(toy) == SoftwareReport(0, waiting=3)
    toy.answers("no room")
    assert reported(toy) == SoftwareReport(0, waiting=2, installed=True)


def test_a_file_in_the_hatch_that_is_nothing_is_not_told_of(toy: Toy) -> None:
    toy.lays_out(2)
    (toy.updates / "software" / WANTED).write_bytes(b"nonsense")
    assert reported(toy) == SoftwareReport()


def test_a_refusal_that_cannot_be_noted_is_told_of_once(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Hatch, refusal: Refusal) -> None:
        raise BundleError("the card is full")

    monkeypatch.setattr(Hatch, "remember", full)
    toy.lays_out(2)
    toy.answers("no room")
    watch = toy.starts()
    watch.look(rested=True, reached=True)
    assert watch.take_refusal() is not None
    assert not (toy.updates / "software" / WANTED).exists()


def test_what_cannot_be_removed_is_told_of_once(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed(self: Hatch, name: str) -> None:
        raise OSError("a card that cannot be written")

    toy.lays_out(2)
    toy.answers("no room")
    monkeypatch.setattr(Hatch, "clear", fixed)
    watch = toy.starts()
    watch.look(rested=True, reached=True)
    assert watch.take_refusal() is not None
    watch.look(rested=True, reached=True)
    assert watch.take_refusal() is None
    assert watch.report == SoftwareReport()


def test_a_note_of_a_refusal_that_makes_no_sense_is_none(toy: Toy) -> None:
    toy.lays_out(2)
    for nonsense in (b"", b"[" * 4000, b"{}", b"7", b'{"sha256": "a"}'):
        (toy.updates / "software" / REFUSED).write_bytes(nonsense)
        watch = toy.starts()
        watch.look(rested=True, reached=True)
        assert watch.take_refusal() is None
