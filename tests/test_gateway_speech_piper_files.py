from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from pommai.errors import ModelError, SpeechError
from pommai.gateway.speech.piper_files import find_voice, need_piper

TINY = Path(__file__).parent / "data" / "piper-tiny"


def test_a_voice_goes_by_its_name_or_its_file() -> None:
    for name in ("tiny", "tiny.onnx", str(TINY / "tiny.onnx")):
        assert find_voice(name, TINY) == TINY / "tiny.onnx"


@pytest.mark.parametrize(
    "name", ["en_US-amy-low", "tinny", "../tiny", "~nobody-here/voice", str(TINY), str(TINY / "tiny.onnx.json"), ""]
)
def test_a_voice_that_is_not_here_is_told_with_how_to_get_one(name: str) -> None:
    with pytest.raises(ModelError, match=r"no voice of piper .*python -m piper\.download_voices") as caught:
        find_voice(name, TINY)
    assert ("did you mean 'tiny'" in str(caught.value)) == ("tin" in name and "data" not in name)


@pytest.mark.parametrize(
    "config",
    [
        None,
        "not JSON",
        "[]",
        "[" * 100_000,
        {},
        {"audio": {"sample_rate": "fast"}, "phoneme_id_map": {}, "espeak": {"voice": "en"}},
        {"audio": {"sample_rate": 1}, "phoneme_id_map": {}, "espeak": {"voice": "en"}},
        {"audio": {"sample_rate": 22050}, "phoneme_id_map": [], "espeak": {"voice": "en"}},
    ],
)
def test_a_voice_whose_description_is_none_is_told(config: Any, tmp_path: Path) -> None:
    shutil.copy(TINY / "tiny.onnx", tmp_path / "voice.onnx")
    if config is not None:
        (tmp_path / "voice.onnx.json").write_text(config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(ModelError, match=r"voice\.onnx\.json"):
        find_voice("voice", tmp_path)


def test_without_piper_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    need_piper()
    monkeypatch.setitem(sys.modules, "piper", None)
    with pytest.raises(SpeechError, match="pip install"):
        need_piper()
