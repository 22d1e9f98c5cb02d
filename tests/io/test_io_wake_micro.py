"""Wake words by microWakeWord: real models, real speech, and files that would end the process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from wake_material import frames, spoken

from pommai.errors import ModelError
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.wake_micro import MicroWakeEngine, builtin_models, make_micro_engine
from pommai.protocol.audio import SILENCE

NOWHERE = Path("/nonexistent")


def engine_for(*models: str, sensitivity: float = 0.5, resources: Path = NOWHERE) -> MicroWakeEngine:
    return make_micro_engine(resources, WakeSpec("microwakeword", models=models, sensitivity=sensitivity))


def hits(engine: MicroWakeEngine, pcm: bytes, count: int = 5) -> list[WakeHit]:
    return [hit for piece in frames(pcm, count) if (hit := engine.hear(piece)) is not None]


@pytest.fixture
def resources(tmp_path: Path) -> Path:
    """A folder with a model of the toy's own: "alexa" by another name."""
    folder = tmp_path / "wake"
    folder.mkdir()
    shutil.copy(builtin_models()["alexa"], folder / "bear.tflite")
    about = json.loads(builtin_models()["alexa"].with_suffix(".json").read_text())
    (folder / "bear.json").write_text(json.dumps(about | {"wake_word": " My  Bear "}))
    return folder


# -- hearing -------------------------------------------------------------------------------


def test_the_models_that_come_with_it_are_known_without_loading_any() -> None:
    assert list(builtin_models()) == ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]


@pytest.mark.parametrize("count", [1, 5, 25])
def test_a_call_is_one_hit_however_the_stream_is_cut(count: int) -> None:
    (hit,) = hits(engine_for("alexa"), spoken("alexa"), count)
    assert hit.phrase == "alexa"
    assert 0.9 < hit.score <= 1.0


@pytest.mark.parametrize("name", ["okay_nabu", "okay nabu", "Okay Nabu", "okay-nabu"])
def test_a_built_in_model_goes_by_its_name_or_as_it_is_spoken(name: str) -> None:
    assert [hit.phrase for hit in hits(engine_for(name), spoken("okay nabu"))] == ["okay nabu"]


def test_several_models_listen_to_one_stream_and_each_tells_its_own_word() -> None:
    engine = engine_for("alexa", "okay_nabu", "alexa")
    both = spoken("alexa") + spoken("okay nabu")
    assert [hit.phrase for hit in hits(engine, both)] == ["alexa", "okay nabu"]


def test_other_speech_and_silence_are_no_call() -> None:
    engine = engine_for("alexa", "okay_nabu")
    talk = spoken("Good morning little bear, will you tell me a story about the moon?")
    assert hits(engine, talk + SILENCE * 100) == []


def test_a_second_call_within_two_seconds_is_the_same_call() -> None:
    once = spoken("alexa")
    twice = once[: len(once) - 30 * len(SILENCE)] + once
    assert len(hits(engine_for("alexa"), twice)) == 1
    later = once + SILENCE * 60 + once
    assert len(hits(engine_for("alexa"), later)) == 2


def test_a_toy_that_rests_again_can_be_called_again_at_once() -> None:
    engine = engine_for("alexa")
    call = frames(spoken("alexa"))
    said = next(i for i, piece in enumerate(call) if engine.hear(piece) is not None)
    engine.reset()
    assert [engine.hear(piece) for piece in call[: said + 5]] != [None] * (said + 5)


def test_sensitivity_moves_the_cutoff() -> None:
    voices = ("en-us", "en-us+f2", "en-us+f3", "en-us+whisper")
    calls = b"".join(spoken("alexa", voice) + SILENCE * 100 for voice in voices)

    def called(sensitivity: float) -> int:
        return len(hits(engine_for("alexa", sensitivity=sensitivity), calls))

    low, middle, high = (called(sensitivity) for sensitivity in (0.0, 0.5, 1.0))
    assert 0 < low <= middle <= high <= 4  # which of them are heard goes by the version of espeak-ng
    assert low < high


def test_what_was_heard_before_a_reset_is_forgotten() -> None:
    call = spoken("alexa")
    engine = engine_for("alexa")
    first = [engine.hear(piece) for piece in frames(call)]
    said = next(i for i, hit in enumerate(first) if hit is not None)
    engine = engine_for("alexa")
    for i, piece in enumerate(frames(call)):
        if i == said - 10:
            engine.reset()
        assert engine.hear(piece) is None, "half a word is no call"
    engine.reset()
    assert [engine.hear(piece) for piece in frames(call)] == first, "and afterwards it hears like a new one"


def test_a_closed_engine_says_so_and_closes_again() -> None:
    engine = engine_for("alexa")
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.hear(SILENCE * 5)


# -- models of the toy's own ---------------------------------------------------------------


def test_a_model_of_the_toys_own_is_found_by_bare_name(resources: Path) -> None:
    assert [hit.phrase for hit in hits(engine_for("bear", resources=resources), spoken("alexa"))] == ["my bear"]


def test_a_misspelt_model_gets_a_hint(resources: Path) -> None:
    with pytest.raises(ModelError, match="did you mean 'bear'"):
        engine_for("baer", resources=resources)
    with pytest.raises(ModelError, match="did you mean 'okay_nabu'"):
        engine_for("okay_nabuu", resources=resources)


@pytest.mark.parametrize("name", ["../bear", "/etc/passwd", "wake/bear", ""])
def test_a_path_is_no_name(resources: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be the name"):
        engine_for(name, resources=resources)


@pytest.mark.parametrize("damage", ["noise", "cut", "text", "other"])
def test_a_damaged_model_is_refused_and_does_not_end_the_process(resources: Path, damage: str) -> None:
    sound = (resources / "bear.tflite").read_bytes()
    damaged = {
        "noise": bytes(range(256)) * 100,
        "cut": sound[: len(sound) // 2],
        "text": b"<html>404</html>",
        "other": sound[:4] + b"TFL3" + bytes(500),
    }
    (resources / "bear.tflite").write_bytes(damaged[damage])
    with pytest.raises(ModelError, match=r"bear.tflite is (damaged|a model that|no )"):
        engine_for("bear", resources=resources)


def test_a_model_needs_its_description(resources: Path) -> None:
    (resources / "bear.json").unlink()
    with pytest.raises(ModelError, match=r"bear.json is missing"):
        engine_for("bear", resources=resources)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no section 'micro'"),
        ('{"micro": 3}', "no section 'micro'"),
        ('{"micro": {}}', "wake_word must be a text"),
        ('{"wake_word": "x", "micro": {"probability_cutoff": 1.5, "sliding_window_size": 5}}', "probability_cutoff"),
        ('{"wake_word": "x", "micro": {"probability_cutoff": NaN, "sliding_window_size": 5}}', "probability_cutoff"),
        ('{"wake_word": "x", "micro": {"probability_cutoff": 0.9, "sliding_window_size": true}}', "sliding_window"),
        ('{"wake_word": "x", "micro": {"probability_cutoff": 0.9, "sliding_window_size": 9999999}}', "sliding_window"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_wrong(resources: Path, text: str, words: str) -> None:
    (resources / "bear.json").write_text(text)
    with pytest.raises(ModelError, match=words):
        engine_for("bear", resources=resources)


def test_a_description_cannot_name_another_model(resources: Path) -> None:
    about = json.loads((resources / "bear.json").read_text())
    (resources / "bear.json").write_text(json.dumps(about | {"model": "../../etc/passwd"}))
    engine_for("bear", resources=resources).close()
