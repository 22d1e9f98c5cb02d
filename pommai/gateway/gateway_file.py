"""`gateway.yaml`: with what the gateway hears, answers and speaks. Read and checked as a whole.

The tables below are the only place where a key is declared: the loader reads by them and `schema()` is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pommai.errors import EnginesError
from pommai.gateway.keys import section, text
from pommai.source import Fragment, Key, Node, Reader, Scalar, object_schema, quote
from pommai.source import Mapping as MappingNode

PARROT: Final = "parrot"
SCRIPTED: Final = "scripted"
OPENAI: Final = "openai"
NONE: Final = "none"
ESPEAK: Final = "espeak-ng"
VOSK: Final = "vosk"
PIPER: Final = "piper"

_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
"""What an environment variable may be called."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service that speaks OpenAI's HTTP API. `url` ends before `/chat/completions` and the like.

    The key is in the file `key_file` or in the environment variable `key_env`; neither: the service asks for none.
    """

    url: str
    model: str
    voice: str = ""
    key_file: str | None = None
    key_env: str | None = None


@dataclass(frozen=True, slots=True)
class PiperVoice:
    """A voice of Piper: its name among the models, or its .onnx file."""

    model: str


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What gateway.yaml says. What it leaves out is as here, and needs nothing: no hearing, a parrot, espeak-ng."""

    hearing: str | None = None
    """A Vosk model: its name, or its folder. None: words are not understood."""
    answering: Literal["parrot", "scripted"] | Endpoint = PARROT
    voice: Literal["espeak-ng"] | Endpoint | PiperVoice = ESPEAK


def load_gateway_file(path: Path) -> EngineSettings:
    """The settings of a file. Raises EnginesError with every problem found in it."""
    return read_gateway_file(Reader.of_file(path, EnginesError))


def read_gateway_file(reader: Reader) -> EngineSettings:
    """The settings of a file that was parsed. Raises EnginesError with every problem found in it."""
    root = section(reader, reader.root, "the file", DOCUMENT_KEYS)
    settings = EngineSettings(**root)
    if settings.hearing is None and settings.answering != PARROT and "answering" in root:
        assert isinstance(reader.root, MappingNode)
        reader.problem(
            reader.root.key("answering"),
            "nobody can answer words that were not understood: there is no hearing",
            "say with what: hearing: {vosk: {model: vosk-model-small-en-us-0.15}}",
        )
    reader.finish()
    return settings


def schema() -> Fragment:
    """JSON Schema of the file, for editors that complete and underline while somebody writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai gateway",
        "description": "With what the gateway hears, answers and speaks.",
        **object_schema(DOCUMENT_KEYS),
    }


# -- the tables -----------------------------------------------------------------------------------------------------


def _read_url(reader: Reader, node: Node, what: str) -> str | None:
    found = reader.text(node, what)
    if found is None:
        return None
    try:
        parts = urlsplit(found)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and not re.search(r"\s", found)
    except ValueError:  # a port that is none, brackets that do not close
        usable = False
    if not usable:
        reader.problem(node, f"{what} cannot be {quote(found)}", "write it as https://api.example.com/v1")
        return None
    if parts.username or parts.password or parts.query or parts.fragment:
        hint = "keys belong in key_file or key_env; the address ends before /chat/completions"
        reader.problem(node, f"{what} holds more than an address", hint)
        return None
    return found.rstrip("/")


def _read_variable(reader: Reader, node: Node, what: str) -> str | None:
    found = reader.text(node, what)
    if found is None or re.fullmatch(_VARIABLE, found):
        return found
    # Whoever writes the key itself here should not find it in a log as well.
    reader.problem(node, f"{what} is not the name of an environment variable", "write its name, not the key itself")
    return None


VOSK_KEYS: Mapping[str, Key] = {
    "model": text("A speech model: a name of `pommai models list`, or a folder."),
}
PIPER_KEYS: Mapping[str, Key] = {
    "model": text("A voice of Piper: its name in the models' folder, or its .onnx file."),
}
_KEY_KEYS: Mapping[str, Key] = {
    "key_file": text("The file that holds the service's key, and nothing else.", required=False),
    "key_env": Key(
        {
            "type": "string",
            "pattern": f"^{_VARIABLE}$",
            "description": "The environment variable that holds the service's key.",
        },
        _read_variable,
    ),
}
_URL = Key(
    {
        "type": "string",
        "pattern": "^https?://[^\\s?#@]+$",
        "description": "Where the service is, up to and with /v1.",
    },
    _read_url,
    required=True,
)
CHAT_KEYS: Mapping[str, Key] = {"url": _URL, "model": text("The language model."), **_KEY_KEYS}
VOICE_KEYS: Mapping[str, Key] = {
    "url": _URL,
    "model": text("The model that speaks."),
    "voice": text("The voice for every persona."),
    **_KEY_KEYS,
}


def _read_endpoint(reader: Reader, node: Node, what: str, keys: Mapping[str, Key]) -> Endpoint | None:
    found = section(reader, node, what, keys)
    if "key_file" in found and "key_env" in found:
        reader.problem(node, f"{what} has two keys", "keep key_file or key_env")
    return Endpoint(**found) if found.keys() >= {name for name, key in keys.items() if key.required} else None


def _read_model(reader: Reader, node: Node, what: str, keys: Mapping[str, Key]) -> str | None:
    found: str | None = section(reader, node, what, keys).get("model")
    return found


def _read_piper(reader: Reader, node: Node, what: str, keys: Mapping[str, Key]) -> PiperVoice | None:
    model = _read_model(reader, node, what, keys)
    return None if model is None else PiperVoice(model)


_READERS: Mapping[str, Callable[[Reader, Node, str, Mapping[str, Key]], Any]] = {
    VOSK: _read_model,
    OPENAI: _read_endpoint,
    PIPER: _read_piper,
}
"""How those engines are read that have to be told more."""


def _engine(words: str, plain: tuple[str, ...], told_more: Mapping[str, Mapping[str, Key]]) -> Key:
    """An engine that goes by its name alone, or one that has to be told more: `{name: {key: ...}}`."""

    def read(reader: Reader, node: Node, what: str) -> Any:
        if isinstance(node, Scalar) and node.text in told_more:
            keys = told_more[node.text]
            example = f"{node.text}: {{{', '.join(f'{key}: ...' for key, each in keys.items() if each.required)}}}"
            reader.problem(node, f"{what} needs more than the word {node.text}", f"write {{{example}}}")
            return None
        if isinstance(node, Scalar):
            found = reader.choice(node, what, (*plain, *told_more))
            return None if found == NONE else found
        mapping = reader.mapping(node, what, allowed=list(told_more), required=[])
        if mapping is None:
            return None
        if len(mapping) != 1:
            reader.problem(node, f"{what} must name one engine", f"known: {', '.join(sorted((*plain, *told_more)))}")
        found = None
        for key, inner in mapping:
            if key.text in told_more:
                found = _READERS[key.text](reader, inner, f"{key.text} in {what}", told_more[key.text])
        return found

    more = [
        {"type": "object", "additionalProperties": False, "required": [name], "properties": {name: object_schema(keys)}}
        for name, keys in told_more.items()
    ]
    return Key({"description": words, "anyOf": [{"enum": list(plain)}, *more]}, read)


DOCUMENT_KEYS: Mapping[str, Key] = {
    "hearing": _engine("What understands words; none when left out.", (NONE,), {VOSK: VOSK_KEYS}),
    "answering": _engine(
        "Who answers for personas that do not say it themselves; parrot when left out. scripted: what stands in "
        "offline_responses.yaml. openai: a language model behind OpenAI's HTTP API.",
        (PARROT, SCRIPTED),
        {OPENAI: CHAT_KEYS},
    ),
    "voice": _engine(
        "What speaks the words of an answer; espeak-ng when left out. piper: a neural voice that needs no network. "
        "openai: a service with OpenAI's speech endpoint.",
        (ESPEAK,),
        {PIPER: PIPER_KEYS, OPENAI: VOICE_KEYS},
    ),
}
