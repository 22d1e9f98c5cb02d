"""No way to the speaker is louder than the toy may be: not a sound, an answer, both at once, nor what is cut off."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_toy import simulated_toy

from pommai.events import Event
from pommai.io.loudness import PEAK, RMS
from pommai.io.playback import Playback
from pommai.io.simulated_audio import SimulatedSpeaker
from pommai.protocol.audio import FRAME_SAMPLES
from pommai.protocol.messages import Command, VoiceSettings
from pommai.qa.simulated_toy import SOUND_NAMES
from pommai.qa.virtual_time import run

LARGEST = 32_767
SIREN = array("h", ([LARGEST] * 8 + [-LARGEST - 1] * 8) * (FRAME_SAMPLES // 16)).tobytes()


def loudest(speaker: SimulatedSpeaker) -> int:
    return max((abs(sample) for _, frame in speaker.played for sample in array("h", frame)), default=0)


async def sirens(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield SIREN


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["play", "stream", "stop", "cancel", "louder", "softer", "vanish"]),
        st.integers(1, 60),
        st.floats(0.0, 0.5),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(ceiling=st.sampled_from([0.05, 0.3, 0.8]), deeds=DEEDS)
def test_whatever_is_done_no_sample_exceeds_the_ceiling(ceiling: float, deeds: list[tuple[str, int, float]]) -> None:
    async def main() -> None:
        speaker = SimulatedSpeaker()
        voice = Playback(speaker, 1.0, ceiling=ceiling)
        running = asyncio.create_task(voice.run(lambda _: None, lambda: None))
        streams: list[asyncio.Task[None]] = []
        await asyncio.sleep(0.01)
        for deed, count, pause in deeds:
            if deed == "play":
                voice.play([SIREN] * count)
            elif deed == "stream":
                streams.append(asyncio.create_task(voice.stream(sirens(count))))
            elif deed == "stop":
                voice.stop()
            elif deed == "cancel":
                for stream in streams:
                    stream.cancel()
            elif deed == "vanish":
                speaker.vanish()
                speaker.broken = None
            else:
                voice.volume = 1e9 if deed == "louder" else 0.1
            await asyncio.sleep(pause)
        for task in (*streams, running):
            task.cancel()
        await asyncio.gather(*streams, running, return_exceptions=True)
        assert loudest(speaker) <= LARGEST * ceiling * PEAK + 1

    run(main())


class Sirens:
    """Sounds and speech as loud as numbers go."""

    def names(self) -> frozenset[str]:
        return frozenset(SOUND_NAMES)

    def frames(self, name: str) -> list[bytes]:
        return [SIREN] * 5

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        return [SIREN] * 50


@pytest.mark.parametrize("up", [True, False])
def test_a_whole_toy_at_full_volume_stays_below_its_ceiling_whatever_speaks(up: bool) -> None:
    async def scene() -> None:
        async with simulated_toy(up=up) as toy:
            voice = toy.body.voice
            voice.ceiling = 0.3
            toy.body.sounds = toy.body.speech = Sirens()
            if up:
                toy.link.deliver(Command("volume", {"percent": 100.0}))
                await asyncio.sleep(0.5)
                assert voice.volume == 0.3
            voice.volume = 1.0
            for _ in range(3):
                await toy.talk()  # a sound at the press and another one at the release
                if up:
                    toy.answer([LARGEST, -LARGEST - 1] * 25)
                await asyncio.sleep(0.3)
                toy.press()  # in the middle of the answer
                await asyncio.sleep(0.1)
                toy.release()
                await asyncio.sleep(1.0)
                for sound in SOUND_NAMES:
                    toy.runtime.post(Event("play.asked", {"sound": sound}))
                    await asyncio.sleep(0.05)
                await toy.rest()
            assert len(toy.speaker.played) > 50
            assert LARGEST * 0.3 * RMS * 0.9 < loudest(toy.speaker) <= LARGEST * 0.3 * PEAK + 1

    run(scene())
