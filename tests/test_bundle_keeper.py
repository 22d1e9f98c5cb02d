"""Root's part: what it installs, when it takes it back, and that it believes the toy in nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from bundle_material import KEY, OTHER_KEY, bundle_bytes, keys, opened, public
from software_material import House, software, wheel

from pommai.bundle.environments import PROVEN
from pommai.bundle.hatch import Hatch, said
from pommai.bundle.keeper import MOST_TRIES
from pommai.bundle.state import MOST_FRUITLESS, MOST_STARTS
from pommai.bundle.store import Store
from pommai.errors import BundleError


@pytest.fixture(autouse=True)
def card_that_need_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the changes are on the card, the tests say themselves; a real one would only be slow."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "house")


def new(house: House, version: int = 2) -> str:
    """The name of what is installed from now on."""
    house.lay(software(version))
    house.keeper().look()
    waiting = house.state().waiting
    assert waiting is not None
    return waiting.name


def on_trial(house: House, version: int = 2, *, cloud: bool = False) -> str:
    name = new(house, version)
    current = house.state().current
    house.note("installed" if current is None else current.name, reached=cloud)
    house.keeper().start()
    return name


def proved(house: House, version: int) -> str:
    name = on_trial(house, version)
    house.note(name, 1)
    house.now += 700
    house.keeper().look()
    assert house.state().trial is None
    return name


def test_software_is_installed_beside_the_old_and_comes_into_force_at_a_start(house: House) -> None:
    name = new(house)
    assert house.version() == "1"  # a toy that runs is left alone
    assert house.keeper().start() == name
    assert (house.version(), house.version(PROVEN)) == ("2", "1")  # what judges it is the old


def test_a_toy_that_rests_and_reaches_its_server_keeps_it(house: House) -> None:
    name = on_trial(house, cloud=True)
    house.note(name, 1)
    house.now += 599
    assert house.keeper().look() == "nothing to do"
    house.now += 1
    assert "has proved itself" in house.keeper().look()
    assert (house.version(), house.version(PROVEN), house.state().highest) == ("2", "2", 2)
    assert not (house.places.state / "unsettled").exists()


@pytest.mark.parametrize(("rests", "failed"), [(True, ()), (False, (2,))])
def test_what_does_not_fare_well_in_its_time_is_taken_back(house: House, rests: bool, failed: tuple[int, ...]) -> None:
    name = on_trial(house, cloud=True)
    house.note(name, 1, rested=rests, reached=False)
    house.now += 600
    assert "is taken back" in house.keeper().look()
    assert (house.version(), house.version(PROVEN), house.state().failed) == ("1", "1", failed)
    # A toy that rests ends by itself; the other one is helped.
    assert ("systemctl --no-block try-restart pommai.service" in house.machine.asked) is not rests


def test_who_had_no_server_need_not_reach_one(house: House) -> None:
    name = on_trial(house)
    house.note(name, 1, reached=False)
    house.now += 600
    assert "has proved itself" in house.keeper().look()


@pytest.mark.parametrize("said", [("installed", 1), ("", 1), (None, 2), (None, 0)])
def test_only_the_word_of_this_start_of_this_software_counts(house: House, said: tuple[str | None, int]) -> None:
    name = on_trial(house)
    house.note(name if said[0] is None else said[0], said[1])
    house.now += 600
    assert "does not come to rest" in house.keeper().look()


def test_three_starts_in_a_row_without_rest_are_enough(house: House) -> None:
    on_trial(house)
    for _ in range(MOST_FRUITLESS - 1):
        house.keeper().start()
        assert house.version() == "2"
    house.keeper().start()
    assert (house.version(), house.version(PROVEN), house.state().failed) == ("1", "1", (2,))
    house.keeper().look()
    assert "did not work" in refused(house, software(2))
    assert house.state().word == "version 2: the toy ended 3 times before it came to rest"
    new(house, 3)
    assert house.state().word == ""


def test_ten_starts_in_all_are_enough(house: House) -> None:
    name = on_trial(house)
    for start in range(1, MOST_STARTS):
        house.note(name, start)
        house.keeper().start()
        assert house.version() == "2"
    house.note(name, MOST_STARTS)
    house.keeper().start()
    assert house.version() == "1"


def test_time_counts_over_starts_and_a_late_start_has_a_fair_chance(house: House) -> None:
    name = on_trial(house)
    house.now += 590
    house.keeper().look()
    (house.places.run / "clock").unlink()  # the power goes: the clock of the machine begins anew
    house.now = 5.0
    house.keeper().start()
    house.now += 60
    assert house.keeper().look() == "nothing to do"  # over, and yet too early to say that it does not rest
    house.note(name, 2)
    assert "has proved itself" in house.keeper().look()


def test_a_machine_whose_clock_was_lost_does_not_count_what_it_does_not_know(house: House) -> None:
    on_trial(house)
    (house.places.run / "clock").unlink()
    house.now += 10_000
    assert house.keeper().look() == "nothing to do"
    trial = house.state().trial
    assert trial is not None
    assert trial.seconds == 0


def refused(house: House, data: bytes) -> str:
    house.lay(data)
    with pytest.raises(BundleError) as caught:
        house.keeper().look()
    assert said(house.places.state)[1] == str(caught.value)
    assert house.keeper().look() == "nothing to do"  # it is not looked at twice
    assert house.state().waiting is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (software(2, signers=(OTHER_KEY,)), "not from whom you trust"),
        (software(2, signers=()), "nobody has signed"),
        (software(2, device_type="robot"), "for devices of type robot"),
        (software(2, fleet="school"), "for the fleet school"),
        (bundle_bytes(version=2), "holds no software"),
        (software(2, b"no zip"), "is no wheel"),
    ],
)
def test_what_the_toy_lays_out_is_looked_at_again(house: House, data: bytes, words: str) -> None:
    assert words in refused(house, data)
    assert house.names() == {"installed"}
    assert house.version() == "1"


def test_a_bundle_that_was_changed_in_the_hatch_is_refused(house: House) -> None:
    house.lay(software(2))
    wanted = house.updates / "software" / "wanted.pommai-bundle"
    wanted.write_bytes(wanted.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="is not what was signed"):
        house.keeper().look()
    assert house.names() == {"installed"}


def test_nothing_older_is_taken_whatever_the_toy_forgets(house: House) -> None:
    proved(house, 5)
    Store(house.updates)
    assert "not newer than 5" in refused(house, software(4))


@pytest.mark.parametrize("step", ["-m venv", "--no-deps", "--find-links", "--version", "import pommai", "pommai check"])
def test_software_that_cannot_be_installed_or_fails_a_try_leaves_nothing(house: House, step: str) -> None:
    house.machine.fails = step
    assert f"{step} failed" in refused(house, software(2))
    assert house.names() == {"installed"}
    assert not (house.places.state / "unsettled").exists()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(OSError(28, "No space left on device"), "No space left on device"), (ValueError("odd"), "ValueError: odd")],
)
def test_whatever_ends_an_installation_is_said_and_it_is_not_tried_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch, trouble: Exception, words: str
) -> None:
    house.lay(software(2))
    with monkeypatch.context() as patched:
        patched.setattr(house.keeper().__class__, "_mark", raising(trouble))
        with pytest.raises(type(trouble)):
            house.keeper().look()
    assert words in said(house.places.state)[1]
    assert house.keeper().look() == "nothing to do"
    assert house.names() == {"installed"}


def test_an_installation_that_somebody_breaks_off_is_begun_anew(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.lay(software(2))
    with monkeypatch.context() as patched:
        patched.setattr(house.keeper().__class__, "_mark", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            house.keeper().look()
    assert said(house.places.state) == ([], "")
    assert "is installed" in house.keeper().look()


def test_an_installation_that_is_killed_each_time_is_given_up_and_said(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.lay(software(2))
    with monkeypatch.context() as patched:
        patched.setattr(house.keeper().__class__, "_mark", raising(SystemExit()))
        for _ in range(MOST_TRIES):
            with pytest.raises(SystemExit):
                house.keeper().look()
    with pytest.raises(BundleError, match="ended 5 times while it installed this"):
        house.keeper().look()
    assert "ended 5 times" in said(house.places.state)[1]
    assert house.keeper().look() == "nothing to do"
    house.lay(software(2))  # it comes anew: so it may go better
    assert "is installed" in house.keeper().look()


def raising(trouble: BaseException) -> Callable[[object], None]:
    def raises(keeper: object) -> None:
        raise trouble

    return raises


def test_two_environments_are_kept(house: House) -> None:
    proved(house, 2)
    assert len(house.names()) == 2
    third = proved(house, 3)
    assert len(house.names()) == 2
    assert third in house.names()
    assert "installed" not in house.names()


def test_one_goes_back_by_hand_once(house: House) -> None:
    second = proved(house, 2)
    proved(house, 3)
    assert second in house.keeper().back()
    house.keeper().start()
    assert (house.version(), house.version(PROVEN)) == ("2", "2")
    with pytest.raises(BundleError, match="not on the card any more"):
        house.keeper().back()


def test_install_sh_run_again_has_the_last_word(house: House) -> None:
    on_trial(house, 2)
    (house.places.state / "unsettled").unlink()
    for link in ("venv", PROVEN):
        (house.places.software / link).unlink()
        (house.places.software / link).symlink_to("venvs/installed")
    assert house.keeper().start() == "installed"
    house.keeper().look()
    assert (house.version(), house.state().trial, house.names()) == ("1", None, {"installed"})


def test_an_older_install_is_told_to_be_made_anew(house: House) -> None:
    for link in ("venv", PROVEN):
        (house.places.software / link).unlink()
    (house.places.software / "venv").mkdir()
    with pytest.raises(BundleError, match=r"run deploy/install\.sh again"):
        house.keeper().look()


def test_a_toy_without_keys_has_no_software_installed(house: House, tmp_path: Path) -> None:
    (tmp_path / "house" / "keys").unlink()
    assert "cannot be read" in refused(house, software(2))


def test_keys_that_others_could_have_written_are_not_believed(house: House) -> None:
    (house.folder / "keys").chmod(0o666)
    assert "is not believed" in refused(house, software(2))


# -- what the toy may do with its hatch ------------------------------------------------------


def test_a_link_or_a_pipe_in_the_hatch_is_not_followed(house: House, tmp_path: Path) -> None:
    house.lay(software(2))
    wanted = house.updates / "software" / "wanted.pommai-bundle"
    wanted.rename(tmp_path / "elsewhere")
    wanted.symlink_to(tmp_path / "elsewhere")
    if os.geteuid() == 0:
        os.chown(house.updates / "software", 4242, 4242)
    with pytest.raises(BundleError, match="is not taken"):
        house.keeper().look()
    wanted.unlink()
    os.mkfifo(wanted)
    with pytest.raises(BundleError, match="is no file"):
        house.keeper().look()


def test_a_note_that_makes_no_sense_is_no_note(house: House) -> None:
    on_trial(house)
    (house.updates / "software" / "note.json").write_bytes(b"[" * 4000)
    house.now += 600
    assert "does not come to rest" in house.keeper().look()


# -- keys that are revoked -------------------------------------------------------------------


def test_a_revocation_reaches_root_with_any_bundle_and_stays(house: House) -> None:
    (house.folder / "keys").write_text(f"{public(KEY, 'drawer')}\n{public(OTHER_KEY, 'desk')}\n")
    desk = public(OTHER_KEY).id.hex()
    with opened(house.folder, bundle_bytes(revokes=(desk,))) as bundle:
        Hatch(house.updates).revoke(bundle)
    assert house.keeper().look() == f"revoked: {desk}"
    assert house.keeper().look() == "nothing to do"
    assert "desk, revoked" in refused(house, software(2, signers=(OTHER_KEY,)))
    proved(house, 3)
    house.keeper().back()
    assert house.state().revoked == (desk,)


def test_software_revokes_as_well_even_when_it_cannot_be_installed(house: House) -> None:
    (house.folder / "keys").write_text(f"{public(KEY, 'drawer')}\n{public(OTHER_KEY, 'desk')}\n")
    house.machine.fails = "pommai check"
    refused(house, software(2, revokes=(public(OTHER_KEY).id.hex(),)))
    assert house.state().revoked == (public(OTHER_KEY).id.hex(),)


def test_a_word_of_revocation_that_nobody_signed_does_nothing(house: House) -> None:
    with opened(house.folder, bundle_bytes(signers=(OTHER_KEY,), revokes=(public(KEY).id.hex(),))) as bundle:
        Hatch(house.updates).revoke(bundle)
    assert house.keeper().look() == "nothing to do"
    assert house.state().revoked == ()
    assert keys()  # the key is as it was
    house.lay(software(2, wheel(2)))
    assert "is installed" in house.keeper().look()


# -- what others see -------------------------------------------------------------------------


def test_all_may_read_what_root_notes_and_root_alone_writes_it(house: House) -> None:
    name = new(house)
    for path in (house.places.state / "state.json", house.places.state / "bundles" / name / "bundle.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_a_full_card_leaves_everything_as_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.bundle.environments.check_room", no_room)
    assert "too little room" in refused(house, software(2))
    assert house.names() == {"installed"}


def no_room(folder: Path, size: int) -> None:
    raise BundleError(f"there is too little room in {folder}")
