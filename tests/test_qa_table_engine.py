"""Streams on the table: the same whatever ran before, the same as the machine, and they find what is wrong."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from chart_material import table_of
from qa_material import forgetful_table, ground, shipped_table

from pommai.events import EVENTS
from pommai.qa.coverage import Coverage, Ground
from pommai.qa.profile import load_profile
from pommai.qa.replay_file import Happening, line_of
from pommai.qa.table_engine import TableEngine
from pommai.qa.table_replay import play


def engine(profile: str = "hostile") -> TableEngine:
    return TableEngine(ground(), load_profile(profile))


def record_of(seed: int = 7, number: int = 0, events: int = 2_000, of: TableEngine | None = None) -> list[Happening]:
    record: list[Happening] = []
    (of or engine()).run(seed, number, events, record)
    return record


def test_a_stream_is_the_same_whatever_ran_before() -> None:
    used = engine()
    for number in range(12):
        used.run(7, number, 3_000)
    assert record_of(of=used, number=3) == record_of(number=3)
    assert used.run(7, 5, 3_000) == engine().run(7, 5, 3_000)


def test_other_seeds_and_other_numbers_are_other_streams() -> None:
    assert len({tuple(map(line_of, record_of(seed, number, 50))) for seed in (1, 2) for number in (0, 1)}) == 4


@pytest.mark.parametrize("profile", ["child", "night", "flaky-wifi", "hostile"])
def test_what_a_stream_does_is_what_the_machine_does(profile: str) -> None:
    """The machine, given the events and answers of the record, takes the same steps and drops no timer."""
    engine_ = engine(profile)
    record: list[Happening] = []
    run = engine_.run(7, 1, 3_000, record)
    told = play(shipped_table(), record)
    assert len(told) == len(record) == 3_001
    assert not any(one.wrong or one.dropped or one.assumed for one in told)
    counts: dict[int, int] = {}
    for one in told[1:]:
        leaves = ground().of_node[one.moment.before.node][one.moment.event]
        (leaf,) = [leaf for leaf in leaves if leaf.path == one.moment.guards]
        counts[leaf.number] = counts.get(leaf.number, 0) + 1
    assert run.counts == counts
    assert run.pairs <= ground().pairs


SMALL = """
name: small
states:
  off:
    initial: true
    transitions: [{event: button.pressed, cond: heard_speech, target: 'on'}]
  'on':
    do: [record]
    after: {2s: {target: 'off'}}
    transitions: [{event: button.released, unless: online, target: 'off'}]
"""


def test_the_record_of_a_seed_is_the_same_on_every_machine() -> None:
    small = TableEngine(Ground(table_of(SMALL)), load_profile("hostile"))
    text = "\n".join(map(line_of, record_of(seed=7, number=2, events=1_000, of=small)))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "183eda9dcba75e41"


def test_timers_fire_in_their_time_and_never_twice() -> None:
    night = TableEngine(ground(), load_profile("night"))
    record: list[Happening] = []
    night.run(1, 0, 5_000, record)
    assert any(one.name == "timer.listening.listen_limit" for one in record)
    assert all(a.at <= b.at for a, b in pairwise(record))


def test_streams_are_steered_to_what_chance_would_hardly_reach() -> None:
    coverage = Coverage(ground())
    child = engine("child")
    for number in range(96):
        run = child.run(7, number, 2_000)
        coverage.merge(run.counts, run.pairs)
    done, there_are = coverage.figures()["guard outcomes"]
    assert done / there_are > 0.8  # nothing leads back to what can be at power-up alone


def test_a_step_that_must_not_be_ends_the_stream_and_is_counted_from_one() -> None:
    broken = TableEngine(Ground(forgetful_table()), load_profile("hostile"))
    record: list[Happening] = []
    run = broken.run(7, 0, 5_000, record)
    assert run.failure is not None
    assert run.failure.why == "the activity record of listening goes on when that state has been left"
    assert run.failure.number == run.events == len(record) - 1
    assert record[-1].name == "reply.failed"
    again = broken.run(7, 0, 5_000)
    assert again == run


def test_a_start_that_must_not_be_fails_before_any_event() -> None:
    engine_ = TableEngine(ground(), load_profile("child"), [lambda moment: "never" if moment.event == "start" else ""])
    run = engine_.run(1, 0, 100)
    assert run.failure is not None
    assert (run.failure.number, run.failure.why, run.events) == (0, "never", 0)


def test_every_short_sequence_is_walked_with_every_answer() -> None:
    engine_ = engine("child")
    count, wrong = engine_.walk_all(3)
    assert wrong == ""
    assert count > len(EVENTS) ** 3
    broken = TableEngine(Ground(forgetful_table()), load_profile("child"))
    assert "record of listening goes on" in broken.walk_all(3)[1]


def test_a_sequence_of_one_event_is_one_event() -> None:
    small = TableEngine(Ground(table_of(SMALL)), load_profile("child"))
    events = len(EVENTS)
    assert small.walk_all(1) == (events + 1, "")  # the press asks a guard
