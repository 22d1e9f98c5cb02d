"""Campaigns: the same with any number of workers, and nothing lost when one dies or somebody presses Ctrl-C."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest
from qa_material import forgetful_subject, ground, shipped_subject

from pommai.qa.campaign import Result, run_campaign
from pommai.qa.replay_file import Happening
from pommai.qa.table_engine import Failure, Run


def shown(result: Result) -> tuple[object, ...]:
    return result.events, result.streams, result.failure, result.coverage.counts, result.coverage.pairs


def test_two_workers_find_what_one_finds() -> None:
    subject = shipped_subject("hostile")
    alone = run_campaign(subject, ground(), seed=7, events=23_000)
    together = run_campaign(subject, ground(), seed=7, events=23_000, workers=2)
    assert alone.events == 23_000
    assert alone.streams == 5
    assert shown(alone) == shown(together)


def test_a_campaign_ends_at_its_first_failure_and_two_workers_agree_on_it() -> None:
    broken = forgetful_subject()
    where = broken.ground
    alone = run_campaign(broken, where, seed=7, events=50_000)
    together = run_campaign(broken, where, seed=7, events=50_000, workers=2)
    assert alone.failure is not None
    assert "goes on when that state has been left" in alone.failure.why
    assert (alone.failure, alone.failed_stream) == (together.failure, together.failed_stream)


@dataclass
class Odd:
    """An engine whose stream 2 ends its process, kills it once, or is interrupted."""

    mark: str
    how: str
    stream_events = 10

    def __call__(self) -> Odd:
        return self

    def run(self, seed: int, number: int, events: int, record: list[Happening] | None = None) -> Run:
        if number == 2:
            if self.how == "interrupt":
                raise KeyboardInterrupt
            if self.how == "always" or not os.path.exists(self.mark):
                open(self.mark, "w").close()
                os._exit(9)
        return Run(number, events, counts={number: events})


def test_the_stream_of_a_worker_that_died_is_run_by_another_one_and_the_death_is_told(tmp_path) -> None:
    result = run_campaign(Odd(str(tmp_path / "died"), "once"), ground(), seed=1, events=60, workers=2)
    assert result.events == 60
    assert result.failure is None
    assert result.deaths == ["a worker died (exit code 9) in stream 2"]
    assert result.coverage.counts[:6] == [10] * 6


def test_a_stream_that_kills_every_worker_is_a_failure(tmp_path) -> None:
    result = run_campaign(Odd(str(tmp_path / "died"), "always"), ground(), seed=1, events=60, workers=2)
    assert result.failure == Failure(0, "a worker died (exit code 9) in stream 2, and so did the next one")
    assert len(result.deaths) == 2
    assert result.coverage.counts[:2] == [10, 10]


def test_an_interrupt_keeps_what_was_found() -> None:
    seen = []
    result = run_campaign(Odd("", "interrupt"), ground(), seed=1, events=60, progress=lambda r: seen.append(r.events))
    assert result.interrupted
    assert result.events == 20
    assert seen == [10, 20]


@pytest.mark.parametrize("events", [1, 4_999, 5_001])
def test_exactly_so_many_events_happen_as_were_wanted(events: int) -> None:
    assert run_campaign(shipped_subject("hostile"), ground(), seed=1, events=events).events == events
