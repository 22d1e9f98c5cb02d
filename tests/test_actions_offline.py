"""Answering without a server."""

import asyncio

from simulated_toy import simulated_toy

from pommai.io.speech_simulated import LEVEL as SPOKEN
from pommai.protocol.messages import Abort, GuardianAlert
from pommai.qa.simulated_toy import SOUND_NAMES, settle
from pommai.qa.virtual_time import run


def level(sound: str) -> int:
    return 100 + SOUND_NAMES.index(sound)


def kept(toy, kind: str) -> list[dict]:
    return [item.for_server() for item in toy.memory.waiting.values() if item.kind == kind]


async def alone(toy, words: str) -> None:
    """Say something to a toy without a server, and wait until it rests."""
    toy.recogniser.says = words
    await toy.talk()
    if "playing" in toy.states:
        async with asyncio.timeout(60):
            while "playing" in toy.states and toy.state != "idle":
                await asyncio.sleep(0.1)


def test_what_was_understood_and_answered_is_remembered_in_words():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            await alone(toy, "tell me a joke")
            (item,) = kept(toy, "conversations")
            assert (item["user_input"], item["was_offline"], item["toy_id"]) == ("tell me a joke", True, "pommai-bear")
            assert [item["toy_response"]] == [text for text, _ in toy.speech.spoken]

    run(scene())


def test_a_toy_that_cannot_recognise_speech_says_so_kindly():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.recogniser.broken = "no speech model"
            await alone(toy, "")
            assert toy.state == "idle"
            assert len(toy.speech.spoken) == 1
            assert kept(toy, "conversations")[0]["user_input"] == ""

    run(scene())


def test_without_a_voice_a_sound_answers():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            await asyncio.sleep(1)
            toy.speaker.played.clear()
            toy.speech.broken = "no voice"
            await alone(toy, "tell me a joke")
            assert toy.heard() == [level("offline")]

    run(scene())


def test_the_light_thinks_while_the_toy_makes_out_what_was_said_and_a_press_interrupts_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.recogniser.seconds = 5.0
            await toy.talk()
            await asyncio.sleep(1)
            assert "answering_alone" in toy.states
            assert toy.runtime.lights.pattern == "thinking_swirl"
            toy.press()
            await settle()
            assert toy.state == "listening"
            await asyncio.sleep(6)
            assert toy.speech.spoken == []

    run(scene())


def test_recognition_that_takes_for_ever_ends_in_a_sorry():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.recogniser.seconds = 1e6
            await toy.talk()
            await asyncio.sleep(20.1)
            assert toy.state == "error"
            await asyncio.sleep(3.1)
            assert toy.state == "idle"

    run(scene())


def test_a_link_that_dies_while_the_server_thinks_hands_the_turn_over():
    async def scene():
        async with simulated_toy() as toy:
            toy.recogniser.seconds = 1.0
            await toy.talk()
            toy.link.go_down("gone")
            await settle()
            assert "answering_alone" in toy.states
            toy.link.go_up()
            await settle()
            toy.answer([9999] * 10)  # of a turn that is not the server's any more
            await toy.rest()
            assert 9999 not in toy.heard()
            assert SPOKEN in toy.heard()

    run(scene())


def test_a_child_that_is_hurt_is_comforted_and_a_grown_up_hears_of_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            await alone(toy, "i am hurt")
            (event,) = kept(toy, "safety_events")
            assert event["transcript"] == "i am hurt"
            assert event["severity"] in ("medium", "high", "urgent")
            assert toy.state == "idle"

    run(scene())


def test_three_bad_words_are_a_pause_and_the_grown_ups_hear_of_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            for _ in range(3):
                await alone(toy, "i will kill you with a gun")
            await asyncio.sleep(1)
            assert "safe_mode" in toy.states
            assert len(kept(toy, "safety_events")) >= 1
            await asyncio.sleep(299)
            assert "safe_mode" in toy.states or toy.state == "idle"
            await asyncio.sleep(5)
            assert toy.state == "idle"

    run(scene())


def test_an_answer_of_the_server_that_is_not_for_children_is_silenced_and_answered_otherwise():
    from pommai.protocol.messages import TextResponse
    from pommai.qa.busy_toy import NOT_FOR_CHILDREN

    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([9999] * 50, final=False)
            await asyncio.sleep(0.3)
            assert toy.state == "speaking"
            toy.link.deliver(TextResponse(1, NOT_FOR_CHILDREN, "tell me a story"))
            await settle()
            played = len(toy.speaker.played)
            await toy.rest()
            assert Abort(1, "not for this child") in toy.link.messages
            later = [frame for _, frame in toy.speaker.played[played + 5 :]]
            assert later
            assert SPOKEN in toy.heard()
            assert toy.heard()[-1] == SPOKEN
            assert any(isinstance(message, GuardianAlert) for message in toy.link.messages)

    run(scene())
