"""The story of a replay, as people read it."""

from __future__ import annotations

from qa_material import forgetful_table, shipped_table

from pommai.qa.replay_file import Happening
from pommai.qa.story import leaves, story
from pommai.qa.table_replay import play

WORKS = {"microphone_works": True}
TALK = [
    Happening(0.0, "toy.loaded"),
    Happening(1.0, "button.pressed", {}, WORKS),
    Happening(1.5, "speech.started"),
    Happening(1.6, "timer.error.sorry"),
    Happening(2.0, "reply.failed", {"code": "AUDIO_ERROR"}),
]


def test_a_story_says_what_happened_what_was_done_and_what_it_looked_like() -> None:
    told = play(forgetful_table(), TALK)
    assert story(shipped_table(), told, told[-1].wrong).splitlines()[-9:] == [
        "     1.000  button.pressed [microphone_works]",
        "              / await_wake_word ends, note_press_in_play, begin_turn, record begins, stream_speech begins",
        "              → listening offline   ● listening_pulse",
        "     1.500  speech.started   nobody cares",
        "     1.600  timer.error.sorry  (not pending: dropped)",
        "     2.000  reply.failed (code AUDIO_ERROR)",
        "              / stream_speech ends, abort_turn the server gave up, play error",
        "              → error offline   ● error_red",
        "            ✗ the activity record of listening goes on when that state has been left",
    ]


def test_the_innermost_states_tell_where_a_toy_is() -> None:
    assert leaves(shipped_table(), ("toy", "behaviour", "playing", "idle", "link", "online")) == "idle online"
