"""The toy's voice, on a simulated speaker and virtual time."""

import asyncio
import math
from array import array
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from pommai.errors import DeviceError
from pommai.io.capture import FADED_SECONDS
from pommai.io.loudness import FADE, RMS
from pommai.io.playback import AHEAD, Playback
from pommai.io.simulated_audio import SimulatedSpeaker
from pommai.io.wav import frames_of
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE
from pommai.qa.simulated_toy import settle, tone
from pommai.qa.virtual_time import run

SILENT = [0] * 10


@asynccontextmanager
async def voice(volume: float = 1.0, broken: str | None = None, ceiling: float = 1.0):
    speaker = SimulatedSpeaker()
    speaker.broken = broken
    sounding: list[tuple[float, bool]] = []
    loop = asyncio.get_running_loop()
    playback = Playback(
        speaker, volume, ceiling=ceiling, on_sound=lambda on: sounding.append((round(loop.time(), 3), on))
    )
    playback.sounding = sounding
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
    """Of every frame but those that fade away: they end in silence."""
    return [level for _, frame in speaker.played if (level := array("h", frame)[-1])]


def samples(speaker: SimulatedSpeaker) -> list[int]:
    """All that was heard, silence around it included."""
    return [*SILENT, *array("h", b"".join(frame for _, frame in speaker.played)), *SILENT]


def steepest(values: list[int]) -> int:
    """The largest step from one sample to the next: what is heard as a click."""
    return max(abs(after - before) for before, after in pairwise(values))


def hum(count: int, pitch: float = 200.0, level: int = 20_000) -> list[bytes]:
    """Frames of a tone that begin and end in its middle, where it is loudest."""
    wave = [round(level * math.cos(math.tau * pitch * i / SAMPLE_RATE)) for i in range(count * FRAME_SAMPLES)]
    return frames_of(array("h", wave).tobytes())


GENTLE = 20_000 * math.tau * 200 / SAMPLE_RATE * 1.1 + 20_000 / FADE
"""The steepest step of that hum, and of its swelling and fading."""


async def each(sound: list[bytes]):
    for frame in sound:
        yield frame


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


def test_a_stream_in_which_nothing_comes_ends_at_once_and_is_no_sound():
    async def scenario():
        async with voice() as (playback, speaker, _):
            await playback.stream(each([]))
            assert (speaker.played, playback.sounding) == ([], [])
            playback.play([])
            assert (speaker.played, playback.sounding) == ([], [])

    run(scenario())


def test_few_frames_wait_in_the_speaker_so_that_silence_comes_at_once():
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(frames(1000)))
            for _ in range(50):
                await asyncio.sleep(0.02)
                assert speaker.queued <= AHEAD
            streaming.cancel()
            await settle()
            assert speaker.queued == 1  # it fades
            heard = len(speaker.played)
            await asyncio.sleep(1)
            assert len(speaker.played) == heard + 1
            assert samples(speaker)[-FRAME_SAMPLES // 2 :] == [0] * (FRAME_SAMPLES // 2)

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


# -- no clicks -----------------------------------------------------------------------------


def test_a_hum_cut_at_its_loudest_would_click():
    assert steepest([*SILENT, *array("h", b"".join(hum(1))), *SILENT]) > 15_000 > 4 * GENTLE


@pytest.mark.parametrize("after", [0.03, 0.2, 0.31])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("ended_by", ["stop", "cancel", "its end"])
def test_what_begins_or_ends_in_its_middle_swells_and_fades(after, streamed, ended_by):
    async def scene():
        async with voice() as (playback, speaker, _):
            length = round(after / 0.02) if ended_by == "its end" else 100
            streaming = None
            if streamed:
                streaming = asyncio.create_task(playback.stream(each(hum(length))))
            else:
                playback.play(hum(length))
            await asyncio.sleep(after)
            if ended_by == "stop" or (ended_by == "cancel" and not streamed):
                playback.stop()
            elif ended_by == "cancel":
                streaming.cancel()
            await asyncio.sleep(0.5)
            if streaming is not None:
                await asyncio.wait([streaming])
            assert max(map(abs, samples(speaker))) > 19_000
            assert steepest(samples(speaker)) < GENTLE

    run(scene())


@pytest.mark.parametrize("after", [0.03, 0.2, 0.31])
@pytest.mark.parametrize("first", ["play", "stream"])
@pytest.mark.parametrize("second", ["play", "stream", "play nothing"])
def test_one_sound_fades_while_the_next_begins(after, first, second):
    async def scene():
        async with voice() as (playback, speaker, _):
            tasks = []
            for how, pitch in ((first, 200), (second, 130)):
                if how == "stream":
                    tasks.append(asyncio.create_task(playback.stream(each(hum(50, pitch)))))
                else:
                    playback.play([] if how == "play nothing" else hum(50, pitch))
                await asyncio.sleep(after)
            await asyncio.sleep(1.5)
            assert all(task.done() for task in tasks)
            assert steepest(samples(speaker)) < 2 * GENTLE

    run(scene())


def test_a_sound_takes_the_place_of_another_within_the_same_frame():
    async def scene():
        async with voice() as (playback, speaker, _):
            playback.play(hum(100))
            await asyncio.sleep(0.2)
            heard = len(speaker.played)
            playback.play([tone(5000)] * 3)
            assert speaker.queued == 4  # and one in which it fades
            await asyncio.sleep(0.2)
            assert [array("h", frame)[-1] for _, frame in speaker.played[heard:]] == [5000, 5000, 5000, 0]

    run(scene())


@pytest.mark.parametrize("ceiling", [1.0, 0.5])
def test_two_sounds_at_once_are_no_louder_than_one_may_be(ceiling):
    async def scene():
        async with voice(ceiling=ceiling) as (playback, speaker, _):
            playback.play([tone(32_767)] * 100)
            await asyncio.sleep(0.1)
            playback.play([tone(150), *[tone(32_767)] * 50])
            await asyncio.sleep(0.5)
            playback.play([tone(-32_767)] * 50)
            await asyncio.sleep(0.5)
            assert max(map(abs, samples(speaker))) <= 32_767 * ceiling

    run(scene())


def test_silence_within_30_ms_of_stop():
    async def scene():
        async with voice() as (playback, speaker, _):
            streaming = asyncio.create_task(playback.stream(each(hum(1000))))
            await asyncio.sleep(0.205)
            stopped = asyncio.get_running_loop().time()
            playback.stop()
            await asyncio.sleep(1)
            at, last = speaker.played[-1]
            sounding = max(i for i, sample in enumerate(array("h", last)) if sample) + 1
            assert at + sounding / SAMPLE_RATE - stopped < 0.03
            await asyncio.wait([streaming])

    run(scene())


def test_stopping_again_and_again_is_harmless():
    async def scene():
        async with voice() as (playback, speaker, _):
            playback.play(hum(100))
            await asyncio.sleep(0.1)
            for _ in range(5):
                playback.stop()
            await asyncio.sleep(0.1)
            assert steepest(samples(speaker)) < 2 * GENTLE
            heard = len(speaker.played)
            playback.stop()
            await asyncio.sleep(0.1)
            assert len(speaker.played) == heard

    run(scene())


# -- no louder than it may be --------------------------------------------------------------


def test_volume_and_ceiling_can_be_set_and_hold_from_the_next_frame_on():
    async def scene():
        async with voice(0.5, ceiling=0.8) as (playback, speaker, _):
            assert (playback.volume, playback.ceiling) == (0.5, 0.8)
            streaming = asyncio.create_task(playback.stream(frames(100, 1000)))
            await asyncio.sleep(0.2)
            playback.volume = 0.25
            await asyncio.sleep(0.2)
            streaming.cancel()
            await asyncio.sleep(0.1)
            heard = levels(speaker)
            changed = next(i for i, level in enumerate(heard) if level < 400)
            assert heard[:changed] == [(1000 + i) // 2 for i in range(changed)]
            assert heard[changed:] == [(1000 + i) // 4 for i in range(changed, len(heard))]
            playback.volume = 7
            assert playback.volume == 0.8
            playback.ceiling = 0.3
            assert (playback.volume, playback.ceiling) == (0.3, 0.3)
            playback.ceiling = 2
            playback.volume = -1
            assert (playback.volume, playback.ceiling) == (0.0, 1.0)

    run(scene())


def test_a_volume_above_the_ceiling_is_the_ceiling_from_the_start():
    async def scene():
        async with voice(1.0, ceiling=0.5) as (playback, speaker, _):
            playback.play([tone(1000)])
            await asyncio.sleep(0.1)
            assert levels(speaker) == [500]

    run(scene())


def test_a_siren_from_the_server_is_held_down():
    async def scene():
        siren = frames_of(array("h", ([32_767] * 8 + [-32_768] * 8) * 20 * 100).tobytes())
        async with voice(0.6, ceiling=0.6) as (playback, speaker, _):
            await playback.stream(each(siren))
            for _, frame in speaker.played[1:]:
                values = array("h", frame)
                assert math.sqrt(sum(value * value for value in values) / FRAME_SAMPLES) <= 32_767 * 0.6 * RMS

    run(scene())


# -- what the room hears -------------------------------------------------------------------


def test_the_room_hears_the_toy_from_the_first_frame_until_the_last_has_faded():
    async def scene():
        async with voice() as (playback, speaker, _):
            began = asyncio.get_running_loop().time()
            playback.play([tone(50)] * 10)
            assert [on for _, on in playback.sounding] == [True]
            await asyncio.sleep(1)
            (_, on), (end, off) = playback.sounding
            assert (on, off) == (True, False)
            assert 0.2 + FADED_SECONDS - 0.021 <= end - began <= 0.2 + FADED_SECONDS + 0.021
            assert end >= speaker.played[-1][0] + 0.08

    run(scene())


def test_a_long_sound_that_is_stopped_is_soon_not_heard_any_more():
    async def scene():
        async with voice() as (playback, _, _):
            playback.play([tone(5000)] * 45)
            await asyncio.sleep(0.2)
            stopped = asyncio.get_running_loop().time()
            playback.stop()
            await asyncio.sleep(1.5)
            assert [on for _, on in playback.sounding] == [True, False]
            assert playback.sounding[1][0] - stopped <= FADED_SECONDS + 0.021

    run(scene())


def test_between_a_sound_and_the_next_that_takes_its_place_the_room_hears_the_toy():
    async def scene():
        async with voice() as (playback, _, _):
            playback.play([tone(50)] * 10)
            await asyncio.sleep(0.1)
            playback.play([tone(60)] * 10)
            await playback.stream(frames(10, 70))
            await asyncio.sleep(0.5)
            assert [on for _, on in playback.sounding] == [True, False]

    run(scene())


def test_a_speaker_that_goes_away_is_not_heard_when_it_has_faded_and_a_toy_that_ends_is_not_heard_at_all():
    async def scene():
        async with voice() as (playback, speaker, _):
            playback.play([tone(50)] * 40)
            await asyncio.sleep(0.1)
            speaker.vanish()
            await settle()
            assert [on for _, on in playback.sounding] == [True]
            await asyncio.sleep(FADED_SECONDS)
            assert [on for _, on in playback.sounding] == [True, False]
            speaker.broken = None
            await asyncio.sleep(2)
            playback.play([tone(50)] * 40)
            await asyncio.sleep(0.1)
        assert [on for _, on in playback.sounding] == [True, False, True, False]

    run(scene())


class Hasty(SimulatedSpeaker):
    """The device's turn comes whenever the toy has just done something to it, or is about to."""

    async def open(self, lost):
        self.heard = []
        self._start()

    def turn(self):
        self.heard.append(self._take())

    def flush(self, instead=()):
        self.turn()
        taken = super().flush(instead)
        self.turn()
        return taken


@pytest.mark.parametrize("deed", ["play", "stop", "stream"])
def test_a_sound_takes_anothers_place_without_a_hole_whenever_the_device_takes_its_turn(deed):
    async def scene():
        speaker = Hasty()
        playback = Playback(speaker)
        running = asyncio.create_task(playback.run(lambda _: None, lambda: None))
        await settle()
        playback.play(hum(12))
        speaker.heard.clear()
        for _ in range(5):
            speaker.turn()
        streaming = None
        if deed == "play":
            playback.play(hum(6))
        elif deed == "stop":
            playback.stop()
        else:
            streaming = asyncio.create_task(playback.stream(each(hum(6))))
            await settle()
        for _ in range({"play": 5, "stop": 2, "stream": 3}[deed]):
            speaker.turn()
        heard = speaker.heard
        if deed == "stop":
            while heard[-1] is None:
                heard.pop()
        assert None not in heard, "no hole"
        assert len(heard) >= 6
        # A turn between two looks may repeat a moment of the hum; silence in its middle would be far steeper.
        assert steepest([sample for frame in heard for sample in array("h", frame)]) < 2 * GENTLE
        for task in filter(None, (streaming, running)):
            task.cancel()
        await asyncio.wait(filter(None, (streaming, running)))

    run(scene())
