"""`personas.yaml`: who a toy can be. Read, checked as a whole, and handed to toys as their configuration.

The tables below are the only place where a key is declared: the loader reads by them and `schema()` is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pommai.errors import PersonasError
from pommai.protocol.messages import GuardianSettings, ToyProfile, VoiceSettings
from pommai.source import Mapping as MappingNode
from pommai.source import Node, Reader, Scalar

ID = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""How a persona may be called: its key is the `toyId` on the wire."""
LEVELS = ("strict", "moderate", "relaxed")
"""How much is kept from a listener, most first."""
INTERVAL = 4.0
"""Semitones up at which a parrot answers when nothing else is said: a major third."""

Fragment = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """How a persona answers: as a parrot, `semitones` (-12.0..12.0) above what it heard, or below."""

    semitones: float = INTERVAL


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody a toy can be: what the toy is told of it, and what stays here."""

    profile: ToyProfile
    answers: Answers

    @property
    def toy_id(self) -> str:
        return self.profile.toy_id


Personas = Mapping[str, Persona]
"""Every persona by its toyId, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Key:
    """What may stand at a key: its JSON Schema, and how it is read (None after a problem was noted)."""

    schema: Fragment
    read: Callable[[Reader, Node, str], Any]
    required: bool = False


def load_personas(path: Path) -> Personas:
    """The personas of a file. Raises PersonasError with every problem found in it."""
    return read_personas(Reader.of_file(path, PersonasError))


def read_personas(reader: Reader) -> Personas:
    """The personas of a file that was parsed. Raises PersonasError with every problem found in it."""
    root = _section(reader, reader.root, "the file", DOCUMENT_KEYS)
    reader.finish()
    return MappingProxyType(root["personas"])


def schema() -> Fragment:
    """JSON Schema of the file, for editors that complete and underline while somebody writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai personas",
        "description": "Who a toy can be: name, voice, wake word, what it may talk about, and how it answers.",
        **_object(DOCUMENT_KEYS),
    }


def _section(reader: Reader, node: Node, what: str, keys: Mapping[str, Key]) -> dict[str, Any]:
    """What stands at the keys of a mapping; those with a problem are left out."""
    mapping = reader.mapping(node, what, allowed=keys, required=[name for name, key in keys.items() if key.required])
    values: dict[str, Any] = {}
    for name, key in keys.items():
        value_node = mapping.get(name) if mapping is not None else None
        if value_node is not None:
            value = key.read(reader, value_node, f"{name} of {what}" if what != "the file" else name)
            if value is not None:
                values[name] = value
    return values


def _object(keys: Mapping[str, Key]) -> Fragment:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, key in keys.items() if key.required],
        "properties": {name: key.schema for name, key in keys.items()},
    }


# -- what a key may hold ------------------------------------------------------------------------------------------


def _text(words: str, *, required: bool = True) -> Key:
    def read(reader: Reader, node: Node, what: str) -> str | None:
        text = reader.text(node, what)
        return None if text is None else " ".join(text.split())

    return Key({"type": "string", "pattern": r"\S", "description": words}, read, required)


def _number(words: str, minimum: float, maximum: float, *, required: bool = True) -> Key:
    def read(reader: Reader, node: Node, what: str) -> float | None:
        return reader.number(node, what, minimum, maximum)

    return Key({"type": "number", "minimum": minimum, "maximum": maximum, "description": words}, read, required)


def _boolean(words: str) -> Key:
    return Key({"type": "boolean", "description": words}, Reader.boolean, required=True)


def _choice(words: str, choices: Collection[str]) -> Key:
    def read(reader: Reader, node: Node, what: str) -> str | None:
        return reader.choice(node, what, choices)

    return Key({"enum": list(choices), "description": words}, read, required=True)


def _topics(words: str) -> Key:
    def read(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
        texts = [reader.text(item, f"a topic in {what}") for item in reader.sequence(node, what) or ()]
        return tuple(text for text in texts if text is not None)

    item = {"type": "string", "pattern": r"\S"}
    return Key({"type": "array", "items": item, "description": words}, read, required=True)


# -- the tables -----------------------------------------------------------------------------------------------------

VOICE_KEYS: Mapping[str, Key] = {
    "voice_id": _text("The voice's name in the speech engine."),
    "speed": _number("How fast it speaks; 1.0 is the voice's own pace.", 0.5, 2.0),
    "pitch": _number("How high it speaks; 1.0 is the voice's own pitch.", 0.5, 2.0),
}

GUARDIAN_KEYS: Mapping[str, Key] = {
    "content_filter_level": _choice("How much the content filter holds back.", LEVELS),
    "allowed_topics": _topics("What it likes to talk about; an empty list: anything that is not blocked."),
    "blocked_topics": _topics("What it does not talk about."),
}

PARROT_KEYS: Mapping[str, Key] = {
    "semitones": _number(
        f"How far above what it heard it answers, below when negative; {INTERVAL:g} (a major third) when left out.",
        -12.0,
        12.0,
        required=False,
    ),
}


def _read_answers(reader: Reader, node: Node, what: str) -> Answers | None:
    if isinstance(node, Scalar):
        return None if reader.choice(node, what, ["parrot"]) is None else Answers()
    mapping = reader.mapping(node, what, allowed=["parrot"], required=["parrot"])
    parrot = None if mapping is None else mapping.get("parrot")
    return None if parrot is None else Answers(**_section(reader, parrot, f"parrot in {what}", PARROT_KEYS))


def _read_voice(reader: Reader, node: Node, what: str) -> VoiceSettings:
    return VoiceSettings(**_section(reader, node, what, VOICE_KEYS))


def _read_guardian(reader: Reader, node: Node, what: str) -> GuardianSettings:
    settings = GuardianSettings(**_section(reader, node, what, GUARDIAN_KEYS))
    allowed = {topic.casefold() for topic in settings.allowed_topics}
    for topic in settings.blocked_topics:
        if topic.casefold() in allowed:
            reader.problem(node, f"the topic '{topic}' is both allowed and blocked", "take it out of one list")
    return settings


ANSWERS_KEY = "answers"
"""The one key of a persona that stays on the server."""

PERSONA_KEYS: Mapping[str, Key] = {
    "name": _text("What the toy calls itself."),
    "personality_prompt": _text("Who it is, as told to whoever writes its answers."),
    "voice_settings": Key({**_object(VOICE_KEYS), "description": "How it sounds."}, _read_voice, required=True),
    "is_for_kids": _boolean("Whether children play with it."),
    "safety_level": _choice("How careful it is in what it says.", LEVELS),
    "wake_word": _text("What calls it; plain words that a speech model knows."),
    "knowledge_base": _text("What it knows of its world, in plain sentences."),
    "guardian_settings": Key(
        {**_object(GUARDIAN_KEYS), "description": "What grown-ups have settled."}, _read_guardian, required=True
    ),
    ANSWERS_KEY: Key(
        {
            "description": "How the gateway answers for it. parrot: says back what it heard, at another pitch.",
            "anyOf": [
                {"const": "parrot"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["parrot"],
                    "properties": {"parrot": _object(PARROT_KEYS)},
                },
            ],
        },
        _read_answers,
        required=True,
    ),
}


def _read_all(reader: Reader, node: Node, what: str) -> dict[str, Persona]:
    personas: dict[str, Persona] = {}
    mapping = reader.mapping(node, what)
    if mapping is not None and not len(mapping):
        reader.problem(node, "personas names nobody", "a gateway needs at least one persona")
    for key, value in mapping or MappingNode(1, 1):
        if not re.fullmatch(ID, key.text):
            reader.problem(key, f"a persona cannot be called '{key.text}'", "letters, digits, - and _, 64 at most")
        found = _section(reader, value, f"'{key.text}'", PERSONA_KEYS)
        if PERSONA_KEYS.keys() == found.keys():
            answers = found.pop(ANSWERS_KEY)
            personas[key.text] = Persona(ToyProfile(key.text, **found), answers)
    return personas


DOCUMENT_KEYS: Mapping[str, Key] = {
    "personas": Key(
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": f"^{ID}$"},
            "additionalProperties": _object(PERSONA_KEYS),
            "description": "Each persona under its toyId.",
        },
        _read_all,
        required=True,
    ),
}
