"""The one audio format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.protocol.audio import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, SILENCE, frames_in


def test_a_frame_is_20_ms_of_16_khz_mono_16_bit() -> None:
    assert (SAMPLE_RATE, FRAME_SAMPLES, FRAME_BYTES) == (16_000, 320, 640)
    assert pytest.approx(0.02) == FRAME_SECONDS
    assert len(SILENCE) == FRAME_BYTES
    assert not any(SILENCE)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 0), (-1.0, 0), (0.001, 1), (0.02, 1), (0.021, 2), (0.3, 15), (1.0, 50)]
)
def test_frames_cover_a_time_without_one_too_many(seconds: float, frames: int) -> None:
    assert frames_in(seconds) == frames


@given(st.integers(0, 500_000))
def test_whole_frames_are_counted_exactly(frames: int) -> None:
    assert frames_in(frames * 20 / 1000) == frames
    assert frames_in(frames * FRAME_SECONDS) == frames
