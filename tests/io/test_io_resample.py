"""Sample rates, changed by the real libsoxr."""

from __future__ import annotations

import array
import ctypes
import gc
import itertools
import math
import weakref

import pytest
from audio_material import rms, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.errors import CodecError
from pommai.io import resample as module
from pommai.io.resample import Resampler, resample

RATES = [(22_050, 16_000), (48_000, 16_000), (44_100, 16_000), (16_000, 22_050), (8_000, 16_000)]


def sine(pitch: float, rate: int, seconds: float = 0.5, level: int = 10_000) -> bytes:
    count = round(rate * seconds)
    return array.array("h", [round(level * math.sin(math.tau * pitch * i / rate)) for i in range(count)]).tobytes()


def middle(pcm: bytes) -> array.array[int]:
    """The samples, less a tenth of them at either end, where a filter swings in and out."""
    values = array.array("h", pcm)
    edge = len(values) // 10
    return values[edge:-edge]


def share_at(values: array.array[int], pitch: float, rate: int) -> float:
    """How much of the level is a tone of this pitch, 0.0 to 1.0."""
    turn = math.tau * pitch / rate
    cosine = sum(value * math.cos(turn * i) for i, value in enumerate(values))
    sinus = sum(value * math.sin(turn * i) for i, value in enumerate(values))
    return math.hypot(cosine, sinus) * 2 / len(values) / (rms(values) * math.sqrt(2))


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_a_tone_keeps_its_pitch_its_level_and_its_length(rate_in: int, rate_out: int) -> None:
    pcm = resample(sine(1000, rate_in), rate_in, rate_out)
    assert len(pcm) // 2 == rate_out // 2
    values = middle(pcm)
    assert rms(values) == pytest.approx(10_000 / math.sqrt(2), rel=1e-3)
    assert share_at(values, 1000, rate_out) > 0.999


@pytest.mark.parametrize(("pitch", "rate_in"), [(8_500, 22_050), (12_000, 48_000), (20_000, 48_000)])
def test_a_tone_too_high_for_the_new_rate_is_gone_and_does_not_come_back_as_another(pitch: int, rate_in: int) -> None:
    assert rms(middle(resample(sine(pitch, rate_in), rate_in, 16_000))) < 1.0


def test_full_scale_is_clipped_and_does_not_wrap() -> None:
    square = array.array("h", ([32_767] * 50 + [-32_768] * 50) * 200)
    values = array.array("h", resample(square.tobytes(), 22_050, 16_000))
    wrapped = sum(a * b < 0 for a, b in itertools.pairwise(values))
    assert wrapped <= 2 * 200 + 2
    assert (max(values), min(values)) == (32_767, -32_768)


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=30), rates=st.sampled_from(RATES))
def test_however_a_sound_is_cut_the_pieces_give_the_whole(cuts: list[int], rates: tuple[int, int]) -> None:
    pcm = b"".join(speech()[:60])
    resampler = Resampler(*rates)
    out, at = [], 0
    for cut in cuts:
        out.append(resampler.push(pcm[at : at + 2 * cut]))
        at += 2 * cut
    out += [resampler.push(pcm[at:]), resampler.finish()]
    assert b"".join(out) == resample(pcm, *rates)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 5000), rate_in=st.integers(4_000, 192_000), rate_out=st.integers(4_000, 192_000))
def test_between_any_two_rates_the_length_is_right_to_the_sample(count: int, rate_in: int, rate_out: int) -> None:
    pcm = resample(bytes(2 * count), rate_in, rate_out)
    assert abs(len(pcm) // 2 - count * rate_out / rate_in) <= 1
    assert not any(pcm)


def test_nothing_stays_nothing_and_one_rate_changes_nothing() -> None:
    assert resample(b"", 22_050, 16_000) == b""
    pcm = sine(440, 16_000)
    assert resample(pcm, 16_000, 16_000) == pcm


@pytest.mark.parametrize("rates", [(22_050, 16_000), (16_000, 16_000)])
def test_half_a_sample_is_refused_and_so_is_sound_after_the_end(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="half a sample"):
        resample(b"abc", *rates)
    resampler = Resampler(*rates)
    resampler.finish()
    assert resampler.finish() == b""
    with pytest.raises(ValueError, match="was finished"):
        resampler.push(b"ab")


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1), (3_999, 16_000), (16_000, 192_001)])
def test_rates_that_no_sound_has_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="samples a second"):
        Resampler(*rates)


def test_the_native_state_goes_with_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    deleted = []
    library = module._soxr()
    delete = library.soxr_delete
    monkeypatch.setattr(library, "soxr_delete", lambda state: deleted.append(state) or delete(state))
    resampler = Resampler(22_050, 16_000)
    gone = weakref.ref(resampler)
    state = resampler._state
    del resampler
    gc.collect()
    assert gone() is None
    assert deleted == [state]


def test_a_machine_without_the_library_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    module._soxr.cache_clear()
    try:
        with pytest.raises(CodecError, match="apt-get install libsoxr0"):
            resample(b"ab", 22_050, 16_000)
    finally:
        module._soxr.cache_clear()
