"""Invariants say what is wrong, at the moment it is."""

import asyncio

from watched_toy import WatchedToy

from pommai.io.loudness import Loudness
from pommai.protocol.audio import SILENCE
from pommai.protocol.messages import GuardianAlert, TextResponse
from pommai.qa.invariants import answer_frame, answered_turn
from pommai.qa.simulated_toy import settle, tone
from pommai.qa.virtual_time import run


def wrongs_of(misdeed, *, quiet=False):
    """What is found wrong with a toy to which this is done while it is idle, or in safe mode."""

    async def scene():
        toy = WatchedToy()
        running = asyncio.create_task(toy.runtime.run())
        await settle()
        await toy.be_loaded()
        if quiet:
            toy.do_pause(60.0)
            await settle()
        assert toy.invariants.look() == []
        await misdeed(toy)
        found = list(toy.invariants.look())
        toy.runtime.stop()
        await running
        return found

    return run(scene())


def test_sound_of_a_turn_that_is_over_is_not_sent():
    async def misdeed(toy):
        toy.link.send_audio(3, 0, b"speech", final=False)

    assert wrongs_of(misdeed) == ["sound of turn 3 is sent, in which the server has no part"]


def test_in_safe_mode_no_sound_is_sent_even_of_a_live_turn():
    async def misdeed(toy):
        toy.body.next_turn()
        toy.link.send_audio(1, 0, b"speech", final=False)

    assert wrongs_of(misdeed, quiet=True) == ["sound is sent in safe_mode"]


def test_in_safe_mode_an_alert_is_sent_and_nothing_that_is_not_about_safety():
    async def misdeed(toy):
        toy.link.send(GuardianAlert("low", "a test", "2026-01-01T00:00:00.000Z"))
        toy.link.send(TextResponse(1, "hello"))

    assert wrongs_of(misdeed, quiet=True) == ["TextResponse is sent in safe_mode"]


def test_an_answer_is_heard_in_its_own_turn_and_only_while_the_toy_speaks():
    async def misdeed(toy):
        toy.speaker.write(answer_frame(7))
        await asyncio.sleep(0.1)

    found = wrongs_of(misdeed)
    assert found[0] == "an answer to turn 7 is heard in turn 0"
    assert found[1].startswith("an answer is heard in toy")


def test_the_microphone_is_closed_where_nothing_listens():
    async def misdeed(toy):
        await toy.microphone.open(lambda frame: None, lambda reason: None)

    assert [wrong.partition(" in ")[0] for wrong in wrongs_of(misdeed, quiet=True)] == ["the microphone is open"]


def test_the_light_is_the_chart_s_and_moves_as_its_pattern_does():
    async def misdeed(toy):
        toy.lights.show(((1, 2, 3),))
        first = list(toy.invariants.look())
        toy.runtime.lights.set_pattern("error_red")
        assert len(first) == 1
        assert first[0].startswith("breathing_blue shows ((1, 2, 3),)")

    assert wrongs_of(misdeed)[1].startswith("the light is error_red")


def test_an_activity_that_ended_and_a_timer_that_is_left_over_are_found():
    async def misdeed(toy):
        toy.runtime.activities.stop("playing", "hear")
        toy.runtime.timers.start("timer.error.sorry", 5.0)

    found = wrongs_of(misdeed)
    assert found[0].startswith("['await_wake_word', 'speak', 'stay_connected', 'sync_memory', 'sync_safety'] run in")
    assert found[1].startswith("timer.error.sorry is left over in")


def test_a_turn_without_an_end_is_found_at_rest():
    async def misdeed(toy):
        toy.body.next_turn()
        toy.invariants.look_at_rest()

    assert wrongs_of(misdeed) == ["turn 1 has no end"]


def test_a_quiet_answer_is_told_from_one_to_another_turn():
    """Turn 1000 at 60 % is as loud as turn 600 at 100 %: loudness must not tell whose it is."""
    for turn in (1, 600, 1000, 2**32 - 1):
        for volume in (1.0, 0.6, 0.01):
            loudness = Loudness(volume, 1.0)
            heard = [loudness.apply(answer_frame(turn)) for _ in range(3)]
            assert {answered_turn(frame) for frame in heard} == {turn}
    for level in (1, 500, 32767):
        assert answered_turn(tone(level)) == 0
    assert answered_turn(SILENCE) == 0
