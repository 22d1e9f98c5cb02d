"""Being called by name."""

import asyncio

from simulated_toy import simulated_toy

from pommai.io.ports import WakeSpec
from pommai.protocol.messages import ToyConfigUpdate, ToyProfile
from pommai.qa.simulated_toy import SOUND_NAMES, settle
from pommai.qa.virtual_time import run


def level(sound: str) -> int:
    return 100 + SOUND_NAMES.index(sound)


def test_a_toy_that_is_called_says_that_it_listens_and_hears_nothing_of_its_own_sound():
    async def scene():
        async with simulated_toy() as toy:
            toy.wake.call()
            await settle()
            assert toy.state == "listening"
            assert toy.body.turn.hands_free
            await asyncio.sleep(0.05)
            assert toy.body.turn.recording.frames == []  # the sound lasts 60 ms, and fades
            await toy.say(1.0)
            assert toy.heard() == [level("wake")]
            assert 40 <= len(toy.body.turn.recording.frames) <= 51
            await asyncio.sleep(0.9)
            assert toy.state == "processing"

    run(scene())


def test_only_a_toy_that_rests_listens_for_its_name():
    async def scene():
        async with simulated_toy() as toy:
            assert toy.wake.listening
            toy.press()
            await settle()
            assert not toy.wake.listening
            toy.release()
            await settle()
            assert toy.state == "idle"
            assert toy.wake.listening
            toy.post("safety.pause", seconds=0.0, message="")
            await settle()
            assert not toy.wake.listening

    run(scene())


def test_a_toy_that_was_called_and_hears_no_word_rests_again_with_a_soft_sound():
    async def scene():
        async with simulated_toy() as toy:
            toy.wake.call()
            await asyncio.sleep(4.9)
            assert toy.state == "listening"
            await asyncio.sleep(0.3)
            assert toy.state == "idle"
            assert toy.heard() == [level("wake"), level("nothing_heard")]
            assert toy.link.audio == [] or toy.body.turn.over

    run(scene())


def test_who_holds_the_button_may_think_for_longer():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(0.5)
            await asyncio.sleep(20)
            assert toy.state == "listening"

    run(scene())


def test_a_call_that_has_no_end_is_answered_after_fifteen_seconds():
    async def scene():
        async with simulated_toy() as toy:
            toy.wake.call()
            await toy.say(15.1)
            assert toy.state == "processing"

    run(scene())


def test_the_toys_own_acknowledgements_take_turns():
    async def scene():
        async with simulated_toy() as toy:
            profile = ToyProfile("pommai-bear", "Bear", acknowledgements=("hello", "connected"))
            toy.link.deliver(ToyConfigUpdate(profile))
            await settle()
            for _ in range(3):
                toy.wake.call()
                await asyncio.sleep(0.1)
                toy.press()
                toy.release()
                await asyncio.sleep(0.2)
            sounds = [sound for sound in toy.heard() if sound != level("nothing_heard")]
            assert sounds[0] == sounds[2] != sounds[1]
            assert set(sounds) == {level("hello"), level("connected")}

    run(scene())


def test_an_acknowledgement_that_is_not_there_is_replaced_by_the_wake_sound():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(ToyConfigUpdate(ToyProfile("pommai-bear", "Bear", acknowledgements=("../../etc/passwd",))))
            await settle()
            toy.wake.call()
            await asyncio.sleep(0.1)
            assert toy.state == "listening"
            assert toy.heard() == [level("wake")]

    run(scene())


def test_a_toys_wake_word_is_in_force_with_the_toy():
    async def scene():
        async with simulated_toy() as toy:
            profile = ToyProfile(
                "pommai-bear",
                "Bear",
                wake_word="hey pommai",
                wake_word_alternatives=("hey pom my",),
                wake_engine="microwakeword",
                wake_models=("okay_nabu",),
                wake_sensitivity=0.7,
            )
            toy.link.deliver(ToyConfigUpdate(profile))
            await settle()
            wanted = WakeSpec("microwakeword", ("hey pommai", "hey pom my"), ("okay_nabu",), 0.7)
            assert toy.wake.wanted[-1] == wanted

    run(scene())
