"""A copy of what a speaker plays."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from audio_material import number, numbered, run_virtually

from pommai.errors import DeviceError
from pommai.io.simulated_audio import SimulatedSpeaker
from pommai.io.speaker_copy import SpeakerCopy
from pommai.io.wav import read_wav
from pommai.protocol.audio import SILENCE


def never(reason: str) -> None:
    raise AssertionError(reason)


def test_the_copy_is_what_the_speaker_played_with_the_pauses_in_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        speaker = SimulatedSpeaker()
        copy = SpeakerCopy(speaker, tmp_path / "copy.wav")
        await copy.open(never)
        for frame in numbered(5):
            assert copy.write(frame)
        assert (copy.queued, copy.capacity) == (5, speaker.capacity)
        await copy.drained()
        await asyncio.sleep(0.2)
        copy.write(numbered(6)[5])
        await copy.drained()
        await copy.close()
        await copy.close()

    run_virtually(scenario())
    heard = [number(frame) for frame in read_wav(tmp_path / "copy.wav")]
    assert heard[:5] == [1, 2, 3, 4, 5]
    assert heard[-1] == 6
    assert 8 <= heard.count(0) <= 11


def test_what_was_flushed_before_it_was_played_is_not_in_the_copy(tmp_path: Path) -> None:
    async def scenario() -> None:
        copy = SpeakerCopy(SimulatedSpeaker(), tmp_path / "copy.wav")
        await copy.open(never)
        for frame in numbered(40):
            copy.write(frame)
        await asyncio.sleep(0.109)  # five frames of 20 ms, and a bit
        copy.flush()
        assert copy.queued == 0
        await asyncio.sleep(0.1)
        await copy.close()

    run_virtually(scenario())
    assert [number(frame) for frame in read_wav(tmp_path / "copy.wav")] == [1, 2, 3, 4, 5]


def test_a_frame_the_speaker_refuses_is_not_in_the_copy(tmp_path: Path) -> None:
    copy = SpeakerCopy(SimulatedSpeaker(), tmp_path / "copy.wav")
    assert not copy.write(SILENCE)  # it is not open


def test_a_copy_that_cannot_be_written_is_given_up_and_the_sound_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        copy = SpeakerCopy(SimulatedSpeaker(), tmp_path / "missing" / "copy.wav")
        await copy.open(never)
        for frame in numbered(5):
            assert copy.write(frame)
        await copy.drained()
        await copy.close()

    with caplog.at_level(logging.ERROR):
        run_virtually(scenario())
    assert [record.message for record in caplog.records] == ["no copy of the sound"]


def test_a_speaker_that_cannot_be_opened_says_so_through_the_copy(tmp_path: Path) -> None:
    speaker = SimulatedSpeaker()
    speaker.broken = "no speaker"
    with pytest.raises(DeviceError, match="no speaker"):
        run_virtually(SpeakerCopy(speaker, tmp_path / "copy.wav").open(never))
    assert not (tmp_path / "copy.wav").exists()
