"""The power is cut at every step of an update: the toy comes up on the old bundle or on the new one, whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bundle_material import settled, take, whole_version
from power_cut import CutDisk, PowerCut

from pommai.bundle.state import State
from pommai.bundle.store import Store

Deed = Callable[[Store, Path], object]


def waits(store: Store, folder: Path) -> None:
    take(store, folder, 12)


def is_on_trial(store: Store, folder: Path) -> None:
    take(store, folder, 12)
    store.begin()


def has_come_to_nothing(store: Store, folder: Path) -> None:
    take(store, folder, 12)
    for _ in range(3):
        store.begin()


LIVES: dict[str, tuple[Deed | None, Deed, set[int]]] = {
    "it is taken": (None, waits, {11, 12}),
    "it comes into force": (waits, lambda store, folder: store.begin(), {12}),
    "it is started again": (is_on_trial, lambda store, folder: store.begin(), {12}),
    "it has rested": (is_on_trial, lambda store, folder: store.change(State.rested), {12}),
    "it is confirmed": (is_on_trial, lambda store, folder: store.change(State.confirmed), {12}),
    "it fails": (is_on_trial, lambda store, folder: store.change(State.back), {11, 12}),
    "it is given up": (has_come_to_nothing, lambda store, folder: store.begin(), {11}),
    "somebody goes back": (is_on_trial, lambda store, folder: store.go_back(), {11, 12}),
    "a newer one is taken": (is_on_trial, lambda store, folder: take(store, folder, 13), {12, 13}),
}


ENDS = {"it fails": 11, "somebody goes back": 11}
"""What is in force when a life was lived to its end; else the newest there is."""


def cut(folder: Path, deed: Deed, steps: int, kept: int) -> tuple[bool, int]:
    """Live until the power is cut; whether it was, and how many changes were not on the card."""
    disk = CutDisk(steps, kept)
    was_cut = False
    try:
        deed(Store(folder / "updates", disk), folder)
    except PowerCut:
        was_cut = True
    pending = len(disk.pending)
    disk.cut()  # after the last step, too: nothing that counts may be lost then
    return was_cut, pending


@pytest.mark.parametrize("life", LIVES)
def test_a_toy_comes_up_on_the_old_bundle_or_on_the_new_one(tmp_path: Path, life: str) -> None:
    before, deed, allowed = LIVES[life]
    begun = tmp_path / "begun"
    begun.mkdir()
    settled(begun, 11)
    if before is not None:
        before(Store(begun / "updates"), begun)
    points, seen, steps, was_cut = 0, set(), 0, True
    while was_cut:
        kept, pending = 0, 0
        while kept <= pending:
            folder = tmp_path / "life"
            shutil.copytree(begun, folder)
            was_cut, pending = cut(folder, deed, steps, kept)
            version = whole_version(Store(folder / "updates").begin())
            assert version in allowed, f"{life}: {steps} steps, {kept} of {pending} changes kept"
            assert was_cut or version == ENDS.get(life, max(allowed))
            seen.add(version)
            if not kept:
                take(Store(folder / "updates"), folder, 20)
                assert whole_version(Store(folder / "updates").begin()) == 20
            shutil.rmtree(folder)
            points, kept = points + 1, kept + 1
        steps += 1
    assert seen == allowed
    assert points >= 5


def test_a_process_that_is_killed_at_any_step_leaves_the_old_or_the_new_one(tmp_path: Path) -> None:
    program = Path(__file__).parent / "killed_update.py"
    done = subprocess.run([sys.executable, program, tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    versions = [int(word) for word in done.stdout.split()]
    assert len(versions) >= 25
    assert versions == sorted(versions)  # the old one up to a step, the new one from there on
    assert set(versions) == {11, 12}
