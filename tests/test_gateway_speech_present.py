from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gateway_material import PERSONAS
from speech_material import VOSK_TINY

from pommai.gateway.gateway_file import Endpoint, EngineSettings, PiperVoice
from pommai.gateway.personas import Answers
from pommai.gateway.speech.present import missing_engines, unanswerable

BEAR = PERSONAS["pommai-bear"]
PIPER_TINY = PiperVoice(str(Path(__file__).parent / "data" / "piper-tiny" / "tiny.onnx"))
NO_KEY = Endpoint("http://127.0.0.1:9/v1", "m", key_env="POMMAI_NO_KEY")


def test_what_is_here_is_not_missing(tmp_path: Path) -> None:
    open_to_all = Endpoint("http://127.0.0.1:9/v1", "m", "nova")
    for settings in (
        EngineSettings(),
        EngineSettings(str(VOSK_TINY), "scripted", PIPER_TINY),
        EngineSettings(str(VOSK_TINY), open_to_all, open_to_all),
    ):
        assert missing_engines(settings, tmp_path) == {}


def test_everything_that_is_missing_is_told_by_its_key(tmp_path: Path) -> None:
    found = missing_engines(EngineSettings("small", NO_KEY, PiperVoice("amy")), tmp_path)
    assert list(found) == ["hearing", "answering", "voice"]
    assert "no speech model 'small'" in found["hearing"]
    assert "POMMAI_NO_KEY, which is to hold the key" in found["answering"]
    assert "no voice of piper 'amy'" in found["voice"]
    assert "POMMAI_NO_KEY" in missing_engines(EngineSettings(None, "parrot", NO_KEY), tmp_path)["voice"]


def test_the_spare_voice_is_needed_where_words_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_engines(EngineSettings(), tmp_path) == {}
    assert "apt-get install espeak-ng" in missing_engines(EngineSettings(str(VOSK_TINY)), tmp_path)["voice"]


@pytest.mark.parametrize(
    ("by", "hears", "has_model", "words"),
    [
        (None, False, False, None),
        ("parrot", False, False, None),
        ("scripted", True, False, None),
        ("openai", True, True, None),
        ("scripted", False, False, "understands none"),
        ("openai", False, False, "understands none"),
        ("openai", True, False, "names no language model"),
    ],
)
def test_a_persona_wants_what_is_there_or_it_is_told_what_is_not(
    by: str | None, hears: bool, has_model: bool, words: str | None
) -> None:
    why = unanswerable(replace(BEAR, answers=Answers(by=by)), hears=hears, has_model=has_model)
    assert (why is None) == (words is None)
    assert why is None or (words is not None and words in why)
