from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pommai.errors import EnginesError
from pommai.gateway.gateway_file import (
    Endpoint,
    EngineSettings,
    PiperVoice,
    load_gateway_file,
    read_gateway_file,
    schema,
)
from pommai.source import Reader

HEARING = "hearing: {vosk: {model: small}}\n"


def read(text: str) -> EngineSettings:
    return read_gateway_file(Reader(text, "gateway.yaml", EnginesError))


def complaint(text: str) -> str:
    with pytest.raises(EnginesError) as caught:
        read(text)
    return str(caught.value)


def test_the_projects_own_file_says_what_goes_without_saying() -> None:
    assert load_gateway_file(Path(__file__).parents[1] / "gateway.yaml") == EngineSettings()


def test_what_is_left_out_stays_as_it_was() -> None:
    assert read("voice: espeak-ng") == EngineSettings(None, "parrot", "espeak-ng")
    assert read(HEARING) == EngineSettings("small")


def test_every_engine_is_read() -> None:
    text = HEARING + (
        'answering: {openai: {url: "http://127.0.0.1:11434/v1/", model: llama3.2}}\n'
        "voice: {openai: {url: https://api.openai.com/v1, model: tts-1, voice: nova, key_env: OPENAI_API_KEY}}\n"
    )
    assert read(text) == EngineSettings(
        "small",
        Endpoint("http://127.0.0.1:11434/v1", "llama3.2"),
        Endpoint("https://api.openai.com/v1", "tts-1", "nova", key_env="OPENAI_API_KEY"),
    )
    assert read(HEARING + "answering: scripted").answering == "scripted"
    assert read("voice: {piper: {model: en_US-amy-low}}").voice == PiperVoice("en_US-amy-low")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hearing: vosk", "1:10: error: hearing needs more than the word vosk (write {vosk: {model: ...}})"),
        ("hearing: {vosk: {modle: x}}", "did you mean 'model'?"),
        ("hearing: {whisper: {model: x}}", "has no key 'whisper'"),
        ("answering: scripted", "nobody can answer words that were not understood"),
        ("answering: llama", "known: openai, parrot, scripted"),
        ("voice: piper", "write {piper: {model: ...}}"),
        ("voice: festival", "voice cannot be 'festival'"),
        ("voice: [espeak-ng]", "must be a mapping"),
        ("voice: {}", "voice must name one engine"),
        ("voice: {piper: {model: a}, openai: {url: https://x/v1, model: m, voice: v}}", "voice must name one engine"),
        ("hearing: none\nears: two", "2:1: error: the file has no key 'ears'"),
        (HEARING + "answering: openai", "write {openai: {url: ..., model: ...}}"),
        (HEARING + "answering: {openai: {url: api.openai.com, model: m}}", "write it as https://"),
        (HEARING + 'answering: {openai: {url: "ftp://x/v1", model: m}}', "write it as https://"),
        (HEARING + 'answering: {openai: {url: "http://x:99999/v1", model: m}}', "write it as https://"),
        (HEARING + 'answering: {openai: {url: "http://[::1/v1", model: m}}', "write it as https://"),
        (HEARING + "answering: {openai: {url: https://x/v1, model: m, key_file: a, key_env: B}}", "has two keys"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(text: str, words: str) -> None:
    assert words in complaint(text)


@pytest.mark.parametrize(
    "endpoint", ["url: https://x/v1, model: m, key_env: sk-1234-5678", 'url: "https://me:sk-1234@x/v1", model: m']
)
def test_a_key_that_was_written_into_the_file_is_not_repeated(endpoint: str) -> None:
    said = complaint(f"{HEARING}answering: {{openai: {{{endpoint}}}}}")
    assert "sk-1234" not in said
    assert "gateway.yaml:2" in said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["parrot", "vosk", "none", "https://x/v1", "", "m"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vosk", "openai", "piper", "url", "model", "voice", "key_env", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["hearing", "answering", "voice", "x"]), VALUES, max_size=4))
def test_whatever_stands_in_the_file_it_is_read_or_refused(document: Any) -> None:
    try:
        settings = read(yaml.safe_dump(document))
    except EnginesError:
        return
    assert isinstance(settings, EngineSettings)


def test_the_schema_takes_what_the_loader_takes() -> None:
    validator = Draft202012Validator(schema())
    for text in (
        "hearing: none",
        HEARING,
        HEARING + "answering: {openai: {url: 'https://x/v1', model: m, key_env: K}}",
        "voice: {piper: {model: en_US-amy-low}}",
    ):
        read(text)
        assert validator.is_valid(yaml.safe_load(text))
    for text in ("hearing: vosk", "voice: piper", "voice: {}", "ears: 2", "answering: {openai: {url: x, model: m}}"):
        complaint(text)
        assert not validator.is_valid(yaml.safe_load(text))
