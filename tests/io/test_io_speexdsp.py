"""Sample rates changed 20 ms at a time, by the real libspeexdsp."""

from __future__ import annotations

import array
import ctypes
import gc
import math

import pytest
from audio_material import rms, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.errors import CodecError
from pommai.io import speexdsp as module
from pommai.io.resample import resample
from pommai.io.speexdsp import FRAMES_A_SECOND, FrameResampler
from pommai.protocol.audio import FRAME_SAMPLES

CARDS = (8_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)


def pushed(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    resampler, size = FrameResampler(rate_in, rate_out), rate_in // FRAMES_A_SECOND * 2
    return b"".join(resampler.push(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size))


def decibels_apart(one: bytes, other: bytes) -> float:
    """How much quieter than the first the difference of the two is."""
    a, b = array.array("h", one), array.array("h", other)
    return 20 * math.log10(rms(a) / rms(array.array("h", [x - y for x, y in zip(a, b, strict=True)])))


@pytest.mark.parametrize("rate", CARDS)
def test_every_20_ms_give_20_ms_however_long_it_goes_on(rate: int) -> None:
    resampler, back = FrameResampler(16_000, rate), FrameResampler(rate, 16_000)
    for frame in speech():
        out = resampler.push(frame)
        assert len(out) == rate // FRAMES_A_SECOND * 2
        assert len(back.push(out)) == 2 * FRAME_SAMPLES
        assert resampler._counts[0].value == FRAME_SAMPLES, "nothing that went in is left behind"
        assert resampler._counts[1].value == rate // FRAMES_A_SECOND, "nothing is made up"


@pytest.mark.parametrize("rate", [rate for rate in CARDS if rate > 16_000])
def test_speech_that_went_to_a_card_and_back_is_the_same_speech_some_milliseconds_later(rate: int) -> None:
    said = b"".join(speech()[:100])
    there = pushed(said, 16_000, rate)
    back = pushed(there, rate, 16_000)
    late = round((FrameResampler(16_000, rate).delay + FrameResampler(rate, 16_000).delay) * 16_000)
    assert 0 < late <= 0.005 * 16_000, "2 ms each way"
    assert decibels_apart(said[: -2 * late], back[2 * late :]) > 25


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_it_agrees_with_the_resampler_that_has_all_the_time_it_wants(rate: int) -> None:
    high = resample(b"".join(speech()[:100]), 16_000, rate)
    late = round(FrameResampler(rate, 16_000).delay * 16_000)
    quick, slow = pushed(high, rate, 16_000), resample(high, rate, 16_000)
    quick = quick[2 * late :]
    assert decibels_apart(slow[: len(quick)], quick[: len(slow)]) > 25


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_what_is_too_high_for_the_toy_does_not_come_back_as_something_else(rate: int) -> None:
    tone = array.array("h", [round(10_000 * math.sin(math.tau * 10_000 * i / rate)) for i in range(rate // 2)])
    heard = array.array("h", pushed(tone.tobytes(), rate, 16_000))[FRAME_SAMPLES:]
    assert rms(heard) < 10, "60 dB down"


@settings(max_examples=40, deadline=None)
@given(pcm=st.binary(min_size=2 * 882, max_size=2 * 882), after=st.sampled_from(CARDS))
def test_no_sound_is_too_strange_for_it(pcm: bytes, after: int) -> None:
    assert len(FrameResampler(44_100, after).push(pcm)) == after // FRAMES_A_SECOND * 2


def test_pieces_of_another_size_and_rates_without_whole_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="20 ms are 1920 bytes here, not 640"):
        FrameResampler(48_000, 16_000).push(bytes(640))
    with pytest.raises(ValueError, match="no whole number of samples"):
        FrameResampler(11_025, 16_000)


def test_what_the_library_refuses_is_an_error_and_no_crash() -> None:
    with pytest.raises(CodecError, match="cannot change 0 Hz into 16,000 Hz"):
        FrameResampler(0, 16_000)


def test_the_native_state_goes_with_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[int] = []
    library = module._speexdsp()
    delete = library.speex_resampler_destroy

    def watched(state: int) -> None:
        deleted.append(state)
        delete(state)

    monkeypatch.setattr(library, "speex_resampler_destroy", watched)
    resampler = FrameResampler(48_000, 16_000)
    state = resampler._state
    del resampler
    gc.collect()
    assert deleted == [state]


def test_a_machine_without_the_library_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "PyDLL", missing)
    module._speexdsp.cache_clear()
    try:
        with pytest.raises(CodecError, match="apt-get install libspeexdsp1"):
            FrameResampler(48_000, 16_000)
    finally:
        module._speexdsp.cache_clear()
