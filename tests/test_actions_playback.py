"""Speaking, in a simulated toy on virtual time."""

import asyncio

import pytest
from simulated_toy import simulated_toy

from pommai.errors import SoundError
from pommai.events import Event
from pommai.io.codec import SimulatedCodec
from pommai.protocol.messages import Command, DownAudio, TextResponse
from pommai.qa.simulated_toy import SOUND_NAMES, settle, tone
from pommai.qa.virtual_time import run


def level(sound: str) -> int:
    return 100 + SOUND_NAMES.index(sound)


def marks(toy, name):
    return [line for line in toy.trace.lines if line["kind"] == "mark" and line["name"] == name]


def test_an_answer_is_measured_from_its_first_sample_to_its_last():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 50)
            await asyncio.sleep(2)
            (first,), (last,) = marks(toy, "first_sample"), marks(toy, "last_sample")
            assert 0.9 < last["t"] - first["t"] < 1.1
            (received,) = marks(toy, "reply_received")
            assert received["frames"] == 50

    run(scene())


def test_an_answer_slower_than_speech_is_heard_whole():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            for i in range(20):
                toy.answer([1000 + i], first=i, final=i == 19)
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
            assert toy.heard() == [1000 + i for i in range(20)]
            assert toy.state == "idle"

    run(scene())


def test_an_answer_that_trickles_on_for_ever_ends_at_the_speak_limit():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            for i in range(70):
                toy.answer([1000], first=i, final=False)
                await asyncio.sleep(2)
            assert toy.state == "idle"
            assert toy.body.turn.over

    run(scene())


def test_frames_that_are_no_opus_are_made_up_for_and_complained_of_once(caplog):
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            good = SimulatedCodec().encoder().encode(tone(1000))
            for i in range(40):
                toy.link.deliver_audio(DownAudio(1, i, good if i % 2 else b"garbage", i == 39))
            await asyncio.sleep(1.5)
            assert toy.state == "idle"
            assert 1000 in toy.heard()

    run(scene())
    assert [record.message for record in caplog.records].count("no Opus in the answer") == 1


def test_a_speaker_that_is_gone_before_the_answer_comes_is_seen_at_once():
    async def scene():
        async with simulated_toy() as toy:
            toy.speaker.vanish()
            await toy.talk()
            toy.answer([1000] * 10)
            await settle()
            assert toy.state == "error"
            await asyncio.sleep(3.1)
            assert toy.state == "idle"

    run(scene())


def test_a_speaker_that_goes_while_the_toy_waits_for_more_of_the_answer_is_seen_at_once():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 5, final=False)
            await asyncio.sleep(0.5)
            toy.speaker.vanish()
            await settle()
            assert toy.state == "error"

    run(scene())


def test_a_speaker_that_comes_back_speaks_the_next_answer():
    async def scene():
        async with simulated_toy() as toy:
            toy.speaker.vanish()
            await asyncio.sleep(5)
            toy.speaker.broken = None
            await asyncio.sleep(2.1)
            await toy.talk()
            toy.answer([1000] * 5)
            await asyncio.sleep(0.5)
            assert toy.heard() == [1000]

    run(scene())


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.1, 0.5])
def test_an_interrupted_answer_leaves_nothing_open(moment):
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 20, final=False)
            await asyncio.sleep(moment)
            toy.press()
            await settle()
            assert toy.state == "listening"
            assert toy.speaker.queued <= 1  # 8 ms in which it fades
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "speaking.play_reply"]
            await asyncio.get_running_loop().shutdown_asyncgens()  # would warn of generators left open

    run(scene())


def test_an_answer_from_on_board_that_can_neither_be_spoken_nor_played_ends_in_an_error_the_child_sees():
    async def scene():
        async with simulated_toy() as toy:
            frames = toy.body.sounds.frames

            def damaged(name):
                if name == "offline":
                    raise SoundError("offline.wav breaks off")
                return frames(name)

            toy.body.sounds.frames = damaged
            toy.speech.broken = "no voice"
            await toy.talk()
            toy.link.go_down("gone")
            await settle()
            assert toy.state == "error"
            await asyncio.sleep(3.1)
            assert toy.state == "idle"
            assert toy.heard() == [level("error")]

    run(scene())


def test_a_toy_all_of_whose_sounds_are_damaged_still_goes_through_its_states():
    async def scene():
        async with simulated_toy() as toy:

            def damaged(name):
                raise SoundError(f"{name}.wav breaks off")

            toy.body.sounds.frames = damaged
            toy.press()
            await asyncio.sleep(0.5)
            toy.release()  # wants to play "nothing heard"
            await asyncio.sleep(3.5)
            assert toy.state == "idle"
            toy.post("safety.pause", seconds=0.0, message="")
            await settle()
            assert toy.state == "calm"
            toy.post("safety.resume")
            await asyncio.sleep(3.5)
            assert toy.state == "idle"

    run(scene())


def test_a_sound_played_over_an_answer_ends_the_answer():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 200)
            await asyncio.sleep(0.5)
            toy.body.voice.play([tone(5)] * 3)
            await asyncio.sleep(0.5)
            assert toy.state == "idle"
            assert toy.heard() == [1000, 5]

    run(scene())


def test_stalling_and_interrupting_at_the_same_moment_is_an_interruption():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 5, final=False)
            await asyncio.sleep(1)
            toy.press()
            toy.runtime.post(Event("reply.stalled", {"reason": "nothing came"}, 1))
            await settle()
            assert toy.state == "listening"

    run(scene())


@pytest.mark.parametrize(
    ("percent", "volume", "sound"),
    [(30.0, 0.3, "press"), (100.0, 0.7, "volume_limit"), (-5.0, 0.0, "press"), (1e9, 0.7, "volume_limit")],
)
def test_nobody_can_make_the_toy_louder_than_it_may_be(percent, volume, sound):
    async def scene():
        async with simulated_toy() as toy:
            toy.body.voice.ceiling = 0.7
            played = []
            toy.body.voice.play = played.append
            toy.link.deliver(Command("volume", {"percent": percent}))
            await asyncio.sleep(0.2)
            assert toy.body.voice.volume == pytest.approx(volume)
            assert toy.memory.fact("volume") == f"{100 * volume:.0f}"
            assert played == [toy.body.sounds.frames(sound)]

    run(scene())


@pytest.mark.parametrize("percent", [None, "loud", [], {}, True, float("nan")])
def test_a_volume_that_is_none_changes_nothing(percent):
    async def scene():
        async with simulated_toy() as toy:
            before = toy.body.voice.volume
            toy.link.deliver(Command("volume", {"percent": percent}))
            await asyncio.sleep(0.2)
            assert toy.body.voice.volume == before
            assert toy.state == "idle"

    run(scene())


def test_an_exchange_with_the_server_is_remembered_as_far_as_it_is_known_in_words():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(TextResponse(1, "I am well.", "how are you"))
            toy.link.deliver(TextResponse(1, "And you?"))
            toy.answer([1000] * 5)
            await asyncio.sleep(1)
            await toy.talk()
            toy.answer([1000] * 5)  # of which nobody knows the words
            await asyncio.sleep(1)
            kept = [item.for_server() for item in toy.memory.waiting.values() if item.kind == "conversations"]
            assert [(item["user_input"], item["toy_response"], item["was_offline"]) for item in kept] == [
                ("how are you", "I am well. And you?", False)
            ]

    run(scene())
