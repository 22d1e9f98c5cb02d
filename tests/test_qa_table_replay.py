"""Replays on the table: what the file says is done, and what it does not say is told."""

from __future__ import annotations

import pytest
from qa_material import forgetful_table, shipped_table

from pommai.errors import ReplayError
from pommai.qa.replay_file import Happening
from pommai.qa.table_replay import TableReplay, asked_only, check_names, play

WORKS = {"microphone_works": True}
TALK = [
    Happening(0.0, "toy.loaded"),
    Happening(1.0, "button.pressed", {}, WORKS),
    Happening(2.0, "reply.failed", {"code": "AUDIO_ERROR"}),
]


def test_a_file_need_not_say_start() -> None:
    told = play(shipped_table(), TALK)
    assert [one.moment.event for one in told] == ["start", "toy.loaded", "button.pressed", "reply.failed"]
    assert "error" in told[-1].moment.step.configuration
    assert told[-1].wrong == ""


def test_it_ends_at_the_first_thing_that_is_wrong() -> None:
    told = play(forgetful_table(), [*TALK, Happening(3.0, "button.pressed")])
    assert told[-1].moment.event == "reply.failed"
    assert "record of listening goes on" in told[-1].wrong


def test_a_question_that_the_file_does_not_answer_is_taken_for_no_and_told() -> None:
    told = play(shipped_table(), [TALK[0], Happening(1.0, "button.pressed")])
    assert told[-1].assumed == ("microphone_works",)
    assert "error" in told[-1].moment.step.configuration


def test_the_event_of_a_timer_that_is_not_pending_is_dropped() -> None:
    replay = TableReplay(shipped_table())
    replay.take(TALK[0])
    (told,) = replay.take(Happening(9.0, "timer.loading_toy.load_limit"))
    assert told.dropped
    assert asked_only([told]) == ()


def test_what_only_a_whole_toy_notices_is_left_out() -> None:
    assert len(play(shipped_table(), [*TALK, Happening(3.0, "server.stalls")])) == 4


def test_only_the_answers_that_were_asked_for_are_kept() -> None:
    written = Happening(1.0, "button.pressed", {}, {**WORKS, "heard_speech": True})
    assert asked_only(play(shipped_table(), [TALK[0], written]))[-1].guards == WORKS


def test_an_event_nobody_knows_is_refused_with_the_one_that_was_meant() -> None:
    check_names(TALK, shipped_table())
    with pytest.raises(ReplayError, match=r"no event is called 'button.pressd' \(did you mean 'button.pressed'\?\)"):
        check_names([Happening(0.0, "button.pressd")], shipped_table())
