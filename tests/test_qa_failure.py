"""A failure is cut down to what matters, and still fails when it is read from its file."""

from __future__ import annotations

from qa_material import forgetful_table, ground

from pommai.chart.table import dump
from pommai.qa.campaign import run_campaign
from pommai.qa.coverage import Ground
from pommai.qa.failure import minimal_on_table
from pommai.qa.profile import load_profile
from pommai.qa.replay_file import read, write
from pommai.qa.subject import Subject
from pommai.qa.table_engine import TableEngine
from pommai.qa.table_replay import play


def test_a_failure_is_shrunk_to_the_few_events_that_matter() -> None:
    subject = Subject(dump(forgetful_table()), load_profile("child"))
    result = run_campaign(subject, Ground(forgetful_table()), seed=7, events=50_000)
    replay, told = minimal_on_table(subject.engine(), result, 7, subject.checks())
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
