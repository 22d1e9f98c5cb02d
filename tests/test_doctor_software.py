"""The software on an installed toy: links and environments in a folder that stands for the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doctor_material import commands, look, settings, world

from pommai.bundle import state as states
from pommai.bundle.hatch import SAID, WANTED
from pommai.bundle.keys import make_key
from pommai.bundle.state import Kept, State, Trial
from pommai.bundle.store import STATE
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.software import check_software

NEW = Kept(8, 0, "ab" * 32)
LOADED = "LoadState=loaded\nActiveState={}\nResult={}\n"


class Card:
    """A toy's card, as deploy/install.sh has left it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.software = folder / "root/opt/pommai"
        self.notes = folder / "root/var/lib/pommai-software"
        self.notes.mkdir(parents=True)
        self.units = {"show pommai-software.timer": LOADED.format("active", "success")}
        for name in ("installed", NEW.name):
            place = self.software / "venvs" / name / "bin"
            place.mkdir(parents=True)
            (place / "python").touch()
            (place / "pommai").touch()
        self.link("venv", "installed")
        self.link("proven", "installed")

    def link(self, link: str, name: str) -> None:
        (self.software / link).unlink(missing_ok=True)
        (self.software / link).symlink_to(f"venvs/{name}")

    def state(self, state: State) -> None:
        (self.notes / STATE).write_bytes(states.encode(state))

    def seen(self, **values: str) -> Finding:
        command = commands({f"systemctl {words}": answer for words, answer in self.units.items()})
        return look(check_software, world(self.folder, settings=settings(self.folder, **values), command=command))


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def key_of(card: Card) -> str:
    make_key(card.folder / "maker.pem", card.folder / "maker.pub")
    return str(card.folder / "maker.pub")


def test_a_desk_has_no_software_to_look_after(tmp_path: Path) -> None:
    assert look(check_software, world(tmp_path)).mark is Mark.NOTE


def test_a_toy_as_it_was_installed_and_one_that_was_updated_are_well(card: Card) -> None:
    found = card.seen(update_keys=key_of(card))
    assert (found.mark, found.words) == (Mark.OK, "as deploy/install.sh has installed it")
    card.link("venv", NEW.name)
    card.link("proven", NEW.name)
    card.state(State(current=NEW, highest=8))
    found = card.seen()
    assert (found.mark, found.words) == (Mark.OK, NEW.name)


def test_an_environment_that_is_not_whole_is_broken(card: Card) -> None:
    (card.software / "venvs/installed/bin/pommai").unlink()
    found = card.seen()
    assert (found.mark, "which is not whole" in found.words) == (Mark.BROKEN, True)


def test_a_folder_of_an_older_installation_is_wrong(card: Card) -> None:
    (card.software / "venv").unlink()
    (card.software / "venv").mkdir()
    found = card.seen()
    assert (found.mark, found.next_step) == (Mark.WRONG, "run deploy/install.sh again")


def test_nothing_to_go_back_to_is_wrong(card: Card) -> None:
    card.link("proven", "gone")
    found = card.seen()
    assert (found.mark, "none to go back to" in found.words) == (Mark.WRONG, True)


def test_software_on_trial_is_noted(card: Card) -> None:
    card.link("venv", NEW.name)
    card.state(State(current=NEW, trial=Trial(cloud=True, starts=2)))
    found = card.seen()
    assert (found.mark, found.figures["trial_starts"]) == (Mark.NOTE, 2)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State(word="the toy does not come to rest", failed=(8,)), "gone back to, for the toy does not come to rest"),
        (None, "cannot be read"),
    ],
)
def test_what_did_not_work_is_told(card: Card, state: State | None, words: str) -> None:
    if state is None:
        (card.notes / STATE).write_bytes(b"nonsense")
    else:
        card.state(state)
    found = card.seen()
    assert (found.mark, words in found.words) == (Mark.WRONG, True)


def test_why_an_offer_was_refused_is_told(card: Card) -> None:
    (card.notes / SAID).write_text(json.dumps({"file": [1, 2, 3], "words": "signed by nobody we trust"}))
    found = card.seen()
    assert (found.mark, "not installed: signed by nobody we trust" in found.words) == (Mark.WRONG, True)


def test_a_refusal_is_newer_than_what_was_gone_back_from(card: Card) -> None:
    card.state(State(word="version 8: the toy does not come to rest", failed=(8,)))
    (card.notes / SAID).write_text(json.dumps({"file": [1, 2, 3], "words": "no room"}))
    assert card.seen().words == "installed; what was offered last is not installed: no room"


def test_what_is_on_its_way_is_noted(card: Card) -> None:
    card.state(State(waiting=NEW))
    found = card.seen()
    assert (found.mark, found.words) == (Mark.NOTE, "installed; version 8 comes when the toy rests")
    card.state(State())
    laid_out = card.folder / "updates" / "software" / WANTED
    laid_out.parent.mkdir(parents=True)
    laid_out.touch()
    (card.notes / SAID).write_text(json.dumps({"file": [1, 2, 3], "words": "of another one"}))
    found = card.seen(updates=str(card.folder / "updates"))
    assert (found.mark, found.words) == (Mark.NOTE, "installed; what was offered last is not installed yet")


@pytest.mark.parametrize("timer", [None, LOADED.format("inactive", "success")])
def test_a_toy_that_takes_updates_and_has_nobody_to_install_them_is_wrong(card: Card, timer: str | None) -> None:
    card.units.clear()
    if timer is not None:
        card.units["show pommai-software.timer"] = timer
    assert card.seen().mark is Mark.OK  # it takes none
    found = card.seen(update_keys=key_of(card))
    assert (found.mark, "nobody would install" in found.words) == (Mark.WRONG, True)
    assert found.next_step == (
        "run deploy/install.sh again" if timer is None else "sudo systemctl enable --now pommai-software.timer"
    )


def test_roots_part_that_has_failed_is_wrong(card: Card) -> None:
    card.units["show pommai-software.service"] = LOADED.format("failed", "oom-kill")
    found = card.seen()
    assert (found.mark, "oom-kill" in found.words) == (Mark.WRONG, True)
