"""Simulated microphone and speaker."""

from __future__ import annotations

import asyncio

import pytest
from audio_material import number, numbered

from pommai.errors import AudioDeviceError
from pommai.io.simulated_audio import RestingSpeaker, SimulatedMicrophone, SimulatedSpeaker


def never(reason: str) -> None:
    raise AssertionError(reason)


def test_the_microphone_delivers_what_it_is_fed_while_it_is_open() -> None:
    async def main() -> list[int]:
        heard: list[int] = []
        microphone = SimulatedMicrophone()
        frames = numbered(4)
        microphone.feed(frames[0])
        await microphone.open(lambda frame: heard.append(number(frame)), never)
        microphone.feed(frames[1])
        microphone.feed(frames[2])
        await microphone.close()
        await microphone.close()
        microphone.feed(frames[3])
        return heard

    assert asyncio.run(main()) == [2, 3]


def test_a_microphone_that_vanishes_says_so_once_and_cannot_be_opened_until_it_is_back() -> None:
    async def main() -> list[str]:
        reasons: list[str] = []
        microphone = SimulatedMicrophone()
        await microphone.open(lambda _: None, reasons.append)
        microphone.vanish("pulled")
        microphone.vanish("pulled")
        with pytest.raises(AudioDeviceError, match="pulled"):
            await microphone.open(lambda _: None, reasons.append)
        microphone.broken = None
        await microphone.open(lambda _: None, reasons.append)
        await microphone.close()
        return reasons

    assert asyncio.run(main()) == ["pulled"]


@pytest.mark.parametrize("length", [0, 639, 641])
def test_half_a_frame_is_a_mistake_of_the_program(length: int) -> None:
    with pytest.raises(ValueError, match="640 bytes"):
        SimulatedSpeaker().write(bytes(length))
    with pytest.raises(ValueError, match="640 bytes"):
        SimulatedMicrophone().feed(bytes(length))


def test_a_speaker_that_rests_plays_all_it_is_given_and_plays_on_when_it_is_given_more() -> None:
    async def main() -> list[int]:
        speaker = RestingSpeaker()
        await speaker.open(never)
        for frame in numbered(2):
            assert speaker.write(frame)
        await asyncio.sleep(0.2)  # for long there has been nothing to play
        assert speaker.write(numbered(3)[2])
        await asyncio.sleep(0.1)
        await speaker.close()
        return [number(frame) for _, frame in speaker.played]

    assert asyncio.run(main()) == [1, 2, 3]
