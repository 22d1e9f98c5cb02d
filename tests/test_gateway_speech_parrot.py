from __future__ import annotations

import asyncio
import subprocess
import sys

import numpy as np
import pytest
from gateway_material import (
    FOURTH_DOWN,
    PERSONAS,
    THIRD,
    Samples,
    level_of,
    loudest_hertz,
    pcm_of,
    pitch_ratio,
    samples_of,
    sentence,
    tone,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.gateway.responder import Heard
from pommai.gateway.speech.parrot import CEILING, Parrot, shift_pitch


@pytest.mark.parametrize("semitones", [-12.0, -5.0, 0.0, 4.0, 7.0, 12.0])
@pytest.mark.parametrize("hertz", [110.0, 220.0, 330.0])
def test_a_tone_comes_back_at_the_interval_and_as_loud(hertz: float, semitones: float) -> None:
    said = samples_of(shift_pitch(tone(hertz, 1.0), semitones))
    assert loudest_hertz(said) == pytest.approx(hertz * 2 ** (semitones / 12), rel=0.005)
    assert level_of(said[1600:-1600]) == pytest.approx(level_of(samples_of(tone(hertz, 1.0))), rel=0.08)


@pytest.mark.parametrize(("semitones", "ratio"), [(4.0, THIRD), (-5.0, FOURTH_DOWN)])
def test_a_sentence_comes_back_at_the_interval_as_long_and_as_loud(semitones: float, ratio: float) -> None:
    heard = sentence()
    said = shift_pitch(heard, semitones)
    assert len(said) == len(heard)
    assert pitch_ratio(samples_of(heard), samples_of(said)) == pytest.approx(ratio, rel=0.02)
    assert level_of(samples_of(said)) == pytest.approx(level_of(samples_of(heard)), rel=0.1)


@pytest.mark.parametrize("semitones", [4.0, -5.0])
def test_syllables_stay_where_they_were_the_first_one_too(semitones: float) -> None:
    def loudness(pcm: bytes) -> Samples:  # every 40 ms
        return np.array([level_of(piece) for piece in samples_of(pcm).reshape(-1, 640)])

    heard = sentence().lstrip(b"\0")
    heard = heard[: len(heard) // 1280 * 1280]  # speech from the first sample on
    before, after = loudness(heard), loudness(shift_pitch(heard, semitones))
    assert np.corrcoef(before, after)[0, 1] > 0.95
    assert after[:4] == pytest.approx(before[:4], rel=0.5)


def test_quiet_speech_comes_back_louder_but_the_room_does_not_roar() -> None:
    quiet = pcm_of(samples_of(sentence(2.0)) * 0.03)
    said = samples_of(shift_pitch(quiet, 4.0))
    assert 6.0 < level_of(said) / level_of(samples_of(quiet)) < 9.0


def test_loud_speech_does_not_clip() -> None:
    loud = pcm_of(np.clip(samples_of(sentence(2.0)) * 8.0, -1.0, 1.0))
    for semitones in (-5.0, 4.0):
        assert np.abs(samples_of(shift_pitch(loud, semitones))).max() <= CEILING


def test_to_silence_there_is_nothing_to_say() -> None:
    async def answers(pcm: bytes) -> list[bytes]:
        return [piece async for piece in Parrot().answer(Heard(1, pcm), PERSONAS["pommai-bear"])]

    assert asyncio.run(answers(bytes(32_000))) == []
    assert asyncio.run(answers(tone(440, 1.0, level=0.001))) == []
    assert len(asyncio.run(answers(tone(440, 1.0)))) == 1


@given(
    samples=st.lists(st.integers(-32768, 32767), max_size=60),
    repeats=st.integers(1, 40),
    semitones=st.floats(-12.0, 12.0),
)
@settings(max_examples=60, deadline=None)
def test_whatever_it_hears_it_answers_as_long_or_not_at_all(samples: list[int], repeats: int, semitones: float) -> None:
    pcm = np.array(samples * repeats, dtype="<i2").tobytes()
    assert len(shift_pitch(pcm, semitones)) in (0, len(pcm))


def test_numpy_is_not_loaded_before_somebody_speaks() -> None:
    code = "import sys, pommai.gateway.server; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
