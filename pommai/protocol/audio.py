"""The one audio format of Pommai: 16 kHz, mono, signed 16-bit little-endian, in frames of 20 ms."""

from __future__ import annotations

import math

SAMPLE_RATE = 16_000
"""Samples a second."""
CHANNELS = 1
SAMPLE_BYTES = 2
FRAME_SAMPLES = 320
"""Samples in a frame: 20 ms at 16 kHz. (960 would be 20 ms at 48 kHz.)"""
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
SILENCE = bytes(FRAME_BYTES)
"""A frame of silence."""


def frames_in(seconds: float) -> int:
    """Whole frames that cover `seconds`.

    >>> frames_in(0.3), frames_in(0.01)
    (15, 1)
    """
    samples = round(seconds * SAMPLE_RATE, 3)  # 0.14 s are 7 frames, though 0.14 / 0.02 is a little more than 7
    return max(0, math.ceil(samples / FRAME_SAMPLES))
