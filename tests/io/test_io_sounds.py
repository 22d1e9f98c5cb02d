"""The toy's own sounds: the folder, and the files that come with it."""

from __future__ import annotations

import importlib
import wave
from pathlib import Path
from types import ModuleType

import pytest
from audio_material import number, numbered, rms, samples

from pommai.errors import SoundError
from pommai.io.sounds import SoundFolder
from pommai.io.wav import write_wav
from pommai.protocol.audio import FRAME_SECONDS

ROOT = Path(__file__).parent.parent.parent
OWN = ROOT / "pommai" / "resources" / "sounds"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "sounds"
    directory.mkdir()
    write_wav(directory / "hello.wav", numbered(2))
    write_wav(directory / "took_too_long.wav", numbered(3))
    return directory


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        return importlib.import_module("make_sounds")


def test_a_sound_is_played_by_its_bare_name(folder: Path) -> None:
    sounds = SoundFolder(folder)
    assert sounds.names() == {"hello", "took_too_long"}
    assert [number(frame) for frame in sounds.frames("hello")] == [1, 2]


def test_a_sound_is_read_once(folder: Path) -> None:
    sounds = SoundFolder(folder)
    (folder / "hello.wav").unlink()
    assert len(sounds.frames("hello")) == 2


def test_sounds_of_all_kinds_lie_side_by_side_and_other_files_do_not_matter(folder: Path) -> None:
    (folder / "giggle.raw").write_bytes(b"".join(numbered(4)))
    (folder / "song.opus").write_bytes((ROOT / "tests" / "data" / "opus" / "mono.opus").read_bytes())
    for name in ("README.md", "song.mp3", ".hidden.wav", "._hello.wav", "WAV"):
        (folder / name).write_bytes(b"no sound")
    sounds = SoundFolder(folder)
    assert sounds.names() == {"hello", "took_too_long", "giggle", "song"}
    assert len(sounds.frames("giggle")) == 4
    assert len(sounds.frames("song")) == 25
    assert sounds.file("song") == folder / "song.opus"


def test_one_name_for_two_files_is_an_error_that_names_both(folder: Path) -> None:
    (folder / "hello.raw").write_bytes(bytes(640))
    sounds = SoundFolder(folder)
    with pytest.raises(SoundError, match=r"hello\.raw and hello\.wav: keep one"):
        sounds.frames("hello")
    assert len(sounds.frames("took_too_long")) == 3


@pytest.mark.parametrize("wrong", ["helo", "Hello", "hello.wav"])
def test_a_misspelt_name_is_answered_with_the_one_meant(folder: Path, wrong: str) -> None:
    with pytest.raises(SoundError, match="did you mean 'hello'"):
        SoundFolder(folder).frames(wrong)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "sub/inside", "..", "", ".", "hello\0", "..\\secret", "~/secret"]
)
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    write_wav(folder.parent / "secret.wav", numbered(1))
    (folder / "sub").mkdir()
    write_wav(folder / "sub" / "inside.wav", numbered(1))
    with pytest.raises(SoundError, match="there is no sound"):
        SoundFolder(folder).frames(name)


def test_no_link_leads_out_of_the_folder_but_a_link_inside_it_works(folder: Path) -> None:
    write_wav(folder.parent / "secret.wav", numbered(1))
    (folder / "secret.wav").symlink_to(folder.parent / "secret.wav")
    (folder / "hi.wav").symlink_to("hello.wav")
    (folder / "broken.wav").symlink_to("nothing.wav")
    sounds = SoundFolder(folder)
    assert len(sounds.frames("hi")) == 2
    with pytest.raises(SoundError, match="leads out of its folder"):
        sounds.frames("secret")
    with pytest.raises(SoundError, match="cannot be read"):
        sounds.frames("broken")


def test_a_wrong_file_is_told_when_it_is_asked_for_and_the_others_play(folder: Path) -> None:
    with wave.open(str(folder / "cd.wav"), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(4000))
    (folder / "text.wav").write_text("I am no sound")
    (folder / "my sound.wav").write_bytes(b"")
    with (folder / "endless.wav").open("wb") as file:
        file.truncate(2_000_000)
    sounds = SoundFolder(folder)
    assert len(sounds.frames("took_too_long")) == 3
    for name, words in (
        ("cd", "44,100 Hz, stereo.* sox "),
        ("text", "no WAV file"),
        ("my sound", "needs another name"),
        ("endless", "too long"),
    ):
        assert name in sounds.names()
        with pytest.raises(SoundError, match=words):
            sounds.frames(name)


def test_a_missing_folder_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="no folder of sounds"):
        SoundFolder(tmp_path / "nowhere")


def test_the_script_makes_the_sounds_that_come_with_the_toy_byte_for_byte(maker: ModuleType, tmp_path: Path) -> None:
    maker.write(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in OWN.glob("*.wav")}


def test_the_toys_own_sounds_are_short_soft_and_begin_and_end_in_silence(maker: ModuleType) -> None:
    sounds = SoundFolder(OWN)
    assert sounds.names() == set(maker.SOUNDS)
    for name in sounds.names():
        values = samples(list(sounds.frames(name)))
        assert len(values) < 16_000, f"{name} lasts a second or more"
        peak = max(map(abs, values))
        assert peak == round(32767 * maker.PEAK), f"{name} is not at -12 dBFS"
        assert max(map(abs, [*values[:8], *values[-8:]])) < peak / 100, f"{name} clicks"
        assert 0.2 < rms(values) / peak < 0.6, f"{name} is all peak, or all plateau"


def test_the_toys_own_sounds_are_about_equally_loud() -> None:
    sounds = SoundFolder(OWN)
    loudest = {}
    for name in sounds.names():
        frames = list(sounds.frames(name))
        loudest[name] = max(rms(samples(frames[at : at + 5])) for at in range(max(1, len(frames) - 4)))
    assert max(loudest.values()) / min(loudest.values()) < 2, f"more than 6 dB apart: {loudest}"


def test_the_press_is_answered_so_briefly_that_a_child_may_speak_at_once() -> None:
    assert len(SoundFolder(OWN).frames("press")) * FRAME_SECONDS <= 0.12


def test_all_notes_are_of_one_pentatonic_key(maker: ModuleType) -> None:
    key = {maker.C4, maker.D5, maker.E5, maker.G5, maker.A5}
    for name, (_, notes) in maker.SOUNDS.items():
        for note in notes:
            for pitch in {note.pitch, note.to or note.pitch}:
                assert any(abs(pitch / degree / 2**octave - 1) < 1e-3 for degree in key for octave in (-1, 0, 1, 2)), (
                    f"{name} has a note of {pitch} Hz"
                )
