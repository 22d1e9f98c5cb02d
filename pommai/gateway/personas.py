"""`personas.yaml`: who a toy can be. Read, checked as a whole, and handed to toys as their configuration.

The tables below are the only place where a key is declared: the loader reads by them and `schema()` is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pommai.errors import PersonasError
from pommai.gateway.keys import (
    NAME,
    boolean,
    choice,
    integer,
    names,
    names_for_names,
    number,
    section,
    text,
    texts,
)
from pommai.protocol import pi_config
from pommai.protocol.messages import GuardianSettings, ToyProfile, VoiceSettings
from pommai.source import Fragment, Key, Node, Reader, Scalar, did_you_mean, object_schema, quote
from pommai.source import Mapping as MappingNode
from pommai.source import Sequence as SequenceNode

ID = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""How a persona may be called: its key is the `toyId` on the wire."""
LEVELS = ("strict", "moderate", "relaxed")
"""How much is kept from a listener, most first."""
SAFETY_LEVELS = (*LEVELS, "custom")
"""The same, or exactly what `blocked_topics` names."""
ENGINES = ("vosk", "microwakeword", "openwakeword", "none")
"""What listens for the wake word."""
WITH_MODELS = ("microwakeword", "openwakeword")
"""Engines that need a model for each phrase."""
LONGEST_RETENTION = 3650
"""Days."""
ANSWERERS = ("parrot", "scripted", "openai")
"""Who may answer for a persona; the other two need more in gateway.yaml."""
INTERVAL = 4.0
"""Semitones up at which a parrot answers when nothing else is said: a major third."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How a persona answers. A parrot answers `semitones` (-12.0..12.0) above what it heard, or below."""

    semitones: float = INTERVAL
    by: str | None = None
    """parrot, scripted or openai; None: whatever the gateway answers with."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody a toy can be: what the toy is told of it, and what stays here."""

    profile: ToyProfile
    answers: Answers
    pi_config: Mapping[str, object] = field(default_factory=dict)
    """What is set on the device while a toy is this one, by the keys of the wire; empty: nothing."""
    by_voice: bool | None = None
    """Whether a child may make a toy this one by asking for it; None: as is safe for whoever the toy is then."""
    where: str = field(default="", compare=False)
    """The place in the file that says who answers for it, as problems begin: `personas.yaml:12:5`."""

    @property
    def toy_id(self) -> str:
        return self.profile.toy_id


Personas = Mapping[str, Persona]
"""Every persona by its toyId, in the order of the file."""


def load_personas(path: Path) -> Personas:
    """The personas of a file. Raises PersonasError with every problem found in it."""
    return read_personas(Reader.of_file(path, PersonasError))


def read_personas(reader: Reader) -> Personas:
    """The personas of a file that was parsed. Raises PersonasError with every problem found in it."""
    root = section(reader, reader.root, "the file", DOCUMENT_KEYS)
    reader.finish()
    return MappingProxyType(root["personas"])


def check_personas(
    reader: Reader,
    sounds: Collection[str] | None,
    patterns: Collection[str] | None,
    voice_problem: Callable[[str], tuple[str, str] | None] = lambda voice_id: None,
) -> None:
    """Check a file that was parsed, and look up in it the names of `sounds` and light `patterns` (None: do not).

    `voice_problem` says what is wrong with a `voice_id`, and how to put it right; None: nothing. Raises PersonasError
    with every problem found.
    """
    section(reader, reader.root, "the file", DOCUMENT_KEYS)
    everybody = _inside(reader.root, "personas")
    for _, persona in everybody if isinstance(everybody, MappingNode) else ():
        heard = _inside(persona, "acknowledgements")
        for name in heard.items if isinstance(heard, SequenceNode) else ():
            _look_up(reader, name, "sound", sounds)
        theme = _inside(persona, "led_theme")
        for shown, instead in theme if isinstance(theme, MappingNode) else ():
            _look_up(reader, shown, "light pattern", patterns)
            _look_up(reader, instead, "light pattern", patterns)
        voice = _inside(_inside(persona, "voice_settings"), "voice_id")
        if isinstance(voice, Scalar) and (problem := voice_problem(voice.text)):
            reader.problem(voice, *problem)
    reader.finish()


def _inside(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, MappingNode) else None


def _look_up(reader: Reader, node: Node, what: str, names: Collection[str] | None) -> None:
    """Note a name that nothing has; one that cannot be a name was noted by whoever read it."""
    if names is not None and isinstance(node, Scalar) and re.fullmatch(NAME, node.text) and node.text not in names:
        reader.problem(node, f"no {what} is called '{node.text}'", did_you_mean(node.text, names))


def schema() -> Fragment:
    """JSON Schema of the file, for editors that complete and underline while somebody writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai personas",
        "description": "Who a toy can be: name, voice, wake word, what it may talk about, and how it answers.",
        **object_schema(DOCUMENT_KEYS),
    }


# -- the tables -----------------------------------------------------------------------------------------------------

VOICE_KEYS: Mapping[str, Key] = {
    "voice_id": text(
        "A voice of espeak-ng (en-us+f3), honey or tin, a speaker of Piper's model, or any word: for what no engine "
        "knows always the same voice speaks."
    ),
    "speed": number("How fast it speaks; 1.0 is the voice's own pace.", 0.5, 2.0),
    "pitch": number("How high it speaks; 1.0 is the voice's own pitch.", 0.5, 2.0),
}

RETENTION_KEYS: Mapping[str, Key] = {
    "conversations": integer("Days that the toy remembers what was said.", 0, LONGEST_RETENTION, required=False),
    "safety_events": integer(
        "Days that the toy remembers what grown-ups should know.", 0, LONGEST_RETENTION, required=False
    ),
    "metrics": integer("Days that the toy remembers its figures.", 0, LONGEST_RETENTION, required=False),
}


def _read_retention(reader: Reader, node: Node, what: str) -> dict[str, int]:
    return section(reader, node, what, RETENTION_KEYS)


GUARDIAN_KEYS: Mapping[str, Key] = {
    "content_filter_level": choice("How much the content filter holds back.", LEVELS),
    "allowed_topics": texts("What it likes to talk about; an empty list: anything that is not blocked.", "a topic"),
    "blocked_topics": texts("What it does not talk about.", "a topic"),
    "retention_days": Key(
        {
            **object_schema(RETENTION_KEYS),
            "description": "How long the toy remembers, and the gateway; their own default where nothing is said.",
        },
        _read_retention,
    ),
    "allow_uploads": boolean(
        "Whether recordings of the child may be kept anywhere; false when left out.", required=False
    ),
}

PARROT_KEYS: Mapping[str, Key] = {
    "semitones": number(
        f"How far above what it heard it answers, below when negative; {INTERVAL:g} (a major third) when left out.",
        -12.0,
        12.0,
        required=False,
    ),
}


def _read_answers(reader: Reader, node: Node, what: str) -> Answers | None:
    if isinstance(node, Scalar):
        by = reader.choice(node, what, ANSWERERS)
        return None if by is None else Answers(by=by)
    for key, _ in node if isinstance(node, MappingNode) else ():
        if key.text in ANSWERERS and key.text != "parrot":
            reader.problem(key, f"{what} needs no more than the word {key.text}", f"write {ANSWERS_KEY}: {key.text}")
            return None
    mapping = reader.mapping(node, what, allowed=["parrot"], required=["parrot"])
    parrot = None if mapping is None else mapping.get("parrot")
    return None if parrot is None else Answers(**section(reader, parrot, f"parrot in {what}", PARROT_KEYS), by="parrot")


def _read_voice(reader: Reader, node: Node, what: str) -> VoiceSettings:
    return VoiceSettings(**section(reader, node, what, VOICE_KEYS))


def _read_guardian(reader: Reader, node: Node, what: str) -> GuardianSettings:
    settings = GuardianSettings(**section(reader, node, what, GUARDIAN_KEYS))
    allowed = {topic.casefold() for topic in settings.allowed_topics}
    blocked = _inside(node, "blocked_topics")
    for topic in blocked.items if isinstance(blocked, SequenceNode) else ():
        if isinstance(topic, Scalar) and " ".join(topic.text.split()).casefold() in allowed:
            reader.problem(
                topic, f"the topic {quote(topic.text)} is both allowed and blocked", "take it out of one list"
            )
    return settings


PI_KEYS: Mapping[str, Key] = {
    pi_config.MODELS: names(
        "Models that call it, in place of its wake word: built in ones of microwakeword by name, or files of the toy "
        "by bare name, .tflite or .onnx.",
        "a model",
        required=False,
        most=pi_config.MOST_MODELS,
    ),
    pi_config.THRESHOLD: number(
        "The probability from which a model has heard its word, in place of wake_sensitivity.", 0.0, 1.0, required=False
    ),
    pi_config.ACKNOWLEDGEMENTS: names(
        "Sound files of the toy, one of which answers when it is called, in place of acknowledgements.",
        "a sound",
        required=False,
        most=pi_config.MOST_SOUNDS,
    ),
}


def _read_pi_config(reader: Reader, node: Node, what: str) -> dict[str, object]:
    found = section(reader, node, what, PI_KEYS)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


ANSWERS_KEY = "answers"
PI_KEY = "pi_config"
VOICE_KEY = "by_voice"
"""These keys of a persona stay on the server: they are no part of the toy's profile."""

PERSONA_KEYS: Mapping[str, Key] = {
    "name": text("What the toy calls itself."),
    "personality_prompt": text("Who it is, as told to whoever writes its answers."),
    "voice_settings": Key({**object_schema(VOICE_KEYS), "description": "How it sounds."}, _read_voice, required=True),
    "is_for_kids": boolean("Whether children play with it."),
    "safety_level": choice(
        "How careful it is in what it says: strict for under 8, moderate for 8 to 12, relaxed for 13 and older; custom "
        "keeps to blocked_topics and nothing else.",
        SAFETY_LEVELS,
    ),
    "wake_word": text("What calls it."),
    "wake_word_alternatives": texts(
        "Tried in this order when the speech model does not know a word of wake_word.", "a phrase", required=False
    ),
    "wake_engine": choice(
        "What listens for the wake word; vosk, which knows most plain words, when left out.", ENGINES, required=False
    ),
    "wake_models": names(
        "Models of microwakeword or openwakeword: built in ones by name, or files of the toy by bare name.",
        "a model",
        required=False,
    ),
    "wake_sensitivity": number("0 hardly ever wakes, 1 wakes easily; 0.5 when left out.", 0.0, 1.0, required=False),
    "acknowledgements": names(
        "Sounds, one of which answers the wake word; the wake earcon does when left out.", "a sound", required=False
    ),
    "led_theme": names_for_names(
        "Light patterns shown in place of others, such as breathing_blue: speaking_green.",
        "a light pattern",
        required=False,
    ),
    "knowledge_base": text("What it knows of its world, in plain sentences."),
    "guardian_settings": Key(
        {**object_schema(GUARDIAN_KEYS), "description": "What grown-ups have settled."}, _read_guardian, required=True
    ),
    PI_KEY: Key(
        {**object_schema(PI_KEYS), "description": "What is set on the device while a toy is this one."}, _read_pi_config
    ),
    VOICE_KEY: boolean(
        "Whether a child may make a toy this one by asking for it. When left out, whoever the toy is decides: one for "
        "kids becomes only others for kids, at a safety_level that is as careful.",
        required=False,
    ),
    ANSWERS_KEY: Key(
        {
            "description": "How the gateway answers for it; as gateway.yaml says when left out. parrot: says back what "
            "it heard, at another pitch. scripted: out of offline_responses.yaml. openai: a language model.",
            "anyOf": [
                {"enum": list(ANSWERERS)},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["parrot"],
                    "properties": {"parrot": object_schema(PARROT_KEYS)},
                },
            ],
        },
        _read_answers,
    ),
}


REQUIRED_KEYS = {name for name, key in PERSONA_KEYS.items() if key.required}


def _read_all(reader: Reader, node: Node, what: str) -> dict[str, Persona]:
    personas: dict[str, Persona] = {}
    mapping = reader.mapping(node, what)
    if mapping is not None and not len(mapping):
        reader.problem(node, "personas names nobody", "a gateway needs at least one persona")
    for key, value in mapping or MappingNode(1, 1):
        if not re.fullmatch(ID, key.text):
            reader.problem(key, f"a persona cannot be called '{key.text}'", "letters, digits, - and _, 64 at most")
        found = section(reader, value, f"'{key.text}'", PERSONA_KEYS)
        if found.keys() >= REQUIRED_KEYS:
            answers, settings = found.pop(ANSWERS_KEY, Answers()), found.pop(PI_KEY, {})
            by_voice = found.pop(VOICE_KEY, None)
            profile = ToyProfile(key.text, **found)
            _check_together(reader, value, key.text, profile)
            _check_settings(reader, value, key.text, profile, settings)
            assert isinstance(value, MappingNode)
            at = key if value.get(ANSWERS_KEY) is None else value.key(ANSWERS_KEY)
            where = f"{reader.file}:{at.line}:{at.column}"
            personas[key.text] = Persona(profile, answers, MappingProxyType(settings), by_voice, where)
    return personas


def _check_together(reader: Reader, persona: Node, name: str, profile: ToyProfile) -> None:
    """What each key alone cannot say."""
    assert isinstance(persona, MappingNode)
    models = persona.get("wake_models")
    none_written = models is None or (isinstance(models, SequenceNode) and not models.items)
    if profile.wake_engine in WITH_MODELS and none_written:
        example = "okay_nabu" if profile.wake_engine == "microwakeword" else "my_word.onnx"
        words = f"'{name}' listens with {profile.wake_engine}, and has no model for it"
        reader.problem(persona.key("wake_engine"), words, f"name one, such as wake_models: [{example}]")
    if profile.safety_level == "custom" and not profile.guardian_settings.blocked_topics:
        reader.problem(
            persona.key("safety_level"),
            f"'{name}' has a safety_level of its own, but blocks nothing",
            "name what is blocked in blocked_topics of guardian_settings, or choose strict, moderate or relaxed",
        )


def _check_settings(
    reader: Reader, persona: Node, name: str, profile: ToyProfile, settings: Mapping[str, object]
) -> None:
    """A threshold is a model's, and vosk has none."""
    if pi_config.THRESHOLD in settings and not settings.get(pi_config.MODELS):
        assert isinstance(persona, MappingNode)
        if profile.wake_engine not in WITH_MODELS:
            reader.problem(
                persona.key(PI_KEY),
                f"'{name}' has a {pi_config.THRESHOLD}, and no model that it could count for",
                f"name one in {pi_config.MODELS}, such as okay_nabu, or set wake_sensitivity instead",
            )


DOCUMENT_KEYS: Mapping[str, Key] = {
    "personas": Key(
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": f"^{ID}$"},
            "additionalProperties": object_schema(PERSONA_KEYS),
            "description": "Each persona under its toyId.",
        },
        _read_all,
        required=True,
    ),
}
