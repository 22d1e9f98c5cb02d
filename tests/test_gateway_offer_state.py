"""How a toy stands to a bundle, and when it is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from offer_material import kept, says

from pommai.gateway.offer_state import RETRY_MS, is_due, standing, version_in_force
from pommai.gateway.offers import Kept, Told
from pommai.protocol.messages import SoftwareReport, UpdateReport

SOFTWARE = kept(is_software=True)


def runs(version: int, **more: Any) -> UpdateReport:
    """A toy that was given software."""
    return says(software=SoftwareReport(version, **more))


@pytest.mark.parametrize(
    ("bundle", "told", "report", "word", "due"),
    [
        (kept(), None, None, "silent", False),
        (kept(), None, says(), "waits", True),
        (kept(), Told(), says(11), "waits", True),
        (kept(), None, says(12), "in force", False),
        (kept(), Told(1, 1, "refused", "why"), says(12), "in force", False),
        (kept(), None, says(12, trial=True), "on trial", False),
        (kept(), None, says(13), "newer", False),
        (kept(), None, says(11, waiting=13), "newer", False),
        (kept(), None, says(11, waiting=12), "taken", False),
        (kept(), Told(1, 1, "taken"), says(11, waiting=12), "taken", False),
        (kept(), Told(1, 1, "taken"), says(11), "undone", False),
        (kept(), None, says(11, failed=(9, 12)), "undone", False),
        (kept(), None, says(device_type="robot"), "other", False),
        (kept(fleet="shop"), None, says(), "other", False),
        (kept(fleet="home"), None, says(), "waits", True),
        (kept(), Told(1, 1, "unreachable", "why"), says(), "unreachable", True),
        (kept(is_software=True), None, says(99), "waits", True),
        (kept(is_software=True), Told(1, 1, "taken"), says(99), "taken", False),
        (SOFTWARE, None, runs(11), "waits", True),
        (SOFTWARE, Told(1, 1, "taken"), runs(0, waiting=12), "taken", False),
        (SOFTWARE, Told(1, 1, "taken"), runs(0, waiting=12, installed=True), "taken", False),
        (SOFTWARE, Told(1, 1, "taking"), runs(12, trial=True), "on trial", False),
        (SOFTWARE, Told(1, 1, "taken"), runs(12), "in force", False),
        (SOFTWARE, Told(1, 1, "refused", "why"), runs(12), "in force", False),
        (SOFTWARE, None, runs(12, waiting=13), "newer", False),
        (SOFTWARE, Told(1, 1, "refused", "why"), runs(0), "refused", True),
        (SOFTWARE, Told(1, 1, "taken"), runs(0), "undone", False),
        (SOFTWARE, Told(1, 1, "taken"), runs(0, failed=(12,)), "undone", False),
        (SOFTWARE, Told(0, 0, "told"), runs(0, undone=12, reason="no server"), "told", True),
        (kept(), None, runs(12), "waits", True),
    ],
)
def test_how_a_toy_stands_and_whether_it_is_told(
    bundle: Kept, told: Told | None, report: UpdateReport | None, word: str, due: bool
) -> None:
    assert standing(bundle, told, report).word == word
    assert is_due(bundle, told, report, now=10**15) is due


def test_who_refuses_is_asked_again_later_and_later() -> None:
    for times in range(1, 9):
        told = Told(1000, times, "refused", "no room")
        wait = RETRY_MS[min(times, len(RETRY_MS)) - 1]
        assert standing(kept(), told, says()) == ("refused", "no room")
        assert not is_due(kept(), told, says(), 1000 + wait - 1)
        assert is_due(kept(), told, says(), 1000 + wait)
    assert list(RETRY_MS) == sorted(RETRY_MS)


def test_the_reason_stands_beside_what_became_of_a_bundle() -> None:
    why = "the toy does not reach its server any more"
    taken = Told(1, 1, "taken")
    assert standing(kept(), taken, says(11, undone=12, why=why)) == ("undone", why)
    assert standing(kept(), taken, says(11, failed=(12,), undone=12, why=why)) == ("undone", why)
    assert standing(kept(), taken, says(11, failed=(12,), undone=10, why=why)).reason == "it did not work on this toy"
    assert standing(SOFTWARE, taken, says(11, undone=12, why=why, software=SoftwareReport(0))).reason != why


def test_the_reason_stands_beside_what_became_of_software() -> None:
    why = "the toy does not come to rest"
    taken = Told(1, 1, "taken")
    assert standing(SOFTWARE, taken, runs(0, waiting=12)) == ("taken", "it is not installed yet")
    assert standing(SOFTWARE, taken, runs(0, waiting=12, installed=True)) == ("taken", "")
    assert standing(SOFTWARE, taken, runs(0, failed=(12,), undone=12, reason=why)) == ("undone", why)
    assert standing(SOFTWARE, taken, runs(0, undone=12, reason=why)) == ("undone", why)
    assert standing(SOFTWARE, taken, runs(0, failed=(12,), undone=11, reason=why)).reason != why
    # What was gone back from for want of a server may be offered again.
    assert standing(SOFTWARE, Told(), runs(0, undone=12, reason=why)).word == "waits"


def test_the_version_in_force_is_that_of_the_same_kind() -> None:
    report = says(7, software=SoftwareReport(3))
    assert (version_in_force(kept(), report), version_in_force(SOFTWARE, report)) == (7, 3)
    assert (version_in_force(kept(), None), version_in_force(SOFTWARE, None)) == (None, None)
    assert version_in_force(SOFTWARE, says(7)) is None
