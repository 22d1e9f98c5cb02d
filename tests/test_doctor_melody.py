"""Three notes, found again in noise, at any delay and level."""

from __future__ import annotations

import math
from array import array
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.doctor.melody import NOTE_SECONDS, NOTES, QUIET_SECONDS, SILENCE_DBFS, TAIL_SECONDS, listen, melody
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_RATE

SECONDS = QUIET_SECONDS + len(NOTES) * NOTE_SECONDS + TAIL_SECONDS


def room(delay: float, gain: float, noise: float = 0.0003, seed: int = 1, constant: int = 0) -> bytes:
    """What a microphone hears of the melody: later, louder or fainter, with hiss and a constant of the converter."""
    random = Random(seed)
    samples = [random.gauss(constant, noise * 32768) for _ in range(round(SECONDS * SAMPLE_RATE))]
    begin = round((QUIET_SECONDS + delay) * SAMPLE_RATE)
    for at, value in enumerate(array("h", b"".join(melody(1.0)))):
        if begin + at < len(samples):
            samples[begin + at] += gain * value
    return array("h", [max(-32768, min(32767, round(value))) for value in samples]).tobytes()


def test_the_melody_is_whole_frames_and_begins_and_ends_in_silence() -> None:
    frames = melody(1.0)
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert len(frames) * 0.02 == pytest.approx(len(NOTES) * NOTE_SECONDS)
    whole = array("h", b"".join(frames))
    assert whole[0] == 0
    assert abs(whole[-1]) < 10
    assert max(whole) < 0.36 * 32768
    assert set(b"".join(melody(0.0))) == {0}


def test_it_is_found_with_its_level_its_delay_and_the_noise() -> None:
    heard = listen(room(0.12, 0.5), QUIET_SECONDS)
    assert heard.found
    assert heard.delay == pytest.approx(0.12, abs=0.008)
    assert heard.level == pytest.approx(20 * math.log10(0.35 * 0.5 / math.sqrt(2)), abs=1.0)
    assert heard.noise == pytest.approx(-70.5, abs=1.0)
    assert heard.clipped == 0.0


@settings(max_examples=6, deadline=None)
@given(delay=st.floats(0.0, 0.6), gain=st.floats(0.02, 1.5), seed=st.integers(0, 9))
def test_it_is_found_wherever_it_is(delay: float, gain: float, seed: int) -> None:
    heard = listen(room(delay, gain, seed=seed), QUIET_SECONDS)
    assert heard.found
    assert heard.delay == pytest.approx(delay, abs=0.011)


def test_a_constant_of_the_converter_is_no_sound() -> None:
    heard = listen(room(0.1, 0.3, constant=900), QUIET_SECONDS)
    assert heard.found
    assert heard.noise < -65


def test_too_loud_a_speaker_is_clipped() -> None:
    assert listen(room(0.1, 6.0), QUIET_SECONDS).clipped > 0.2


def test_a_room_without_the_melody_is_a_room() -> None:
    heard = listen(room(0.1, 0.0, noise=0.01), QUIET_SECONDS)
    assert not heard.found
    assert not heard.is_dead
    assert heard.noise == pytest.approx(-40, abs=1)


def test_one_note_alone_is_not_the_melody() -> None:
    whistle = [round(9000 * math.sin(2 * math.pi * 1250 * at / SAMPLE_RATE)) for at in range(round(SECONDS * 16000))]
    assert not listen(array("h", whistle).tobytes(), QUIET_SECONDS).found


def test_nothing_at_all_is_dead() -> None:
    for silence in (bytes(60_000), array("h", [-1] * 30_000).tobytes(), b"", b"\0"):
        heard = listen(silence, QUIET_SECONDS)
        assert heard.is_dead
        assert not heard.found
        assert heard.noise == SILENCE_DBFS
