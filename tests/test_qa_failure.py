"""A failure is cut down to what matters, and still fails when it is read from its file."""

from __future__ import annotations

from qa_material import forgetful_subject, forgetful_table, ground

from pommai.qa.campaign import run_campaign
from pommai.qa.failure import minimal_on_table, minimal_on_toy
from pommai.qa.profile import load_profile
from pommai.qa.replay_file import read, write
from pommai.qa.table_engine import TableEngine
from pommai.qa.table_replay import play


def test_a_failure_is_shrunk_to_the_few_events_that_matter() -> None:
    subject = forgetful_subject()
    result = run_campaign(subject, subject.ground, seed=7, events=50_000)
    replay, told = minimal_on_table(subject.table_engine(), result, 7, subject.checks)
    assert len(replay.happenings) <= 4
    assert (replay.happenings[0].name, replay.happenings[-1].name) == ("start", "reply.failed")
    assert replay.happenings[-2].guards == {"microphone_works": True}
    for left_out in range(1, len(replay.happenings)):
        part = [one for number, one in enumerate(replay.happenings) if number != left_out]
        assert play(forgetful_table(), part)[-1].wrong != replay.why
    assert (replay.profile, replay.seed, replay.engine) == ("child", 7, "table")
    assert told[-1].wrong == replay.why
    again = play(forgetful_table(), read(write(replay)).happenings)
    assert again[-1].wrong == replay.why


def test_a_chart_that_is_wrong_from_the_start_needs_no_event() -> None:
    def never(moment) -> str:
        return "wrong" if moment.event == "start" else ""

    engine = TableEngine(ground(), load_profile("child"), [never])
    result = run_campaign(lambda: engine, ground(), seed=1, events=100)
    replay, _ = minimal_on_table(engine, result, 1, [never])
    assert [one.name for one in replay.happenings] == ["start"]


def test_in_what_is_left_a_timer_fires_when_it_is_due() -> None:
    def too_late(moment) -> str:
        return "too late" if moment.event == "timer.processing.answer_limit" else ""

    engine = TableEngine(ground(), load_profile("hostile"), [too_late])
    result = run_campaign(lambda: engine, ground(), seed=1, events=100_000)
    replay, told = minimal_on_table(engine, result, 1, [too_late])
    assert [one.happening.at for one in told] == [one.at for one in replay.happenings]
    *before, asked, limit = replay.happenings
    assert [round(one.at, 3) for one in before] == [round(number / 10, 3) for number in range(len(before))]
    assert (limit.name, round(limit.at - asked.at, 3)) == ("timer.processing.answer_limit", 20.0)


def test_a_toy_that_fails_is_played_with_until_few_deeds_are_left() -> None:
    subject = forgetful_subject("hostile", "toy")
    engine = subject.toy_engine()
    result = run_campaign(lambda: engine, subject.ground, seed=7, events=5_000)
    assert result.failure is not None
    replay, told = minimal_on_toy(engine, result, 7)
    assert 0 < len(replay.happenings) <= 5
    assert replay.engine == "toy"
    assert told[-1].moment.event == "reply.failed"
    again = engine.replay(read(write(replay)).happenings)
    assert again.failure is not None
    assert again.failure.why == replay.why
