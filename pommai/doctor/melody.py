"""Three notes that a toy plays to itself, and what its own microphone heard of them.

Pure arithmetic on samples, 16 kHz mono s16le. Notes, not a click: each is looked for at its own frequency (Goertzel's
algorithm), so that a voice or a fan in the room is not taken for them, and their order tells when they came.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE

NOTES: Final = (800.0, 1250.0, 2000.0)
"""Hz, whole periods in a window of 20 ms; small speakers play them, and a room carries them."""
NOTE_SECONDS: Final = 0.2
LEVEL: Final = 0.35
"""Of full scale, at a volume of 1.0: -9 dBFS."""
QUIET_SECONDS: Final = 0.6
"""Of the room alone, before the notes."""
TAIL_SECONDS: Final = 0.8
"""After them: the longest way through buffers, and the room's echo."""
SILENCE_DBFS: Final = -120.0
"""What is told of no sound at all."""
_WINDOW: Final = FRAME_SAMPLES
_HOP: Final = FRAME_SAMPLES // 4
_FADE: Final = SAMPLE_RATE // 100
_CLIPPED: Final = 32_700
_FULL: Final = 32_768.0
_CLEAR: Final = 0.35
"""Share of what is heard that is in the notes, each in its time, from which they have been heard. Noise gives 0.01."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a microphone heard. Levels in dBFS (of a full-scale square wave), delay in seconds from the first sample
    played to the first heard."""

    found: bool
    level: float
    """Of the notes, where they were found; else of the loudest 20 ms."""
    noise: float
    """Of the room, before the notes."""
    clipped: float
    """Share of samples at the end of the scale while the notes were heard."""
    delay: float | None
    is_dead: bool
    """Every sample is the same: nothing is connected."""


def melody(volume: float) -> list[bytes]:
    """The notes as frames of 20 ms, `volume` 0.0..1.0."""
    samples = array("h")
    length = round(NOTE_SECONDS * SAMPLE_RATE)
    for hertz in NOTES:
        for at in range(length):
            fade = min(1.0, at / _FADE, (length - 1 - at) / _FADE)
            samples.append(round(LEVEL * volume * 32_767 * fade * math.sin(2 * math.pi * hertz * at / SAMPLE_RATE)))
    return [samples[at : at + FRAME_SAMPLES].tobytes() for at in range(0, len(samples), FRAME_SAMPLES)]


def listen(recording: bytes, played_at: float) -> Heard:
    """Look for the notes. `played_at`: seconds into the recording when the first was handed to the speaker."""
    samples = array("h", recording[: len(recording) // 2 * 2])
    begin = round(played_at * SAMPLE_RATE)
    frames = [samples[at : at + _WINDOW] for at in range(0, len(samples) - _WINDOW + 1, _WINDOW)]
    # The first moments of a card are not the room: it clicks and settles.
    before = sorted(_rms(frame) for frame in frames[2 : max(3, begin // _WINDOW)])
    noise = before[len(before) // 2] if before else 0.0
    is_dead = len(set(samples)) <= 1
    powers = [_powers(samples, at) for at in range(max(0, begin - _WINDOW), len(samples) - _WINDOW + 1, _HOP)]
    best, score = _place(powers)
    if is_dead or not score:
        loudest = max((_rms(frame) for frame in frames[begin // _WINDOW :]), default=0.0)
        return Heard(False, _dbfs(loudest), _dbfs(noise), 0.0, None, is_dead)
    start = max(0, begin - _WINDOW) + best * _HOP
    heard = samples[start : start + round(len(NOTES) * NOTE_SECONDS * SAMPLE_RATE)]
    clipped = sum(abs(sample) >= _CLIPPED for sample in heard) / max(1, len(heard))
    return Heard(True, _dbfs(_rms(heard)), _dbfs(noise), clipped, (start - begin) / SAMPLE_RATE, False)


def _place(powers: Sequence[tuple[float, ...]]) -> tuple[int, float]:
    """Where the notes fit best, in hops, and how well: the share of all power there that is theirs, 0.0..1.0."""
    each = round(NOTE_SECONDS * SAMPLE_RATE / _HOP)
    inside = each - _WINDOW // _HOP + 1  # windows that lie wholly within one note
    sums = [
        list(itertools.accumulate((power[kind] for power in powers), initial=0.0)) for kind in range(len(NOTES) + 1)
    ]
    best, most, share = 0, 0.0, 0.0
    for start in range(len(powers) - each * len(NOTES) + 1):
        begins = [start + note * each for note in range(len(NOTES))]
        mine = sum(sums[note][at + inside] - sums[note][at] for note, at in enumerate(begins))
        everything = sum(sums[-1][at + inside] - sums[-1][at] for at in begins)
        if mine > most and mine >= _CLEAR * everything:
            best, most, share = start, mine, mine / everything
    return best, share


def _powers(samples: array[int], at: int) -> tuple[float, ...]:
    """Mean squares of one window: at each note, and of everything."""
    window = samples[at : at + _WINDOW]
    found = []
    for hertz in NOTES:
        factor = 2 * math.cos(2 * math.pi * hertz / SAMPLE_RATE)
        one = two = 0.0
        for sample in window:
            one, two = sample + factor * one - two, one
        found.append(2 * (one * one + two * two - factor * one * two) / (_WINDOW * _WINDOW))
    return (*found, math.fsum(sample * sample for sample in window) / _WINDOW)


def _rms(samples: array[int]) -> float:
    if not samples:
        return 0.0
    mean = sum(samples) / len(samples)  # many a card adds a constant, which nobody hears
    return math.sqrt(max(0.0, sum(sample * sample for sample in samples) / len(samples) - mean * mean))


def _dbfs(rms: float) -> float:
    return SILENCE_DBFS if rms < 0.03 else max(SILENCE_DBFS, 20 * math.log10(rms / _FULL))
