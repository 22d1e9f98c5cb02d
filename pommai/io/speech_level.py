"""A voice made ready to be played: begun and ended with its words, as loud as every other voice, without clicks."""

from __future__ import annotations

import math
from array import array
from operator import mul
from typing import Final

from pommai.io.wav import frames_of
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE

RMS: Final = 10 ** (-16 / 20)
"""Loudness of speech where there is any, of full scale: -16 dBFS."""
PEAK: Final = 10 ** (-3 / 20)
"""Loudest sample, of full scale: -3 dBFS. Speech peaks 15 to 18 dB above its loudness, so ..."""
KNEE: Final = 10 ** (-7 / 20)
"""... samples above this one, -7 dBFS, are rounded: two or three in a hundred."""
MOST_GAIN: Final = 10 ** (24 / 20)
"""What is 24 dB too soft is no voice but noise, and stays soft."""
FADE: Final = SAMPLE_RATE * 5 // 1000
"""Samples in which the sound swells and fades: 5 ms."""
LEAD: Final = SAMPLE_RATE * 20 // 1000
"""Samples kept before the first and after the last that can be heard: soft consonants begin and end below that."""
_HEARD: Final = 100
"""A sample of this or more can be heard: -50 dBFS."""
_PAUSE: Final = 1e-3
"""A frame 30 dB softer than the loudest is a pause, and does not count for the loudness."""


def ready_frames(pcm: bytes) -> list[bytes]:
    """Speech, 16 kHz mono s16le, as frames of RMS and PEAK, the last one filled up with silence; none for silence."""
    samples = _without_edges(array("h", pcm))
    if not samples:
        return []
    samples = _levelled(samples)
    fade = min(FADE, len(samples) // 2)
    for i in range(fade):
        share = i / fade
        samples[i] = int(samples[i] * share)
        samples[-1 - i] = int(samples[-1 - i] * share)
    return frames_of(samples.tobytes())


def _without_edges(samples: array[int]) -> array[int]:
    audible = (i for i, sample in enumerate(samples) if not -_HEARD < sample < _HEARD)
    first = next(audible, None)
    if first is None:
        return array("h")
    last = next(i for i in range(len(samples) - 1, -1, -1) if not -_HEARD < samples[i] < _HEARD)
    return samples[max(0, first - LEAD) : last + LEAD]


def _levelled(samples: array[int]) -> array[int]:
    values = samples.tolist()
    energies = []
    for start in range(0, len(values), FRAME_SAMPLES):
        frame = values[start : start + FRAME_SAMPLES]
        energies.append(sum(map(mul, frame, frame)) / len(frame))
    loudest = max(energies)
    spoken = [energy for energy in energies if energy >= loudest * _PAUSE]
    gain = min(MOST_GAIN, 32767 * RMS / math.sqrt(sum(spoken) / len(spoken)))
    knee, room = 32767 * KNEE, 32767 * (PEAK - KNEE)
    low, high = -knee / gain, knee / gain

    def rounded(sample: int) -> int:
        over = abs(sample) * gain - knee
        return int(math.copysign(knee + room * (1 - math.exp(-over / room)), sample))

    factor = int(gain * 32768)  # whole numbers are faster
    return array("h", [sample * factor >> 15 if low < sample < high else rounded(sample) for sample in values])
