"""The power is cut, or root's part killed, at every step: the toy starts on the old software or on the new, whole."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from power_cut import CutDisk, PowerCut
from software_material import House, QuickDisk, software

from pommai.bundle.disk import Disk
from pommai.bundle.environments import PROVEN

Deed = Callable[[House, Disk], object]


def looks(house: House, disk: Disk) -> None:
    house.keeper(disk).look()


def starts(house: House, disk: Disk) -> None:
    house.keeper(disk).start()


def nothing(house: House) -> None:
    house.lay(software(2))


def waits(house: House) -> None:
    nothing(house)
    house.keeper(CutDisk(1000, 0)).look()
    (house.updates / "software" / "wanted.pommai-bundle").unlink()  # by the toy, which has heard of it


def is_on_trial(house: House) -> None:
    waits(house)
    house.keeper().start()


def fares_well(house: House) -> None:
    is_on_trial(house)
    current = house.state().current
    assert current is not None
    house.note(current.name, 1)
    house.now += 700


def fares_badly(house: House) -> None:
    is_on_trial(house)
    house.now += 700


def has_ended_too_often(house: House) -> None:
    is_on_trial(house)
    for _ in range(2):
        house.keeper().start()


LIVES: dict[str, tuple[Callable[[House], None], Deed, set[str]]] = {
    "it is installed": (nothing, looks, {"1", "2"}),
    "it comes into force": (waits, starts, {"2"}),
    "it is started again": (is_on_trial, starts, {"2"}),
    "it proves itself": (fares_well, looks, {"2"}),
    "it fails": (fares_badly, looks, {"1", "2"}),
    "it is given up": (has_ended_too_often, starts, {"1"}),
}


def begun(folder: Path, before: Callable[[House], None]) -> Path:
    before(House(folder / "house"))
    return folder / "house"


def again(house: Path, now: float = 2000.0) -> House:
    """Another day with the same card: the clock of the machine has begun anew."""
    same = House(house)
    same.now = now
    return same


def starts_whole(house: House) -> str:
    """Start the toy; the version it starts on. What proves it is whole, too, and root's part can go on."""
    house.keeper().start()
    version = house.version()
    assert house.version(PROVEN) in ("1", "2")
    house.keeper().look()
    assert house.version() == version or house.state().waiting is not None
    return version


@pytest.fixture(autouse=True)
def card_that_need_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the changes are on the card, the tests say themselves; a real one would only be slow."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.mark.parametrize("life", LIVES)
def test_a_toy_starts_on_the_old_software_or_on_the_new(tmp_path: Path, life: str) -> None:
    before, deed, allowed = LIVES[life]
    card = begun(tmp_path, before)
    seen, steps, was_cut = set(), 0, True
    while was_cut:
        kept, pending = 0, 0
        while kept <= pending:
            lived = tmp_path / "life"
            shutil.copytree(card, lived, symlinks=True)
            disk = CutDisk(steps, kept)
            try:
                deed(again(lived, 1700.0), disk)
                was_cut = False
            except PowerCut:
                was_cut = True
            pending = len(disk.pending)
            disk.cut()
            seen.add(starts_whole(again(lived)))
            assert seen <= allowed, f"{life}: {steps} steps, {kept} of {pending} changes kept"
            shutil.rmtree(lived)
            kept += 1
        steps += 1
    assert seen == allowed
    assert steps >= 5


def killed_at(house: Path, steps: int) -> bool:
    """Install in a child that kills itself before its `steps`-th step; whether it came to that."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or status == 0
        return os.WIFSIGNALED(status)
    left = steps

    def step(kind: str, path: Path) -> None:
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    try:
        looks(House(house), QuickDisk(step))
    except BaseException as caught:
        print(caught, file=sys.stderr)
        os._exit(1)
    os._exit(0)


def test_roots_part_that_is_killed_at_any_step_of_an_install_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    card = begun(tmp_path, nothing)
    versions: list[str] = []
    going = True
    while going:
        lived = tmp_path / str(len(versions))
        shutil.copytree(card, lived, symlinks=True)
        going = killed_at(lived, len(versions))
        versions.append(starts_whole(again(lived)))
    assert len(versions) >= 25
    assert versions == sorted(versions)  # the old one up to a step, the new one from there on
    assert set(versions) == {"1", "2"}
