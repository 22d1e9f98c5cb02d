"""Ogg Opus files, read by the real libopusfile: those that `opusenc` wrote, and what is left of them after accidents.

tests/data/opus holds what `opusenc` of opus-tools 0.2 made of tones: mono.opus (16 kHz, 0.5 s of 440 Hz), stereo.opus
(44.1 kHz, 0.3 s of 500 Hz left and 1500 Hz right), six.opus (48 kHz, 0.1 s in six channels).
"""

from __future__ import annotations

import ctypes
import itertools
import math
from array import array
from pathlib import Path

import pytest
from audio_material import rms, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pommai.errors import CodecError, SoundError
from pommai.io import opus_file
from pommai.io.opus_file import read_opus
from pommai.protocol.audio import FRAME_BYTES

FILES = Path(__file__).parent.parent / "data" / "opus"
MONO, STEREO = (FILES / "mono.opus").read_bytes(), (FILES / "stereo.opus").read_bytes()


def strength(values: array[int], pitch: float) -> float:
    """Amplitude of a tone in the sound."""
    turn = math.tau * pitch / 16_000
    cosine = sum(value * math.cos(turn * i) for i, value in enumerate(values))
    sinus = sum(value * math.sin(turn * i) for i, value in enumerate(values))
    return math.hypot(cosine, sinus) * 2 / len(values)


def checksum(page: bytes) -> int:
    """The CRC of an Ogg page whose own CRC field is zero (RFC 3533, 6)."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value


def pages(data: bytes) -> list[bytearray]:
    """The pages of an Ogg file."""
    found = []
    while data:
        size = 27 + data[26] + sum(data[27 : 27 + data[26]])
        found.append(bytearray(data[:size]))
        data = data[size:]
    return found


def sealed(parts: list[bytearray]) -> bytes:
    """The pages, with checksums that hold."""
    for page in parts:
        page[22:26] = bytes(4)
        page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
    return b"".join(parts)


def read(folder: Path, data: bytes, most_seconds: float = 30.0) -> list[bytes]:
    (folder / "x.opus").write_bytes(data)
    return read_opus(folder / "x.opus", most_seconds)


def test_a_file_of_one_channel_keeps_its_tone_its_level_and_its_length() -> None:
    frames = read_opus(FILES / "mono.opus", 30)
    assert len(frames) == 25
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    values = samples(frames)[1600:-1600]
    assert strength(values, 440) == pytest.approx(32767 * 10 ** (-12 / 20), rel=0.05)
    assert strength(values, 440) / math.sqrt(2) == pytest.approx(rms(values), rel=0.02)


def test_two_channels_are_mixed_to_one() -> None:
    values = samples(read_opus(FILES / "stereo.opus", 30))[1600:-1600]
    for pitch in (500, 1500):
        assert strength(values, pitch) == pytest.approx(32767 * 10 ** (-6 / 20) / 2, rel=0.1)


def test_more_channels_are_mixed_too_and_never_wrap() -> None:
    values = samples(read_opus(FILES / "six.opus", 30))
    assert len(values) == 1600
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) < 32767


def test_reading_twice_gives_the_same_bytes() -> None:
    assert read_opus(FILES / "stereo.opus", 30) == read_opus(FILES / "stereo.opus", 30)


def test_the_checksum_of_these_tests_is_that_of_real_files() -> None:
    assert sealed(pages(MONO)) == MONO


@pytest.mark.parametrize("length", [1, 27, 40, 400, len(MONO) - 1])
def test_a_file_that_breaks_off_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(SoundError, match="breaks off" if length > 3 else "no Opus file"):
        read(tmp_path, MONO[:length])


def test_a_file_that_breaks_off_between_two_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="breaks off"):
        read(tmp_path, b"".join(pages(STEREO)[:-1]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no Ogg Opus"),
        (b"hello", "no Ogg Opus"),
        (b"RIFF" + bytes(500), "no Ogg Opus"),
        (MONO + b"hello", "something else follows"),
        (MONO + STEREO, "holds 2 sounds"),
        (MONO + MONO, "no Opus file that can be played"),
    ],
)
def test_what_is_no_opus_file_or_more_than_one_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SoundError, match=words):
        read(tmp_path, data)


def test_a_sound_that_is_too_long_is_refused_by_what_its_header_says(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match=r"too long: 0\.5 s; a sound lasts 0\.4 s at most"):
        read(tmp_path, MONO, 0.4)


def test_a_sound_that_is_longer_than_its_header_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opus_file._opusfile(), "op_pcm_total", lambda file, link: 5)
    with pytest.raises(SoundError, match="longer than its header says"):
        read(tmp_path, MONO, 0.4)


def test_a_damaged_page_is_refused_and_not_played_with_a_hole(tmp_path: Path) -> None:
    whole = pages(STEREO)
    assert len(whole) >= 3
    whole[2][200] ^= 0xFF
    with pytest.raises(SoundError, match="no Opus file that can be played"):
        read(tmp_path, b"".join(whole))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="cannot be read: No such file"):
        read_opus(tmp_path / "x.opus", 30)


def test_a_machine_without_the_library_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    opus_file._opusfile.cache_clear()
    try:
        with pytest.raises(SoundError, match="apt-get install libopusfile0"):
            read_opus(FILES / "mono.opus", 30)
    finally:
        opus_file._opusfile.cache_clear()


def test_a_machine_without_the_resampler_is_told_which_file_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise CodecError("libsoxr is not installed")

    monkeypatch.setattr(opus_file, "Resampler", missing)
    with pytest.raises(SoundError, match=r"mono\.opus cannot be played: libsoxr"):
        read_opus(FILES / "mono.opus", 30)


EDITS = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["set", "cut", "insert"]), st.binary(min_size=1, max_size=8)),
    min_size=1,
    max_size=6,
)


def edited(data: bytearray, edits: list[tuple[int, str, bytes]]) -> bytearray:
    for place, how, new in edits:
        at = place % (len(data) + 1)
        data[at : at if how == "insert" else at + len(new)] = b"" if how == "cut" else new
    return data


def frames_or_error(folder: Path, data: bytes) -> None:
    try:
        frames = read(folder, data)
    except SoundError:
        return
    assert len(frames) <= 1500
    assert {len(frame) for frame in frames} <= {FRAME_BYTES}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.sampled_from([MONO, STEREO]), edits=EDITS)
def test_whatever_becomes_of_a_file_it_is_a_sound_or_a_sound_error(
    tmp_path: Path, data: bytes, edits: list[tuple[int, str, bytes]]
) -> None:
    frames_or_error(tmp_path, bytes(edited(bytearray(data), edits)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(page=st.integers(0, 2), edits=EDITS)
def test_not_even_pages_forged_with_true_checksums_harm_the_toy(
    tmp_path: Path, page: int, edits: list[tuple[int, str, bytes]]
) -> None:
    parts = pages(MONO)
    page %= len(parts)
    header = 27 + parts[page][26]
    forged = parts[page][:header] + edited(parts[page][header:], [edit for edit in edits if edit[1] == "set"])
    parts[page] = forged[: len(parts[page])]
    frames_or_error(tmp_path, sealed(parts))
    parts[page] = edited(parts[page], [edit for edit in edits if edit[1] == "set"])
    frames_or_error(tmp_path, sealed(parts))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600), head=st.sampled_from([b"", b"OggS", MONO[:47], MONO[:200]]))
def test_any_bytes_are_a_sound_or_a_sound_error(tmp_path: Path, data: bytes, head: bytes) -> None:
    frames_or_error(tmp_path, head + data)
