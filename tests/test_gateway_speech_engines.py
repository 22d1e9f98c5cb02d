from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from gateway_material import PERSONAS, run
from responses_material import small
from speech_material import VOSK_TINY

from pommai.errors import ModelError, PommaiError, ResponsesError, SettingsError, SpeechError
from pommai.gateway.gateway_file import Endpoint, EngineSettings, PiperVoice
from pommai.gateway.speech.engines import open_engines
from pommai.gateway.speech.talker import Deaf, Talker

RESPONSES = Path(__file__).parents[1] / "offline_responses.yaml"
PIPER_TINY = Path(__file__).parent / "data" / "piper-tiny" / "tiny.onnx"
HEARS = EngineSettings(str(VOSK_TINY))


def opened(settings: EngineSettings, responses: Path = RESPONSES, models: Path | None = None) -> Talker | Deaf:
    async def test() -> Talker | Deaf:
        async with AsyncExitStack() as stack:
            return open_engines(settings, stack, responses, models)

    return run(test())


def test_without_hearing_there_is_a_parrot() -> None:
    responder = opened(EngineSettings())
    assert isinstance(responder, Deaf)
    responder.refuse(PERSONAS)


def test_every_engine_can_be_had_by_its_name() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m", "nova")
    for settings in (
        HEARS,
        EngineSettings(str(VOSK_TINY), "scripted"),
        EngineSettings(str(VOSK_TINY), endpoint, endpoint),
        EngineSettings(str(VOSK_TINY), "scripted", PiperVoice(str(PIPER_TINY))),
    ):
        assert isinstance(opened(settings), Talker)


def test_a_model_goes_by_its_name_too(tmp_path: Path) -> None:
    (tmp_path / "tiny").symlink_to(VOSK_TINY)
    assert isinstance(opened(EngineSettings("tiny"), models=tmp_path), Talker)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        (EngineSettings("vosk-model-small-en-us-0.15"), ModelError, "pommai models get"),
        (EngineSettings("no-such-model"), ModelError, "there is no speech model"),
        (EngineSettings(str(VOSK_TINY), "scripted", PiperVoice("no-such-voice")), ModelError, "no voice of piper"),
        (
            EngineSettings(str(VOSK_TINY), Endpoint("http://x/v1", "m", key_env="POMMAI_NO_SUCH_KEY")),
            SettingsError,
            "POMMAI_NO_SUCH_KEY",
        ),
    ],
)
def test_what_cannot_be_had_is_said_at_the_start(
    settings: EngineSettings, error: type[PommaiError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        opened(settings, models=tmp_path)


def test_a_missing_voice_and_broken_rules_are_said_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.yaml").write_text("commands: 7")
    with pytest.raises(ResponsesError):
        opened(HEARS, tmp_path / "broken.yaml")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpeechError, match="apt-get install espeak-ng"):
        opened(HEARS)


def test_a_file_without_requests_for_others_is_read_and_told_of_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    older = tmp_path / "older.yaml"
    older.write_text(json.dumps(small(persona_change=None)))
    assert isinstance(opened(HEARS, older), Talker)
    assert caplog.messages.count("no words ask for another persona") == 1
    assert isinstance(opened(HEARS), Talker)
    assert caplog.messages.count("no words ask for another persona") == 1


def test_a_model_that_cannot_be_used_is_told_before_anybody_speaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = shutil.copytree(VOSK_TINY, tmp_path / "damaged")
    (model / "am" / "final.mdl").write_bytes(b"no model at all")

    async def test() -> None:
        async with AsyncExitStack() as stack:
            open_engines(EngineSettings(str(model)), stack, RESPONSES)
            while not caplog.records:
                await asyncio.sleep(0.01)

    run(test())
    assert "no hearing" in [record.message for record in caplog.records]


def test_a_gateway_without_engines_imports_none_of_them() -> None:
    code = (
        "import asyncio, sys; from contextlib import AsyncExitStack; from pathlib import Path; "
        "from pommai.gateway.speech.engines import open_engines; "
        "from pommai.gateway.gateway_file import EngineSettings; "
        "import pommai.gateway.server; "
        "open_engines(EngineSettings(), AsyncExitStack(), Path('none')); "
        "print(sorted({'vosk', 'httpx', 'numpy', 'piper', 'pymicro_wakeword'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
