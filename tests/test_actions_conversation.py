"""Turns: how they begin and how they end."""

import asyncio

from simulated_toy import simulated_toy

from pommai.actions.conversation import abort_turn
from pommai.protocol.messages import Abort, ErrorMessage
from pommai.qa.simulated_toy import settle, tone
from pommai.qa.virtual_time import run


def test_a_turn_aborted_twice_is_told_to_the_server_once():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            abort_turn(toy.body, "barge-in")
            abort_turn(toy.body, "barge-in")
            assert toy.link.messages.count(Abort(1, "barge-in")) == 1

    run(scene())


def test_a_turn_of_which_nothing_was_sent_is_aborted_in_silence():
    async def scene():
        async with simulated_toy(up=False) as toy:
            toy.link.go_down("no route")
            toy.press()
            await toy.say(0.5)
            abort_turn(toy.body, "barge-in")
            toy.link.go_up()
            await toy.say(0.5)
            assert not any(isinstance(message, Abort) for message in toy.link.messages)
            assert toy.link.audio == []

    run(scene())


def test_a_turn_the_server_gave_up_is_over_and_does_not_hide_a_silent_hold():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(ErrorMessage("AUDIO_ERROR", "no words in it", {"turn": 1}))
            await settle()
            assert toy.body.turn.over
            toy.post("button.held", held_s=3.0)
            await settle()
            assert "safe_mode" in toy.states

    run(scene())


def test_a_turn_begun_by_name_ends_when_the_child_falls_silent():
    async def scene():
        async with simulated_toy() as toy:
            toy.post("wake.heard", phrase="hey pommai", score=1.0)
            await toy.say(1.0)
            assert toy.state == "listening"
            assert toy.body.turn.hands_free
            await asyncio.sleep(1.0)
            assert toy.state == "processing"

    run(scene())


def test_a_turn_begun_by_the_button_does_not_end_at_a_pause():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1.0)
            await asyncio.sleep(3.0)
            assert toy.state == "listening"

    run(scene())


def test_a_connection_that_fails_by_a_fault_of_ours_is_begun_again():
    async def scene():
        async with simulated_toy() as toy:
            run_link, calls = toy.link.run, []

            async def faulty(listener):
                calls.append(asyncio.get_running_loop().time())
                if len(calls) < 3:
                    raise RuntimeError("a fault")
                await run_link(listener)

            toy.link.run = faulty
            toy.link.go_down("it was a fault")
            toy.runtime.activities.stop("link", "stay_connected")
            toy.runtime.activities.start("link", "stay_connected", {})
            await asyncio.sleep(11)
            assert len(calls) == 3
            assert round(calls[2] - calls[0]) == 10
            await asyncio.sleep(4)
            assert toy.state == "idle"
            assert "online" in toy.states

    run(scene())


def test_a_press_hushes_the_toy_so_that_it_hears_the_child():
    async def scene():
        async with simulated_toy() as toy:
            toy.body.voice.play([tone(400)] * 100)
            await asyncio.sleep(0.2)
            toy.press()
            await toy.say(1.0)
            assert len(toy.body.turn.recording.frames) >= 40
            assert toy.body.turn.heard_speech

    run(scene())
