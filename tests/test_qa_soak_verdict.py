"""When a soak went well, and when it did not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from soak_sights import a_look, a_recovery, a_soak

from pommai.qa.soak_verdict import GROWTH, slowest, trend


def test_half_an_hour_in_which_nothing_grew_went_well() -> None:
    soak = a_soak()
    assert soak.verdict == []
    assert {(each.who, each.name) for each in soak.growths()} == {
        (who, n) for who in ("toy", "gateway") for n in GROWTH
    }


@pytest.mark.parametrize(
    ("name", "an_hour", "words"),
    [
        ("memory_mb", 40.0, "the toy grew from 63.6 to 74.7 MB of memory"),
        ("handles", 20.0, "open files"),
        ("threads", 20.0, "threads"),
        ("tasks", 10.0, "tasks"),
        ("objects", 20_000, "objects"),
        ("wakeups", 400.0, "wakeups a second"),
    ],
)
def test_what_grows_after_it_was_warm_is_told_with_both_figures(name: str, an_hour: float, words: str) -> None:
    (wrong,) = a_soak(**{name: an_hour}).verdict
    assert words in wrong


def test_one_that_is_started_again_is_measured_by_the_most_it_ever_took() -> None:
    soak = a_soak()
    gateway = [look for look in soak.looks if look.who == "gateway"]
    for number, look in enumerate(gateway):  # each life takes more the longer it lasts
        soak.looks[soak.looks.index(look)] = replace(look, memory_mb=60.0 + 3 * (number % 10), life=1 + number // 10)
    assert soak.verdict == []
    soak.looks.append(a_look(1799.0, "gateway", memory_mb=93.0))
    assert soak.verdict == ["the gateway grew from 87.0 to 93.0 MB of memory"]


def test_what_comes_and_goes_is_no_growth() -> None:
    soak = a_soak()
    for number, look in enumerate(soak.looks):
        loaded = look.who == "toy" and look.at > 900 and number % 5
        soak.looks[number] = replace(look, memory_mb=75.0) if loaded else look
    assert soak.verdict == []


def test_the_least_that_was_low_once_is_no_growth_and_what_leaks_on_top_of_it_is() -> None:
    soak = a_soak()
    usual = [64.0, 71.0, 66.0, 68.0, 63.5]  # a speech model more or less, and what the allocator keeps
    for leak in (0.0, 12.0):  # MB an hour: the slowest that is told in half an hour
        for number, look in enumerate(soak.looks):
            if look.who == "toy":
                low = 5.0 if 300 <= look.at < 400 else 0.0
                memory = usual[number // 2 % len(usual)] - low + leak * look.at / 3600
                soak.looks[number] = replace(look, memory_mb=memory)
        grown = [each for each in soak.growths() if each.after - each.before > 4.0]
        assert [each.name for each in grown] == ["memory_mb"]
        assert grown[0].trend == pytest.approx(leak * 1500 / 3600, abs=1.0)
        assert bool(soak.verdict) == bool(leak)


def test_a_trend_is_told_from_however_many_looks() -> None:
    assert trend([]) == 0.0
    assert trend([(5.0, 1.0)]) == 0.0
    assert trend([(float(at), at / 10) for at in range(20_000)]) == pytest.approx(1999.9)


def test_what_grows_while_it_gets_warm_is_no_growth() -> None:
    soak = a_soak()
    soak.looks = [replace(look, memory_mb=20.0) if look.at < 300 else look for look in soak.looks]
    assert soak.verdict == []


def test_a_short_soak_tells_no_growth() -> None:
    soak = a_soak(seconds=300.0, tasks=1_000.0)
    soak.looks = soak.looks[:8]
    assert soak.growths() == []
    assert soak.verdict == []


def test_looks_while_the_toy_is_busy_are_no_growth() -> None:
    soak = a_soak()
    soak.looks += [a_look(1790.0 + number, rests=False, threads=40) for number in range(9)]
    assert soak.verdict == []


def test_a_toy_that_does_not_come_back_is_told_with_the_fault() -> None:
    soak = a_soak()
    soak.recoveries = [a_recovery(7, "card lost", rest_s=None, online_s=None, answered=False)]
    name = "fault 7, card lost, over at 72 s"
    assert soak.verdict == [
        f"{name}: the toy did not rest within 60 s",
        f"{name}: the toy was not online within 20 s",
        f"{name}: the toy's event loop did not answer",
    ]


def test_who_starts_oftener_than_planned_is_told() -> None:
    soak = a_soak()
    soak.lives["gateway"] = 4
    assert soak.verdict == ["the gateway was started 4 times, and should have been 3 times"]


def test_a_file_and_a_log_without_bound_are_told() -> None:
    soak = a_soak()
    soak.looks.append(a_look(1800.0, file_mb=13.0, log_lines=30_000))
    assert soak.verdict == [
        "the toy's database grew to 13.0 MB, and 12.0 MB are enough",
        "the toy wrote 1,000 lines a minute into its log",
    ]


def test_troubles_in_logs_lost_conversations_and_an_early_end_are_told() -> None:
    soak = a_soak()
    soak.troubles = ["toy.log, line 3: Traceback (most recent call last):"]
    soak.ledger.seen = {"c1": "sent"}
    first, second = soak.verdict
    assert first.startswith("in a log: toy.log, line 3")
    assert second == "1 conversations are not in the gateway's data, such as c1"
    soak.ended = "the toy has ended"
    assert soak.verdict[0] == "ended early: the toy has ended"


def test_who_interrupts_a_soak_does_not_hear_that_not_all_is_told() -> None:
    soak = a_soak()
    soak.ledger.waiting = 3
    assert soak.verdict == ["3 conversations were still not acknowledged at the end"]
    soak.interrupted = True
    assert soak.verdict == []


def test_of_each_kind_the_longest_ways_back_are_told() -> None:
    recoveries = [a_recovery(1, rest_s=3.0), a_recovery(2, online_s=9.0), a_recovery(3, "clock", rest_s=50.0)]
    assert slowest(recoveries, "link cut") == (2, 3.0, 9.0)


def test_machines_are_told_everything() -> None:
    told = a_soak().as_json()
    assert told["well"] is True
    assert told["faults"][1]["kind"] == "card lost"
    assert told["looks"][0]["tasks"] == 17
    assert {each["what"] for each in told["growth"]} == set(GROWTH)
