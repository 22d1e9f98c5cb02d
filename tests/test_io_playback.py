"""The toy's voice, on a simulated speaker and virtual time."""

import asyncio
from array import array
from contextlib import asynccontextmanager

import pytest

from pommai.errors import DeviceError
from pommai.io.playback import AHEAD, Playback
from pommai.io.simulated_audio import SimulatedSpeaker
from pommai.qa.simulated_toy import settle, tone
from pommai.qa.virtual_time import run


@asynccontextmanager
async def voice(volume: float = 1.0, broken: str | None = None):
    speaker = SimulatedSpeaker()
    speaker.broken = broken
    playback = Playback(speaker, volume)
    told: list[str] = []
    running = asyncio.create_task(playback.run(told.append, lambda: told.append("back")))
    await settle()
    try:
        yield playback, speaker, told
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert asyncio.all_tasks() == {asyncio.current_task()}


def levels(speaker: SimulatedSpeaker) -> list[int]:
    return [array("h", frame)[0] for _, frame in speaker.played]


async def frames(count: int, level: int = 1000, every: float = 0.0):
    for i in range(count):
        if every:
            await asyncio.sleep(every)
        yield tone(level + i)


def test_a_sound_longer_than_the_speakers_ring_is_played_whole():
    async def scene():
        async with voice() as (playback, speaker, _):
            playback.play([tone(1 + i) for i in range(200)])
            await asyncio.sleep(4.2)
            assert levels(speaker) == [1 + i for i in range(200)]

    run(scene())


def test_a_stream_is_played_in_order_and_returns_when_it_has_been_heard():
    async def scene():
        async with voice() as (playback, speaker, _):
            await playback.stream(frames(100))
            assert levels(speaker) == [1000 + i for i in range(100)]
            assert speaker.underruns == 0

    run(scene())


def test_few_frames_wait_in_the_speaker_so_that_silence_comes_at_once():
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(frames(1000)))
            for _ in range(50):
                await asyncio.sleep(0.02)
                assert speaker.queued <= AHEAD
            streaming.cancel()
            await settle()
            assert speaker.queued == 0
            heard = len(speaker.played)
            await asyncio.sleep(1)
            assert len(speaker.played) == heard

    run(scene())


@pytest.mark.parametrize("every", [0.0, 0.1])
def test_a_sound_takes_the_place_of_a_stream(every):
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(frames(1000, every=every)))
            await asyncio.sleep(0.5)
            playback.play([tone(5)] * 10)
            await asyncio.sleep(1)
            assert streaming.done()
            assert streaming.exception() is None
            assert levels(speaker)[-10:] == [5] * 10

    run(scene())


def test_a_sound_takes_the_place_of_a_stream_whose_last_frames_are_being_heard():
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(frames(AHEAD)))
            await asyncio.sleep(0.03)
            playback.play([tone(5)] * 3)
            await settle()
            assert streaming.done()
            await asyncio.sleep(0.2)
            assert levels(speaker)[-3:] == [5] * 3

    run(scene())


def test_a_stream_takes_the_place_of_a_sound_and_of_another_stream():
    async def scene():
        async with voice() as (playback, speaker, _):
            playback.play([tone(5)] * 100)
            first = asyncio.create_task(playback.stream(frames(100, 1000)))
            await asyncio.sleep(0.2)
            second = asyncio.create_task(playback.stream(frames(5, 2000)))
            await asyncio.wait([first, second])
            heard = levels(speaker)
            assert 5 not in heard
            assert heard[-5:] == [2000, 2001, 2002, 2003, 2004]

    run(scene())


def test_cancelling_a_stream_that_was_replaced_does_not_silence_what_replaced_it():
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(frames(1000)))
            await asyncio.sleep(0.2)
            streaming.cancel()
            playback.play([tone(5)] * 10)
            await asyncio.sleep(1)
            assert levels(speaker).count(5) == 10

    run(scene())


def test_stop_silences_everything():
    async def scene():
        async with voice() as (playback, speaker, _):
            playback.play([tone(5)] * 200)
            await asyncio.sleep(0.1)
            playback.stop()
            heard = len(speaker.played)
            await asyncio.sleep(1)
            assert len(speaker.played) == heard

    run(scene())


@pytest.mark.parametrize("every", [0.0, 0.1])
def test_a_stream_into_a_speaker_that_goes_away_fails_soon(every):
    async def scene():
        async with voice() as (playback, speaker, told):
            streaming = asyncio.create_task(playback.stream(frames(1000, every=every)))
            await asyncio.sleep(0.5)
            speaker.vanish("unplugged")
            await asyncio.sleep(0.3)
            assert isinstance(streaming.exception(), DeviceError)
            assert told == ["back", "unplugged"]

    run(scene())


def test_a_speaker_that_goes_away_while_the_last_frames_are_heard_ends_the_stream():
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(frames(AHEAD)))
            await asyncio.sleep(0.03)
            speaker.vanish()
            await asyncio.sleep(0.1)
            assert streaming.done()
            assert streaming.exception() is None

    run(scene())


def test_a_stream_into_a_speaker_that_is_not_there_fails_at_its_first_frame():
    async def scene():
        async with voice(broken="no card") as (playback, _, told):
            with pytest.raises(DeviceError):
                await playback.stream(frames(3))
            assert told == ["no card"]

    run(scene())


def test_a_sound_waits_for_a_speaker_that_is_just_being_opened_but_not_for_one_that_comes_later():
    async def scene():
        async with voice(broken="no card") as (playback, speaker, told):
            playback.play([tone(5)] * 3)
            await asyncio.sleep(2.5)  # another attempt has failed
            speaker.broken = None
            await asyncio.sleep(2.5)
            assert told == ["no card", "back"]
            assert levels(speaker) == []

        speaker = SimulatedSpeaker()
        playback = Playback(speaker)
        playback.play([tone(6)] * 3)
        running = asyncio.create_task(playback.run(lambda reason: None, lambda: None))
        await asyncio.sleep(0.5)
        assert levels(speaker) == [6] * 3
        running.cancel()
        await asyncio.wait([running])

    run(scene())


def test_volume_is_a_factor():
    async def scene():
        async with voice(0.5) as (playback, speaker, _):
            playback.play([tone(1000)])
            await playback.stream(frames(1, -3000))
            await asyncio.sleep(0.1)
            assert levels(speaker) == [-1500]
            playback.play([tone(1000)])
            await asyncio.sleep(0.1)
            assert levels(speaker)[-1] == 500

    run(scene())
