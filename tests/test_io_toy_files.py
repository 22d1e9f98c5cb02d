"""The files of the toy that a server may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pommai.errors import ModelError, SoundError
from pommai.io import toy_files
from pommai.io.sounds import SoundFolder
from pommai.io.toy_files import ToyFolders
from pommai.io.wav import write_wav
from pommai.protocol.audio import SILENCE


@pytest.fixture
def folders(tmp_path: Path) -> ToyFolders:
    (tmp_path / "sounds").mkdir()
    write_wav(tmp_path / "sounds/yes.wav", [SILENCE])
    (tmp_path / "sounds/broken.raw").write_bytes(b"")
    return ToyFolders(tmp_path, SoundFolder(tmp_path / "sounds"))


def test_built_in_models_and_files_by_suffix_say_what_listens(
    folders: ToyFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine.tflite", "mine.json", "tars.onnx", "melspectrogram.onnx", "embedding_model.onnx"):
        (tmp_path / name).write_bytes(b"x")
    assert folders.wake_engine("okay_nabu") == "microwakeword"
    assert folders.wake_engine("mine.tflite") == folders.wake_engine("mine") == "microwakeword"
    monkeypatch.setattr(toy_files, "find_spec", lambda name: object())
    there = ToyFolders(tmp_path, SoundFolder(tmp_path / "sounds"))
    assert there.wake_engine("tars.onnx") == "openwakeword"
    monkeypatch.setattr(toy_files, "find_spec", lambda name: None)
    missing = ToyFolders(tmp_path, SoundFolder(tmp_path / "sounds"))
    with pytest.raises(ModelError, match="openwakeword, which is not installed"):
        missing.wake_engine("tars.onnx")


def test_a_model_without_what_it_needs_beside_it_is_none(folders: ToyFolders, tmp_path: Path) -> None:
    for name in ("mine.tflite", "tars.onnx"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match=r"mine\.json"):
        folders.wake_engine("mine.tflite")
    with pytest.raises(ModelError, match=r"melspectrogram\.onnx"):
        folders.wake_engine("tars.onnx")


def test_a_model_that_is_not_there_is_told_with_the_one_that_was_meant(folders: ToyFolders) -> None:
    with pytest.raises(ModelError, match="did you mean 'okay_nabu'"):
        folders.wake_engine("okay_nab")


def test_a_model_that_is_put_there_while_the_toy_runs_is_found(folders: ToyFolders, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        folders.wake_engine("late")
    for name in ("late.tflite", "late.json"):
        (tmp_path / name).write_bytes(b"x")
    assert folders.wake_engine("late") == "microwakeword"


def test_a_sound_goes_by_its_bare_name_or_by_its_file(folders: ToyFolders) -> None:
    assert folders.sound("yes") == folders.sound("yes.wav") == "yes"


@pytest.mark.parametrize("name", ["no", "yes.raw", "yes.opus", "broken", "broken.raw", "yes.wav.wav", ".wav", ""])
def test_a_sound_that_is_not_there_or_cannot_be_played_is_refused(folders: ToyFolders, name: str) -> None:
    with pytest.raises(SoundError):
        folders.sound(name)
