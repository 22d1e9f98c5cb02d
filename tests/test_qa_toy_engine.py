"""Streams on whole toys: deterministic, judged, and quiet at their end."""

from __future__ import annotations

import logging

import pytest
from qa_material import ROOT, shipped_subject

from pommai.actions import ACTIONS
from pommai.cli.fuzz import subject_of
from pommai.qa.coverage import Coverage
from pommai.qa.profile import load_profile, shipped_profiles
from pommai.qa.replay_file import Happening, line_of
from pommai.qa.subject import Subject

EVENTS = {"child": 400, "flaky-wifi": 400, "hostile": 400, "night": 30}
"""Events of a stream; a night of 400 would take days."""


@pytest.mark.parametrize("profile", sorted(shipped_profiles()))
def test_whole_toys_come_through_every_profile(profile: str) -> None:
    subject = shipped_subject(profile, "toy")
    engine, coverage = subject.toy_engine(), Coverage(subject.ground)
    for number in range(2):
        run = engine.run(7, number, EVENTS[profile])
        assert run.failure is None
        assert run.events >= EVENTS[profile]
        coverage.merge(run.counts, run.pairs)
    assert sum(coverage.counts) >= 2 * EVENTS[profile]
    assert coverage.figures()["configurations"][0] >= 4
    assert coverage.pairs <= subject.ground.pairs


def test_the_same_seed_is_the_same_life() -> None:
    records: list[list[str]] = []
    runs = []
    for _ in range(2):
        record: list[Happening] = []
        runs.append(shipped_subject("hostile", "toy").toy_engine().run(7, 3, 300, record))
        records.append(list(map(line_of, record)))
    assert records[0] == records[1]
    assert runs[0] == runs[1]


def test_a_record_replayed_takes_the_same_course() -> None:
    engine = shipped_subject("flaky-wifi", "toy").toy_engine()
    record: list[Happening] = []
    run = engine.run(7, 1, 300, record)
    again = engine.replay(record)
    assert again.counts == run.counts
    assert again.failure is None


def test_an_action_that_raises_is_found_and_told(monkeypatch) -> None:
    def explode(toy, **how) -> None:
        raise ValueError("the sound is gone")

    monkeypatch.setitem(ACTIONS, "begin_turn", explode)
    run = shipped_subject("child", "toy").toy_engine().run(7, 0, 300)
    assert run.failure is not None
    assert run.failure.why == "action failed: ValueError: the sound is gone"


def edited(tmp_path, *changes: tuple[str, str]) -> Subject:
    """A subject of the shipped chart with these changes."""
    text = (ROOT / "statechart.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    chart = tmp_path / "statechart.yaml"
    chart.write_text(text)
    return subject_of(chart, load_profile("hostile"), "toy")


IDLE = "                do: await_wake_word\n                transitions:\n                  - {event: restart.asked"
SLEEPY = """\
              sleepy:
                led: {pattern: "off", priority: 10}
                do: await_wake_word
                after: {30s: {target: idle}}
                transitions: {event: button.pressed, cond: microphone_works, target: listening}
              listening:
"""


@pytest.mark.parametrize("time_to_sleep", ["5m", "2s"])
def test_a_toy_that_sleeps_and_wakes_by_itself_rests(tmp_path, time_to_sleep: str) -> None:
    after = f"                after: {{{time_to_sleep}: {{target: sleepy}}}}\n"
    subject = edited(tmp_path, (IDLE, after + IDLE), ("              listening:\n", SLEEPY))
    for number in range(2):
        assert subject.toy_engine().run(7, number, 100).failure is None


def test_a_toy_that_never_rests_again_is_found(tmp_path) -> None:
    awake = SLEEPY.replace("30s: {target: idle}", "30s: {target: sleepy}")
    after = "                after: {20s: {target: sleepy}}\n"
    subject = edited(tmp_path, (IDLE, after + IDLE), ("              listening:\n", awake))
    run = subject.toy_engine().run(7, 0, 100)
    assert run.failure is not None
    assert "left alone, the toy does not rest, but is in toy behaviour playing sleepy" in run.failure.why


def test_a_microphone_that_stays_open_is_found(monkeypatch) -> None:
    from pommai.qa.busy_toy import DozingMicrophone

    async def stay(self) -> None:
        """A driver that does not let go."""

    monkeypatch.setattr(DozingMicrophone, "close", stay)
    run = shipped_subject("hostile", "toy").toy_engine().run(7, 0, 2_000)
    assert run.failure is not None
    assert "the microphone is open" in run.failure.why


def test_logging_is_as_before_afterwards() -> None:
    logger = logging.getLogger("pommai")
    before = logger.level, logger.propagate, list(logger.handlers)
    shipped_subject("child", "toy").toy_engine().run(7, 0, 50)
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
