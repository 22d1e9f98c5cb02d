from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from speech_material import VOSK_TINY

from pommai.errors import ModelError
from pommai.io import vosk_trial
from pommai.io.vosk_trial import try_model


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    chance = random.Random(1)
    damaged = bytearray(data)
    for _ in range(50):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def test_a_good_model_passes() -> None:
    try_model(VOSK_TINY)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("graph/HCLr.fst", half),  # SIGSEGV
        ("graph/HCLr.fst", flipped),  # SIGSEGV
        ("am/final.mdl", half),
        ("am/final.mdl", flipped),  # SIGABRT, by an assertion, with the first sound
        ("graph/Gr.fst", half),
        ("conf/model.conf", lambda data: b"\n"),  # SIGABRT
    ],
)
def test_damage_that_ends_a_process_ends_the_trial_alone(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    model = Path(shutil.copytree(VOSK_TINY, tmp_path / "model"))
    (model / name).write_bytes(damage((model / name).read_bytes()))
    with pytest.raises(ModelError, match=r"is damaged: .*get the model again"):
        try_model(model)


def test_a_trial_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vosk_trial, "LONGEST_TRIAL", 0.001)
    with pytest.raises(ModelError, match="hangs"):
        try_model(VOSK_TINY)


def test_a_trial_that_cannot_be_started_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(ModelError, match="cannot be tried"):
        try_model(VOSK_TINY)


def test_the_trial_needs_no_process_of_its_own() -> None:
    assert vosk_trial.main(VOSK_TINY) == 0


def test_a_folder_without_a_model_fails_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vosk_trial.main(tmp_path) == 1
    assert "does not load" in capsys.readouterr().err
