"""What the toy says of its own accord."""

import asyncio

from simulated_toy import simulated_toy

from pommai.io.speech_simulated import LEVEL as SPOKEN
from pommai.protocol.messages import SafetyOverride, SwitchToy
from pommai.qa.simulated_toy import SOUND_NAMES, settle
from pommai.qa.virtual_time import run


def level(sound: str) -> int:
    return 100 + SOUND_NAMES.index(sound)


def words(toy):
    return [text for text, _ in toy.speech.spoken]


def test_safe_mode_is_entered_with_its_sound_and_calm_words_after_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            await asyncio.sleep(20)
            assert toy.heard() == [level("safe_mode"), SPOKEN]
            assert len(words(toy)) == 1

    run(scene())


def test_what_the_grown_up_wants_said_is_said_in_place_of_the_calm_words():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0, "Supper is ready."))
            await asyncio.sleep(5)
            assert words(toy) == ["Supper is ready."]

    run(scene())


def test_what_is_not_for_children_is_not_said_whoever_wants_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0, "I will kill you with a gun."))
            await asyncio.sleep(5)
            (said,) = words(toy)
            assert "kill" not in said

    run(scene())


def test_a_short_press_in_safe_mode_is_greeted_and_a_long_one_wished_a_good_night():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            await asyncio.sleep(20)
            toy.press()
            await asyncio.sleep(0.5)
            toy.release()
            await asyncio.sleep(20)
            toy.press()
            await asyncio.sleep(3)
            toy.post("button.held", held_s=3.0)
            await asyncio.sleep(1)
            toy.release()
            await asyncio.sleep(20)
            assert toy.state == "calm"
            greetings = {toy.body.answerer.say("greeting", toy.body.listener).reply for _ in range(20)}
            nights = {toy.body.answerer.say("goodnight", toy.body.listener).reply for _ in range(20)}
            _, greeting, night = words(toy)
            assert greeting in greetings
            assert night in nights

    run(scene())


def test_without_a_voice_safe_mode_has_its_sound_at_least():
    async def scene():
        async with simulated_toy() as toy:
            toy.speech.broken = "espeak-ng is not installed"
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            await asyncio.sleep(5)
            assert toy.heard() == [level("safe_mode")]
            toy.speech.broken = None
            toy.press()
            toy.release()
            await asyncio.sleep(5)
            assert toy.heard()[-1] == SPOKEN

    run(scene())


def test_the_end_of_safe_mode_ends_its_words():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0, "This is a very long sentence. " * 20))
            await asyncio.sleep(3)
            toy.link.deliver(SafetyOverride("resume"))
            await asyncio.sleep(1)
            toy.speaker.played.clear()
            await asyncio.sleep(5)
            assert SPOKEN not in toy.heard()

    run(scene())


def test_a_greeting_that_comes_too_late_is_not_said_into_a_new_turn():
    async def scene():
        async with simulated_toy() as toy:
            toy.speech.seconds_each = 1.0
            toy.link.deliver(SwitchToy("robo-rex"))
            await asyncio.sleep(2.5)
            assert toy.state == "idle"
            toy.press()
            await toy.say(2.0)
            assert toy.state == "listening"
            assert SPOKEN not in toy.heard()

    run(scene())


def test_what_is_to_be_said_first_is_said_with_what_comes_at_the_same_moment():
    async def scene():
        async with simulated_toy() as toy:
            toy.body.sayings.put("an old one")
            toy.body.sayings.put("first", first=True)
            toy.body.sayings.put("calm")
            toy.body.sayings.put("calmer")  # of those after it, the newer is the one that fits
            await asyncio.sleep(5)
            assert words(toy) == ["first calmer"]
            toy.body.sayings.put("alone", first=True)
            await asyncio.sleep(5)
            toy.body.sayings.put("later")
            await asyncio.sleep(5)
            assert words(toy)[1:] == ["alone", "later"]
            toy.body.sayings.put("none", first=True)
            toy.body.sayings.drop()
            toy.body.sayings.put("hello")
            await asyncio.sleep(5)
            assert words(toy)[-1] == "hello"

    run(scene())


def test_of_two_sayings_at_once_the_newer_is_said():
    async def scene():
        async with simulated_toy() as toy:
            toy.speech.seconds_each = 0.5
            toy.body.sayings.put("first")
            await asyncio.sleep(0.1)
            toy.body.sayings.put("second")
            await asyncio.sleep(3)
            assert len(toy.speaker.played) in (3 * len("second"), 3 * len("second") + 1)  # a fade at its end
            assert words(toy) == ["first", "second"]

    run(scene())


def test_what_was_said_in_silence_is_settled():
    async def scene():
        async with simulated_toy() as toy:
            toy.body.sayings.put("hello")
            toy.body.sayings.drop()
            await settle()
            assert toy.heard() == []

    run(scene())


def test_a_voice_with_a_fault_is_an_error_the_child_sees_and_the_toy_speaks_again():
    async def scene():
        async with simulated_toy() as toy:
            speak, toy.body.speech.speak = toy.body.speech.speak, None
            toy.body.sayings.put("hello")
            await asyncio.sleep(1)
            assert toy.state == "error"
            toy.body.speech.speak = speak
            await asyncio.sleep(10)
            toy.body.sayings.put("hello")
            await asyncio.sleep(1)
            assert (toy.state, toy.heard()[-1]) == ("idle", SPOKEN)

    run(scene())
