"""Situations: where a step leads, and what is wrong with it in any chart."""

from __future__ import annotations

from functools import cache

import pytest
from qa_material import shipped_table

from pommai.chart.table import Operation, Step, leaves_of
from pommai.qa.situation import BEGINNING, Check, Moment, Situation, after, first_wrong, sound_step

IDLE = ("toy", "behaviour", "playing", "idle", "link", "offline")
LISTENING = ("toy", "behaviour", "playing", "listening", "link", "offline")
RUNNING = (
    ("idle", "await_wake_word"),
    ("link", "stay_connected"),
    ("link", "sync_safety"),
    ("playing", "hear"),
    ("playing", "sync_memory"),
    ("toy", "speak"),
)
BEFORE = Situation(0, RUNNING, frozenset(), "breathing_blue")


@cache
def check() -> Check:
    return sound_step(shipped_table())


def verdict(*operations: Operation, configuration=IDLE, led="breathing_blue", before=BEFORE) -> str:
    step = Step(operations, configuration, led, (0,), 1)
    return check()(Moment(before, "button.pressed", (), step, after(before, "button.pressed", step)))


def test_the_way_into_the_shipped_chart_is_sound_whatever_the_guards() -> None:
    for path, step in leaves_of(shipped_table().start):
        assert check()(Moment(BEGINNING, "start", path, step, after(BEGINNING, "start", step))) == ""


def test_a_step_that_does_nothing_is_sound() -> None:
    assert verdict() == ""


@pytest.mark.parametrize(
    ("operations", "more", "words"),
    [
        ([Operation("start", "hear", state="playing")], {}, "the activity hear of playing is started while it runs"),
        ([Operation("stop", "record", state="listening")], {}, "is stopped and does not run"),
        ([Operation("start", "record", state="listening")], {}, "the activity record of listening goes on"),
        ([Operation("stop", "hear", state="playing")], {}, "the activity hear does not run while playing is active"),
        (
            [Operation("timer", "timer.error.sorry", state="error", seconds=3.0)],
            {},
            "timer.error.sorry is pending when",
        ),
        ([Operation("led", "error_red")], {}, "the light error_red is shown where the chart says breathing_blue"),
        (
            [Operation("led", "error_red")],
            {"led": "error_red"},
            "the light error_red is shown, which belongs to no active",
        ),
    ],
)
def test_what_is_wrong_with_a_step_is_said(operations, more, words: str) -> None:
    assert words in verdict(*operations, **more)


def test_the_event_of_a_timer_ends_the_timer() -> None:
    before = BEFORE._replace(pending=frozenset({"timer.a.b", "timer.c.d"}))
    step = Step((Operation("cancel", "timer.c.d"), Operation("timer", "timer.e.f")), IDLE, None, (), 3)
    assert after(before, "timer.a.b", step) == Situation(3, RUNNING, frozenset({"timer.e.f"}), "breathing_blue")


def test_the_first_check_that_is_not_content_is_heard() -> None:
    step = Step((), IDLE, "breathing_blue", (), 1)
    moment = Moment(BEFORE, "x", (), step, BEFORE)
    assert first_wrong(moment, [check(), lambda _: "second", lambda _: "third"]) == "second"
    assert first_wrong(moment, [check()]) == ""
