"""How a toy stands to a bundle, and when it is told of it."""

from __future__ import annotations

import pytest
from offer_material import kept, says

from pommai.gateway.offer_state import RETRY_MS, is_due, standing
from pommai.gateway.offers import Kept, Told
from pommai.protocol.messages import UpdateReport

HASH = kept().sha256


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
