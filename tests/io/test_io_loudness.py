"""How loud the toy may be."""

from __future__ import annotations

import itertools
import math
from array import array

import pytest
from audio_material import rms, samples, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.io.loudness import ATTACK, FADE, LASTING_RMS, PEAK, QUIET, RMS, Loudness, fading, fading_from, mixed
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE, SILENCE

LARGEST = 32_767


def square(count: int, level: int = LARGEST) -> list[bytes]:
    """A siren: the loudest sound there is."""
    return [array("h", ([level] * 8 + [-level - 1] * 8) * 20).tobytes()] * count


def sine(count: int, level: float, pitch: float = 440.0) -> list[bytes]:
    wave = [round(level * math.sin(math.tau * pitch * i / SAMPLE_RATE)) for i in range(count * FRAME_SAMPLES)]
    data = array("h", wave).tobytes()
    return [data[start : start + 640] for start in range(0, len(data), 640)]


def played(frames: list[bytes], volume: float, ceiling: float) -> list[bytes]:
    loudness = Loudness(volume, ceiling)
    loudness.begin(10.0)
    return [loudness.apply(frame) for frame in frames]


def level(frame: bytes) -> float:
    return rms(samples([frame])) / LARGEST


def test_without_a_ceiling_frames_at_full_volume_pass_as_they_are() -> None:
    frames = speech()
    assert played(frames, 1.0, 1.0) == frames
    assert played(square(3), 1.0, 1.0)[1:] == square(2)


@pytest.mark.parametrize("ceiling", [1.0, 0.9, 0.5])
def test_speech_is_not_touched_by_the_limiter(ceiling: float) -> None:
    quiet = [array("h", [sample // 2 for sample in samples([frame])]).tobytes() for frame in speech()]
    heard = played(quiet, ceiling, ceiling)
    for before, after in zip(samples(quiet), samples(heard), strict=True):
        assert abs(after - before * ceiling) <= 2


@pytest.mark.parametrize("ceiling", [0.99, 0.5, 0.1])
def test_a_siren_is_bounded_at_once_and_held_lower_when_it_goes_on(ceiling: float) -> None:
    heard = played(square(200), 1.0, ceiling)
    assert max(map(abs, samples(heard))) <= LARGEST * ceiling * PEAK + 1
    assert max(level(frame) for frame in heard) <= ceiling * RMS * 1.001
    assert max(level(frame) for frame in heard[100:]) <= ceiling * LASTING_RMS * 10 ** (1 / 20)
    assert level(heard[-1]) == pytest.approx(ceiling * LASTING_RMS, rel=0.05)


def test_a_siren_that_starts_amid_a_whisper_is_bounded_within_two_milliseconds() -> None:
    heard = played(sine(20, 300) + square(20), 0.5, 0.5)
    values = samples(heard)
    assert max(map(abs, values)) <= LARGEST * 0.5 * PEAK + 1
    for frame in heard[20:]:
        assert rms(samples([frame])[ATTACK:]) <= LARGEST * 0.5 * RMS * 1.001
        assert level(frame) <= 0.5 * RMS * 10 ** (1.6 / 20)


@settings(max_examples=300, deadline=None)
@given(
    ceiling=st.floats(0.0, 0.99),
    volume=st.floats(0.0, 1.0),
    sound=st.lists(
        st.tuples(st.integers(0, LARGEST), st.sampled_from(["square", "constant", "click", "silence"]), st.booleans()),
        min_size=1,
        max_size=25,
    ),
)
def test_whatever_comes_no_sample_and_no_frame_is_louder_than_allowed(
    ceiling: float, volume: float, sound: list[tuple[int, str, bool]]
) -> None:
    loudness = Loudness(volume, ceiling)
    for height, kind, begins in sound:
        values = {
            "square": ([height] * 8 + [-height - 1] * 8) * 20,
            "constant": [height] * FRAME_SAMPLES,
            "click": [0] * 200 + [height] + [0] * 119,
            "silence": [0] * FRAME_SAMPLES,
        }[kind]
        if begins:
            loudness.begin(0.1)
        heard = samples([loudness.apply(array("h", values).tobytes())])
        assert max(map(abs, heard)) <= LARGEST * ceiling * PEAK + 1
        settled = heard[FADE:]
        assert rms(settled) * math.sqrt(len(settled) / FRAME_SAMPLES) <= LARGEST * ceiling * RMS + 1


def test_what_was_taken_away_comes_back_softly() -> None:
    soft = sine(60, 2000)
    heard = played(square(50) + soft, 0.5, 0.5)
    levels = [level(frame) for frame in heard[50:]]
    assert levels[0] < 0.4 * level(soft[0]) * 0.5
    assert levels[-1] == pytest.approx(level(soft[-1]) * 0.5, rel=0.02)
    for before, after in itertools.pairwise(levels):
        assert after / before < 10 ** (0.8 / 20)


def test_neither_the_limiter_nor_a_new_volume_clicks() -> None:
    loudness = Loudness(0.5, 0.5)
    loudness.begin(1.0)
    hum = sine(30, 30_000, 200.0) + sine(30, 1000, 200.0)
    heard = []
    for index, frame in enumerate(hum):
        if index in (35, 45):
            loudness.volume = 0.1 if index == 35 else 0.5
        heard.append(loudness.apply(frame))
    values = samples(heard)
    assert max(abs(b - a) for a, b in itertools.pairwise(values)) < 15_000 * math.tau * 200 / SAMPLE_RATE * 1.05


def test_a_long_silence_lets_the_next_sound_be_as_loud_as_the_first_and_a_short_one_does_not() -> None:
    loudness = Loudness(0.5, 0.5)
    loudness.begin(10.0)
    first, *_ = [loudness.apply(frame) for frame in square(100)]
    loudness.begin(0.05)
    assert level(loudness.apply(square(1)[0])) < 0.7 * level(first)
    loudness.begin(10.0)
    assert level(loudness.apply(square(1)[0])) == pytest.approx(level(first), rel=0.05)


def test_what_begins_in_its_middle_swells_and_what_begins_softly_does_not() -> None:
    loudness = Loudness(1.0, 1.0)
    for height, swells in ((QUIET, False), (QUIET + 1, True), (20_000, True)):
        loudness.begin(1.0)
        heard = samples([loudness.apply(array("h", [height] * FRAME_SAMPLES).tobytes())])
        assert (heard[0] == 0) is swells
        assert heard[FADE:] == array("h", [height] * (FRAME_SAMPLES - FADE))
        assert max(abs(b - a) for a, b in itertools.pairwise(heard)) <= math.ceil(height / FADE)


@pytest.mark.parametrize(
    ("volume", "ceiling", "set_to"),
    [(0.5, 1.0, (0.5, 1.0)), (0.9, 0.4, (0.4, 0.4)), (-1, 0.5, (0, 0.5)), (2, 3, (1, 1)), (1, -1, (0, 0))],
)
def test_volume_stays_below_the_ceiling_and_both_within_their_range(
    volume: float, ceiling: float, set_to: tuple[float, float]
) -> None:
    loudness = Loudness(volume, ceiling)
    assert (loudness.volume, loudness.ceiling) == set_to


def test_at_volume_nothing_there_is_nothing() -> None:
    assert played(square(3), 0.0, 0.5) == [SILENCE] * 3
    assert played(square(3), 1.0, 0.0) == [SILENCE] * 3
    assert played([SILENCE] * 3, 0.5, 0.5) == [SILENCE] * 3


def test_what_is_cut_off_fades_from_where_it_would_have_gone_on() -> None:
    frame = sine(1, 20_000, 205.0)[0]
    faded = fading(frame)
    assert faded is not None
    values = samples([faded])
    assert values[0] == samples([frame])[0]
    assert list(values[FADE:]) == [0] * (FRAME_SAMPLES - FADE)
    assert abs(values[FADE - 1]) <= 20_000 / FADE
    assert fading(array("h", [QUIET, -QUIET] * 160).tobytes()) is None


def test_what_ends_loud_fades_from_its_last_sample() -> None:
    tail = fading_from(array("h", [*[0] * 319, -9000]).tobytes())
    assert tail is not None
    values = samples([tail])
    assert values[0] == -9000
    assert list(values) == sorted(values)
    assert values[-1] == 0
    assert fading_from(SILENCE) is None


def test_two_frames_at_once_stay_below_the_highest_sample() -> None:
    one, two = array("h", [30_000, -30_000, 5, -5] * 80), array("h", [30_000, -30_000, 5, -6] * 80)
    assert samples([mixed(one.tobytes(), two.tobytes(), 20_000)])[:4] == array("h", [20_000, -20_000, 10, -11])
