"""A voice made ready to be played."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from audio_material import rms, samples, scaled, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.io.speech_level import FADE, MOST_GAIN, PEAK, ready_frames
from pommai.protocol.audio import FRAME_BYTES, FRAME_SAMPLES, SILENCE


def decibels(value: float) -> float:
    return 20 * math.log10(value / 32767)


def loudness(frames: list[bytes]) -> float:
    """RMS of the frames that are no pause, in dBFS."""
    energies = [rms(samples([frame])) ** 2 for frame in frames]
    spoken = [energy for energy in energies if energy > max(energies) / 1000]
    return decibels(math.sqrt(sum(spoken) / len(spoken)))


@pytest.mark.parametrize("decibels_off", [0, -15, -3])
def test_a_voice_is_as_loud_as_every_other_one_whatever_it_was(decibels_off: float) -> None:
    frames = ready_frames(b"".join(scaled(speech(), decibels_off)))
    assert loudness(frames) == pytest.approx(-16.5, abs=1)
    assert decibels(max(map(abs, samples(frames)))) <= -3


def test_what_is_hardly_there_is_not_blown_up_to_a_voice() -> None:
    noise = random.Random(1)
    faint = array("h", [noise.randint(-120, 120) for _ in range(16_000)])
    assert rms(samples(ready_frames(faint.tobytes()))) < 120 * MOST_GAIN


def test_silence_before_and_after_the_words_goes_and_soft_beginnings_stay() -> None:
    words = b"".join(speech()[20:120])
    frames = ready_frames(SILENCE * 30 + words + SILENCE * 30)
    assert abs(len(frames) - 100) <= 3
    assert samples(frames[:1])[0] == 0


def test_there_is_no_click_at_either_end() -> None:
    square = array("h", ([20_000] * 40 + [-20_000] * 40) * 100)
    values = samples(ready_frames(square.tobytes()))
    last = next(i for i in range(len(values) - 1, -1, -1) if values[i])
    assert max(map(abs, values[:4])) < 32767 / FADE * 5
    assert max(map(abs, values[last - 3 :])) < 32767 / FADE * 5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-32_768, 32_767), max_size=2000))
def test_any_samples_become_whole_frames_below_the_peak(values: list[int]) -> None:
    frames = ready_frames(array("h", values).tobytes())
    assert {len(frame) for frame in frames} <= {FRAME_BYTES}
    assert len(frames) <= len(values) / FRAME_SAMPLES + 1
    assert max((abs(value) for value in samples(frames)), default=0) <= 32767 * PEAK


def test_nothing_stays_nothing() -> None:
    assert ready_frames(b"") == []
    assert ready_frames(SILENCE * 5) == []
