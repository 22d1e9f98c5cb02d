"""Days of a simulated toy; what it leaves behind in one of them: see test_soak."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from qa_material import shipped_subject

from pommai.qa import soak_days
from pommai.qa.soak_days import Kept, Midnight, findings, growth, live_for_days, table

KEPT = Kept(Counter(Turn=1), 1000, Counter(dict=100), 11, 2, 0, 8, 1, 100, 0, 0.9)


def nights(*kept: Kept) -> list[Midnight]:
    return [Midnight(number + 1, each, 1000, 3, number % 2 == 0, 0, ()) for number, each in enumerate(kept)]


def test_days_end_with_a_power_off_and_the_next_begin_with_what_was_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(soak_days, "DAY_S", 1800.0)  # so short are these days
    monkeypatch.setattr(soak_days, "SPELL_S", 400.0)
    monkeypatch.setattr(soak_days, "PLAY_S", 200.0)
    told: list[Midnight] = []
    found = live_for_days(shipped_subject("child", "toy"), 3, 7, told.append)
    assert found == told
    assert [night.day for night in found] == [1, 2, 3]
    assert {night.pulled for night in found} == {True, False}
    assert all(night.left == 0 and night.events > 50 for night in found)
    assert found[0].kept.conversations < found[-1].kept.conversations
    again = live_for_days(shipped_subject("child", "toy"), 3, 7, told.append)
    assert [(night.events, night.jumps, night.pulled) for night in again] == [
        (night.events, night.jumps, night.pulled) for night in found
    ]


def test_days_that_are_alike_went_well() -> None:
    assert findings(nights(KEPT, KEPT, KEPT)) == []
    lines = table(nights(KEPT, KEPT))
    assert len(lines) == 3
    assert lines[1].endswith("power lost")
    assert lines[2].endswith("switched off")


def test_what_grows_from_day_to_day_is_told_and_the_first_two_are_not_asked() -> None:
    more = replace(KEPT, toy=Counter(Turn=500), tasks=12)
    assert findings(nights(replace(KEPT, tasks=5), KEPT, more)) == [
        "day 3: 499 more Turn in the toy",
        "day 3: 12 tasks, and 11 before",
    ]
    assert findings(nights(KEPT, more)) == []


def test_what_must_never_be_is_told_on_any_day() -> None:
    first = replace(nights(replace(KEPT, timers=9, queued=1, unsent=500))[0], left=2, wrongs=("it is deaf",))
    assert findings([first]) == [
        "day 1: it is deaf",
        "day 1: 2 tasks were left over when the toy was off",
        "day 1: 9 timers, and 5 are enough",
        "day 1: 1 events in the queue, and 0 are enough",
        "day 1: 500 items not sent, and 100 are enough",
    ]


def test_growth_is_told_in_words() -> None:
    later = replace(KEPT, toy_bytes=100_000, process=Counter(dict=400))
    assert growth(KEPT, later) == ["300 more dict in the process", "99,000 bytes more in the toy"]
    assert growth(later, KEPT) == []
