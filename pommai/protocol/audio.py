"""The one audio format of Pommai: 16 kHz, mono, signed 16-bit little-endian, in frames of 20 ms."""

from __future__ import annotations

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
    return max(0, -int(-seconds / FRAME_SECONDS // 1))
