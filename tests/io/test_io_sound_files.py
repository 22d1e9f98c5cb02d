"""Files of sound of every kind the toy plays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from audio_material import number, numbered
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pommai.errors import SoundError
from pommai.io.sound_files import READERS, read_sound
from pommai.io.wav import write_wav
from pommai.protocol.audio import FRAME_BYTES

OPUS = Path(__file__).parent.parent / "data" / "opus" / "mono.opus"


def test_a_raw_file_is_its_samples_the_last_frame_filled_up(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(b"".join(numbered(3))[:-2])
    frames = read_sound(path)
    assert [number(frame) for frame in frames] == [1, 2, 3]
    assert frames[2][-2:] == b"\0\0"


def test_each_kind_is_read_as_what_it_is(tmp_path: Path) -> None:
    write_wav(tmp_path / "x.wav", numbered(2))
    (tmp_path / "x.opus").write_bytes(OPUS.read_bytes())
    assert len(read_sound(tmp_path / "x.wav")) == 2
    assert len(read_sound(tmp_path / "x.opus")) == 25


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.raw", b"abc", "half a sample"),
        ("x.raw", b"", "holds no sound"),
        ("x.raw", b"RIFF" + bytes(100), "name it x.wav"),
        ("x.raw", OPUS.read_bytes(), "name it x.opus"),
        ("x.raw", bytes(960_002), "too long"),
        ("x.raw", bytes(1_100_000), "too long"),
        ("x.opus", bytes(1_100_000), "too long"),
        ("x.opus", b"", "no Ogg Opus"),
        ("x.wav", b"", "no WAV file"),
        ("x.wav", OPUS.read_bytes(), "no WAV file"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SoundError, match=words):
        read_sound(tmp_path / name)


def test_a_wav_file_without_samples_is_no_sound(tmp_path: Path) -> None:
    write_wav(tmp_path / "x.wav", [])
    with pytest.raises(SoundError, match="holds no sound"):
        read_sound(tmp_path / "x.wav")


@pytest.mark.parametrize("suffix", READERS)
def test_pipes_and_folders_are_no_sounds_and_nobody_waits_for_them(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(SoundError, match="is no file"):
            read_sound(tmp_path / f"{name}{suffix}")
    with pytest.raises(SoundError, match="cannot be read: No such file"):
        read_sound(tmp_path / f"missing{suffix}")


@pytest.mark.parametrize("suffix", READERS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
@example(b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff")
@example(b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\xff\xff\xff\xff")
def test_any_bytes_are_a_sound_or_a_sound_error(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    try:
        frames = read_sound(path)
    except SoundError as error:
        words = str(error)
    else:
        words = str(path)
        assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert str(path) in words
