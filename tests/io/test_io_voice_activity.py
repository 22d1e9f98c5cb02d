"""Telling speech from everything else a toy's microphone hears."""

from __future__ import annotations

import array
import math
import random
from collections.abc import Callable

import pytest
from audio_material import samples, scaled, speech
from hypothesis import given
from hypothesis import strategies as st

from pommai.io.ports import VoiceActivity
from pommai.io.voice_activity import (
    ENDED_SECONDS,
    STARTED_FRAMES,
    SimulatedVoiceActivity,
    SpeechGate,
    WebRtcVoiceActivity,
)
from pommai.io.wav import frames_of
from pommai.protocol.audio import FRAME_SECONDS, SAMPLE_RATE, SILENCE, frames_in

SECONDS = 4
ENDED_FRAMES = frames_in(ENDED_SECONDS)


def sound(value: Callable[[float], float]) -> list[bytes]:
    """SECONDS of sound whose sample at time t is value(t), in full scale."""
    return frames_of(
        array.array(
            "h", [max(-32768, min(32767, round(32768 * value(i / SAMPLE_RATE)))) for i in range(SECONDS * SAMPLE_RATE)]
        ).tobytes()
    )


def amplitude(decibels: float) -> float:
    return 10 ** (decibels / 20)


def noise(decibels: float) -> list[bytes]:
    source = random.Random(1)
    return sound(lambda _: source.gauss(0, amplitude(decibels)))


def hum(frequency: float, decibels: float, harmonics: int) -> list[bytes]:
    return sound(
        lambda t: sum(
            amplitude(decibels) / harmonic * math.sin(math.tau * frequency * harmonic * t)
            for harmonic in range(1, harmonics + 1)
        )
    )


def click(frequency: float, lasting: float, loudness: float) -> list[bytes]:
    """A knock after a second, fallen by 35 dB after `lasting` seconds, in a nearly quiet room."""
    source = random.Random(1)

    def value(t: float) -> float:
        knock = math.exp(-4 * (t - 1) / lasting) * math.sin(math.tau * frequency * (t - 1)) if t >= 1 else 0.0
        return loudness * knock + source.gauss(0, 1e-4)

    return sound(value)


def facts(frames: list[bytes], detector: VoiceActivity) -> list[tuple[str, float]]:
    """What became a fact, and after how many seconds."""
    gate = SpeechGate()
    found = ((gate.hear(detector.is_speech(frame)), index) for index, frame in enumerate(frames, 1))
    return [(fact, round(index * FRAME_SECONDS, 2)) for fact, index in found if fact is not None]


NOT_SPEECH: dict[str, Callable[[], list[bytes]]] = {
    "digital silence": lambda: [SILENCE] * 200,
    "a constant offset": lambda: sound(lambda _: 0.1),
    "an offset that jumps": lambda: sound(lambda t: 0.25 if t > 1 else 0.0),
    "hiss at -60 dB": lambda: noise(-60),
    "hiss at -40 dB": lambda: noise(-40),
    "hiss at -15 dB": lambda: noise(-15),
    "mains hum at -20 dB": lambda: hum(50, -20, 8),
    "mains hum at -45 dB": lambda: hum(50, -45, 8),
    "the hum of a transformer": lambda: hum(100, -20, 1),
    "a whistle": lambda: hum(1000, -20, 1),
    "a button click": lambda: click(2500, 0.005, 0.9),
    "a dull button": lambda: click(300, 0.03, 0.9),
    "a thump on the table": lambda: click(120, 0.1, 0.9),
}
"""Made when they are needed: every process that runs tests comes by here."""


@pytest.mark.parametrize("name", NOT_SPEECH)
def test_no_speech_is_heard_in(name: str) -> None:
    assert facts(NOT_SPEECH[name](), WebRtcVoiceActivity()) == []


@pytest.mark.parametrize("decibels", [0, -10, -20, -30])
def test_a_sentence_is_heard_soon_after_it_begins_and_ends_once_it_is_over(decibels: float) -> None:
    lead, tail = 50, 75
    said = speech()
    frames = [SILENCE] * lead + scaled(said, decibels) + [SILENCE] * tail
    (started, begin), *between, (ended, end) = facts(frames, WebRtcVoiceActivity())
    assert (started, ended) == ("started", "ended")
    assert begin < (lead + 25) * FRAME_SECONDS
    assert (lead + len(said)) * FRAME_SECONDS < end < (lead + len(said) + 55) * FRAME_SECONDS
    assert len(between) <= 2, "at the most the pause between its two sentences counts as an end"


@pytest.mark.parametrize("name", ["hiss", "hum"])
def test_a_sentence_is_heard_in_a_noisy_room(name: str) -> None:
    room = noise(-40) if name == "hiss" else hum(50, -35, 8)
    said = [SILENCE] * 25 + scaled(speech(), -10)
    mixed = [
        array.array("h", [a + b for a, b in zip(samples([one]), samples([other]), strict=True)]).tobytes()
        for one, other in zip(said, room, strict=False)
    ]
    assert facts(mixed, WebRtcVoiceActivity())[0][0] == "started"


@pytest.mark.parametrize("detector", [WebRtcVoiceActivity(), SimulatedVoiceActivity()])
@pytest.mark.parametrize("length", [0, 320, 641])
def test_half_a_frame_is_a_mistake_of_the_program(detector: VoiceActivity, length: int) -> None:
    with pytest.raises(ValueError, match="640 bytes"):
        detector.is_speech(bytes(length))


def test_the_simulated_detector_goes_by_the_amplitude() -> None:
    detector = SimulatedVoiceActivity(1000)
    loud, soft = (bytes(400) + array.array("h", [peak]).tobytes() + bytes(238) for peak in (-1000, 999))
    assert detector.is_speech(loud)
    assert not detector.is_speech(soft)
    assert not detector.is_speech(SILENCE)


def test_speech_starts_with_the_sixth_voiced_frame_among_ten() -> None:
    gate = SpeechGate()
    guesses = [True, True, False, True, False, True, True, False, True]
    assert [gate.hear(guess) for guess in guesses] == [None] * 8 + ["started"]
    assert gate.heard


def test_voiced_frames_too_far_apart_are_no_speech() -> None:
    gate = SpeechGate()
    assert {gate.hear(guess) for guess in [True, False] * 500} == {None}
    assert not gate.heard


def test_speech_ends_after_its_silence_and_a_click_in_it_changes_nothing() -> None:
    gate = SpeechGate()
    for _ in range(STARTED_FRAMES):
        gate.hear(True)
    guesses = [False] * 20 + [True] + [False] * (ENDED_FRAMES - 21)
    assert [gate.hear(guess) for guess in guesses] == [None] * (ENDED_FRAMES - 1) + ["ended"]
    assert gate.heard


def test_speech_going_on_starts_the_silence_anew() -> None:
    gate = SpeechGate()
    for _ in range(STARTED_FRAMES):
        gate.hear(True)
    guesses = [False] * (ENDED_FRAMES - 2) + [True, True] + [False] * (ENDED_FRAMES - 1)
    assert {gate.hear(guess) for guess in guesses} == {None}
    assert gate.hear(False) == "ended"


@given(st.lists(st.booleans(), max_size=400))
def test_start_and_end_always_alternate(guesses: list[bool]) -> None:
    gate = SpeechGate()
    found = [fact for fact in map(gate.hear, guesses) if fact is not None]
    assert found == ["started", "ended"] * (len(found) // 2) + ["started"] * (len(found) % 2)
    assert gate.heard == bool(found)
