"""What the engines with a model for each phrase share."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ModelError
from pommai.io import wake_models
from pommai.io.ports import WakeSpec
from pommai.io.wake_models import COOLDOWN_SECONDS, MOST_MODELS, Cooldown, check_count, cutoff_at, cutoff_of, model_file
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS, frames_in

probabilities = st.floats(0.0, 1.0)


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(wake_models).failed == 0


@given(st.floats(0.01, 0.99))
def test_half_sensitivity_leaves_a_model_its_own_cutoff(own: float) -> None:
    assert cutoff_at(own, 0.5) == pytest.approx(own)


@given(probabilities, probabilities, probabilities)
def test_more_sensitive_never_asks_for_more(own: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0.0 < cutoff_at(own, more) <= cutoff_at(own, less) <= 0.99


@pytest.mark.parametrize(("threshold", "cutoff"), [(None, 0.85), (0.0, 0.0), (0.2, 0.2), (1.0, 0.99)])
def test_a_threshold_is_the_cutoff_whatever_the_sensitivity(threshold: float | None, cutoff: float) -> None:
    for sensitivity in (0.5,) if threshold is None else (0.0, 0.5, 1.0):
        assert cutoff_of(0.85, WakeSpec(sensitivity=sensitivity, threshold=threshold)) == pytest.approx(cutoff)


@given(st.lists(st.integers(1, 25), max_size=60))
def test_after_a_hit_two_seconds_of_the_stream_pass_however_it_is_cut(pieces: list[int]) -> None:
    cooldown = Cooldown()
    assert cooldown.hear(FRAME_BYTES)
    cooldown.begin()
    passed = 0
    for frames in pieces:
        passed += frames
        assert cooldown.hear(frames * FRAME_BYTES) == (passed >= frames_in(COOLDOWN_SECONDS))
    assert frames_in(COOLDOWN_SECONDS) * FRAME_SECONDS == 2.0


def test_after_a_gap_a_hit_counts_at_once() -> None:
    cooldown = Cooldown()
    cooldown.begin()
    assert not cooldown.hear(FRAME_BYTES)
    cooldown.end()
    assert cooldown.hear(FRAME_BYTES)


def test_a_toy_names_at_least_one_model_and_not_too_many() -> None:
    check_count(("alexa",), "microwakeword")
    with pytest.raises(ModelError, match="no model is named for microwakeword"):
        check_count((), "microwakeword")
    with pytest.raises(ModelError, match=f"{MOST_MODELS} at most"):
        check_count(("alexa",) * (MOST_MODELS + 1), "microwakeword")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "resources"
    place.mkdir()
    (place / "hey_bear.onnx").write_bytes(b"model")
    (tmp_path / "secret.onnx").write_bytes(b"secret")
    return place


@pytest.mark.parametrize("name", ["hey_bear", "hey_bear.onnx"])
def test_a_model_goes_by_its_bare_name(folder: Path, name: str) -> None:
    assert model_file(name, folder, ".onnx") == folder / "hey_bear.onnx"


@pytest.mark.parametrize(
    "name", ["", "../secret", "/etc/passwd", ".hidden", "a/b", "hey\0bear", "x" * 200, "hé", "a\n"]
)
def test_a_name_cannot_lead_out_of_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be the name"):
        model_file(name, folder, ".onnx")


def test_a_link_cannot_lead_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "out.onnx").symlink_to(tmp_path / "secret.onnx")
    (folder / "in.onnx").symlink_to("hey_bear.onnx")
    with pytest.raises(ModelError, match="leads out of its folder"):
        model_file("out", folder, ".onnx")
    assert model_file("in", folder, ".onnx").read_bytes() == b"model"


def test_a_misspelt_name_gets_a_hint(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no wake model .*/hey_baer.onnx \(did you mean 'hey_bear'\?\)"):
        model_file("hey_baer", folder, ".onnx")
    with pytest.raises(ModelError, match="did you mean 'alexa'"):
        model_file("alxa", folder / "nowhere", ".onnx", others=["alexa"])


def test_a_folder_an_empty_file_and_a_huge_one_are_no_models(folder: Path) -> None:
    (folder / "empty.onnx").touch()
    (folder / "folder.onnx").mkdir()
    with (folder / "huge.onnx").open("wb") as file:
        file.truncate(wake_models.MOST_BYTES + 1)
    for name, words in (("empty", "it has 0 bytes"), ("folder", "no wake model"), ("huge", "it has 50,000,001 bytes")):
        with pytest.raises(ModelError, match=words):
            model_file(name, folder, ".onnx")
