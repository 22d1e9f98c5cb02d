"""Wake words by openWakeWord. What can be shown without the package and its models is shown with stand-ins, always;
with both at hand the real thing is heard as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from wake_material import frames, spoken

from pommai.errors import ModelError
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.wake_open import BLOCK_BYTES, FEATURE_MODELS, OpenWakeEngine, make_open_engine
from pommai.protocol.audio import FRAME_BYTES, SILENCE

MODELS = Path(os.environ.get("POMMAI_OPENWAKEWORD_MODELS", "/nonexistent"))
"""A folder with hey_jarvis_v0.1.onnx, alexa_v0.1.onnx and what they share: their licence keeps them out of here."""
needs_the_real_thing = pytest.mark.skipif(
    find_spec("openwakeword") is None or not MODELS.is_dir(),
    reason="needs openwakeword, and POMMAI_OPENWAKEWORD_MODELS naming a folder with its models",
)


class StandIn:
    """An openwakeword.model.Model that tells the probabilities it is given, and remembers what it heard."""

    def __init__(self, *names: str, tells: Iterable[dict[str, float]] = ()) -> None:
        self.models = dict.fromkeys(names)
        self.model_outputs = dict.fromkeys(names, 1)
        self.tells = list(tells)
        self.blocks: list[int] = []
        self.resets = 0

    def predict(self, block: Any) -> dict[str, float]:
        self.blocks.append(len(block))
        return self.tells.pop(0) if self.tells else dict.fromkeys(self.models, 0.0)

    def reset(self) -> None:
        self.resets += 1


def spec(*models: str, sensitivity: float = 0.5) -> WakeSpec:
    return WakeSpec("openwakeword", models=models, sensitivity=sensitivity)


@pytest.fixture
def resources(tmp_path: Path) -> Path:
    for name in ("hey_bear_v0.1", *FEATURE_MODELS):
        (tmp_path / f"{name}.onnx").write_bytes(b"model")
    return tmp_path


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for the package: `Model` may be replaced."""
    module = ModuleType("openwakeword.model")
    module.Model = lambda **given: StandIn(  # type: ignore[attr-defined]
        *(Path(path).stem for path in given["wakeword_models"])
    )
    monkeypatch.setitem(sys.modules, "openwakeword", ModuleType("openwakeword"))
    monkeypatch.setitem(sys.modules, "openwakeword.model", module)
    return module


# -- always --------------------------------------------------------------------------------


def test_the_models_get_blocks_of_80_ms_however_the_stream_is_cut() -> None:
    for count in (1, 5, 7):
        model = StandIn("hey_bear")
        engine = OpenWakeEngine(model, 0.5)
        for piece in frames(SILENCE * 42, count):
            assert engine.hear(piece) is None
        assert model.blocks == [1280] * 10


def test_a_hit_goes_by_its_models_name_and_counts_once_in_two_seconds() -> None:
    sure = [{"hey_bear_v0.1": 0.9, "snail": 0.0}] * 30
    engine = OpenWakeEngine(StandIn("hey_bear_v0.1", "snail", tells=sure), 0.5)
    told = [engine.hear(bytes(BLOCK_BYTES)) for _ in range(30)]
    assert [i for i, hit in enumerate(told) if hit] == [0, 25], "25 blocks are 2 s"
    assert told[0] == WakeHit("hey bear", 0.9)


def test_of_several_hits_the_surest_is_told() -> None:
    engine = OpenWakeEngine(StandIn("bear", "snail", tells=[{"bear": 0.6, "snail": 0.8}]), 0.5)
    assert engine.hear(bytes(BLOCK_BYTES)) == WakeHit("snail", 0.8)


def test_a_toy_that_rests_again_can_be_called_again_at_once() -> None:
    engine = OpenWakeEngine(StandIn("bear", tells=[{"bear": 0.9}] * 3), 0.5)
    block = bytes(BLOCK_BYTES)
    assert engine.hear(block) is not None
    assert engine.hear(block) is None
    engine.reset()
    assert engine.hear(block) is not None


def test_a_reset_forgets_the_begun_block() -> None:
    model = StandIn("bear")
    engine = OpenWakeEngine(model, 0.5)
    engine.hear(bytes(BLOCK_BYTES - FRAME_BYTES))
    engine.reset()
    engine.hear(SILENCE)
    assert model.blocks == []
    assert model.resets == 1


def test_a_closed_engine_says_so_and_closes_again() -> None:
    engine = OpenWakeEngine(StandIn("bear"), 0.5)
    engine.close()
    engine.close()
    engine.reset()
    with pytest.raises(ModelError, match="closed"):
        engine.hear(SILENCE)


@pytest.mark.usefixtures("package")
def test_an_engine_is_made_with_all_its_models(resources: Path) -> None:
    engine = make_open_engine(resources, spec("hey_bear_v0.1", "hey_bear_v0.1.onnx"))
    assert engine.hear(SILENCE * 10) is None
    engine.close()


def test_without_the_package_it_says_how_to_install_it(resources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openwakeword", None)
    monkeypatch.setitem(sys.modules, "openwakeword.model", None)
    with pytest.raises(ModelError, match=r"pip install 'pommai\[openwakeword\]'"):
        make_open_engine(resources, spec("hey_bear_v0.1"))


@pytest.mark.parametrize("missing", FEATURE_MODELS)
def test_the_models_that_all_wake_words_share_are_asked_for(resources: Path, missing: str) -> None:
    (resources / f"{missing}.onnx").unlink()
    with pytest.raises(ModelError, match=f"openwakeword needs {missing}.onnx in .* releases"):
        make_open_engine(resources, spec("hey_bear_v0.1"))


@pytest.mark.parametrize(
    ("name", "words"), [("hey_baer_v0.1", "did you mean 'hey_bear_v0.1'"), ("../x", "cannot be the name")]
)
def test_a_model_goes_by_its_bare_name(resources: Path, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        make_open_engine(resources, spec(name))


def test_a_model_that_cannot_be_loaded_is_named(resources: Path, package: ModuleType) -> None:
    def refuse(**given: object) -> None:
        raise RuntimeError("INVALID_PROTOBUF")

    package.Model = refuse  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"cannot listen with hey_bear_v0.1.onnx of .*: INVALID_PROTOBUF"):
        make_open_engine(resources, spec("hey_bear_v0.1"))


def test_a_model_of_several_classes_is_no_wake_word(resources: Path, package: ModuleType) -> None:
    model = StandIn("hey_bear_v0.1")
    model.model_outputs["hey_bear_v0.1"] = 7
    package.Model = lambda **given: model  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="tells 7 things apart"):
        make_open_engine(resources, spec("hey_bear_v0.1"))


# -- with the real thing -------------------------------------------------------------------


@needs_the_real_thing
def test_real_models_hear_real_speech() -> None:
    engine = make_open_engine(MODELS, spec("hey_jarvis_v0.1", "alexa_v0.1"))
    said = spoken("hey jarvis") + spoken("alexa") + spoken("hello bear")
    told = [engine.hear(piece) for piece in frames(said, 5)]
    assert [hit.phrase for hit in told if hit] == ["hey jarvis", "alexa"]
    engine.reset()
    assert [hit for hit in map(engine.hear, frames(spoken("hello bear"), 5)) if hit] == []
    engine.close()


@needs_the_real_thing
def test_files_that_are_no_wake_words_are_refused_by_the_real_thing(tmp_path: Path) -> None:
    for file in MODELS.glob("*.onnx"):
        (tmp_path / file.name).symlink_to(file)  # leads out, so it is refused as well
    with pytest.raises(ModelError, match="leads out"):
        make_open_engine(tmp_path, spec("alexa_v0.1"))
    for file in MODELS.glob("*.onnx"):
        (tmp_path / file.name).unlink()
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)) * 50)
    for name in ("noise", "embedding_model", "melspectrogram"):
        with pytest.raises(ModelError, match=f"{name}.onnx"):
            make_open_engine(tmp_path, spec(name))
