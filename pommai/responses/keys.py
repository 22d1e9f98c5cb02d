"""The keys of `offline_responses.yaml`: the one source of what the loader reads and what editors are told.

Each key has its JSON Schema (draft 2020-12) and knows how it is read. What a schema cannot say (ranges of durations,
what belongs together) the loader holds to, and the descriptions say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pommai.responses.model import (
    CATEGORIES,
    GUARDIAN_TOPICS,
    HELP,
    LEVELS,
    NEEDED_COMMANDS,
    RESERVED,
    SEVERITIES,
    Reply,
)
from pommai.source import Mapping as MappingNode
from pommai.source import Node, Reader, Scalar

Fragment = dict[str, Any]

NAME: Final = r"^[a-z][a-z0-9_]*$"
TOY_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
DURATION: Final = r"^(?=.)([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?$"
LONGEST_S: Final = 86_400.0
MOST: Final = 1_000
"""Highest count of a limit."""
LONGEST_REPLY: Final = 400
"""Characters: about 25 s of speech, after which no child listens."""


@dataclass(frozen=True, slots=True)
class Key:
    """What may stand at a key: its JSON Schema, and how it is read (None after a problem was noted)."""

    schema: Fragment
    read: Callable[[Reader, Node, str], Any]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A text and where it stands."""

    text: str
    at: Node


@dataclass(frozen=True, slots=True)
class Section:
    """What was read of a mapping, by key, and where it stands. Keys with a problem are not in it."""

    at: Node
    values: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)


def read_section(reader: Reader, node: Node, what: str, keys: Mapping[str, Key]) -> Section:
    """What stands at the keys of a mapping."""
    mapping = reader.mapping(node, what, allowed=keys, required=[name for name, key in keys.items() if key.required])
    values: dict[str, Any] = {}
    for name, value_node in mapping or ():
        key = keys.get(name.text)
        value = None
        if key is not None:
            value = key.read(reader, value_node, name.text if what == "the file" else f"{name.text} of {what}")
        if value is not None:
            values[name.text] = value
    return Section(node, values)


def object_schema(keys: Mapping[str, Key]) -> Fragment:
    """The JSON Schema of a mapping with these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, key in keys.items() if key.required],
        "properties": {name: key.schema for name, key in keys.items()},
    }


def _entries(reader: Reader, node: Node, what: str, required: Collection[str] = ()) -> MappingNode:
    """The entries of a mapping whose keys are names; none when it is no mapping."""
    return reader.mapping(node, what, required=required) or MappingNode(1, 1)


# -- what a key may hold -------------------------------------------------------------------


def _section(words: str, keys: Mapping[str, Key], *, required: bool = True) -> Key:
    def read(reader: Reader, node: Node, what: str) -> Section:
        return read_section(reader, node, what, keys)

    return Key({**object_schema(keys), "description": words}, read, required)


def check_name(reader: Reader, key: Scalar, pattern: str, noun: str) -> None:
    """Note a name that cannot be."""
    if re.fullmatch(pattern, key.text) is None:
        hint = "use small letters, digits and _, a letter first" if pattern == NAME else "letters, digits, - and _"
        reader.problem(key, f"{noun} cannot be called '{key.text}'", hint)


def _choice(words: str, choices: Collection[str], default: str | None = None, *, required: bool = False) -> Key:
    def read(reader: Reader, node: Node, what: str) -> str | None:
        return reader.choice(node, what, choices)

    schema: Fragment = {"enum": list(choices), "description": words}
    return Key(schema if default is None else {**schema, "default": default}, read, required)


def _boolean(words: str, *, required: bool = False) -> Key:
    return Key({"type": "boolean", "description": words}, Reader.boolean, required)


def _count(words: str) -> Key:
    def read(reader: Reader, node: Node, what: str) -> int | None:
        return reader.integer(node, what, 1, MOST)

    return Key({"type": "integer", "minimum": 1, "maximum": MOST, "description": words}, read, required=True)


def _duration(words: str, *examples: str) -> Key:
    def read(reader: Reader, node: Node, what: str) -> float | None:
        return reader.duration(node, what, 1.0, LONGEST_S)

    schema = {"type": "string", "pattern": DURATION, "examples": list(examples), "description": f"{words} 1s to 24h."}
    return Key(schema, read, required=True)


def _text(words: str) -> Key:
    def read(reader: Reader, node: Node, what: str) -> Written | None:
        text = reader.text(node, what)
        return None if text is None else Written(" ".join(text.split()), node)

    return Key({"type": "string", "pattern": r"\S", "description": words}, read, required=True)


def _texts(words: str, noun: str, *, required: bool = False, empty: bool = False) -> Key:
    def read(reader: Reader, node: Node, what: str) -> tuple[Written, ...]:
        items = reader.sequence(node, what)
        if items == () and not empty:
            reader.problem(node, f"{what} is empty", f"write at least one {noun}, or leave the key out")
        texts = ((reader.text(item, f"a {noun} in {what}"), item) for item in items or ())
        return tuple(Written(text, item) for text, item in texts if text is not None)

    schema: Fragment = {"type": "array", "items": {"type": "string", "pattern": r"\S"}, "description": words}
    return Key(schema if empty else {**schema, "minItems": 1}, read, required)


def _triggers(words: str, *, required: bool = False) -> Key:
    return _texts(words, "phrase", required=required)


# -- replies -------------------------------------------------------------------------------


def _read_audio(reader: Reader, node: Node, what: str) -> Written | None:
    text = reader.text(node, what)
    if text is not None and re.fullmatch(NAME, text) is None:
        reader.problem(node, f"{what} cannot be '{text}'", "the bare name of a sound: small letters, digits and _")
    return None if text is None else Written(text, node)


REPLY_KEYS: Final[Mapping[str, Key]] = {
    "text": _text(f"What the toy says, {LONGEST_REPLY} characters at most; short sentences sound best."),
    "audio": Key(
        {"type": "string", "pattern": NAME, "description": "A sound of the toy that is played instead of the text."},
        _read_audio,
    ),
    "safety_level": _choice(
        "The most careful level at which it may be said; strict: always, relaxed: from 13 years.", LEVELS, "strict"
    ),
}


def _read_reply(reader: Reader, node: Node, what: str) -> Reply | None:
    if isinstance(node, MappingNode):
        section = read_section(reader, node, what, REPLY_KEYS)
        text, audio = section.get("text"), section.get("audio")
        rank = LEVELS.index(section.get("safety_level", LEVELS[0]))
    else:
        text, audio, rank = REPLY_KEYS["text"].read(reader, node, what), None, 0
    if text is None:
        return None
    if len(text.text) > LONGEST_REPLY:
        message = f"{what} has {len(text.text)} characters, more than {LONGEST_REPLY}"
        reader.problem(text.at, message, "a child stops listening long before; make two replies of it")
    return Reply(text.text, None if audio is None else audio.text, rank, node if audio is None else audio.at)


def _replies(words: str) -> Key:
    def read(reader: Reader, node: Node, what: str) -> tuple[Reply, ...]:
        items = reader.sequence(node, what)
        if items == ():
            reader.problem(node, f"{what} is empty", "write at least one; with several, none is said twice running")
        found = [_read_reply(reader, item, f"a reply in {what}") for item in items or ()]
        return tuple(reply for reply in found if reply is not None)

    text = {"type": "string", "pattern": r"\S", "maxLength": LONGEST_REPLY}
    items = {"anyOf": [text, {"$ref": "#/$defs/reply"}]}
    return Key({"type": "array", "minItems": 1, "items": items, "description": words}, read, required=True)


# -- the tables ----------------------------------------------------------------------------

_EXCEPT = "Phrases in which the words are harmless. Words inside such a phrase do not count."

COMMAND_KEYS: Final[Mapping[str, Key]] = {
    "triggers": _triggers(
        "Words and phrases that ask for it. Forms are known (sing: sings, singing), and `...` stands for up to three "
        "words: my ... hurts.",
        required=True,
    ),
    "except": _triggers(_EXCEPT),
    "safety_level": _choice("The most careful level at which it is answered.", LEVELS, "strict"),
    "gives_way": _boolean("Whether any other command in the same sentence goes before it."),
    "replies": _replies("What the toy may say."),
}
HELP_CASE_KEYS: Final[Mapping[str, Key]] = {
    "triggers": COMMAND_KEYS["triggers"],
    "alert": _choice("How urgent the alert to the guardian is.", SEVERITIES, required=True),
    "replies": COMMAND_KEYS["replies"],
}


def _read_cases(reader: Reader, node: Node, what: str) -> tuple[Section, ...]:
    items = reader.sequence(node, what)
    if items == ():
        reader.problem(node, f"{what} is empty", "write at least one case, or leave the key out")
    return tuple(
        read_section(reader, item, f"case {number} of {HELP}", HELP_CASE_KEYS)
        for number, item in enumerate(items or (), start=1)
    )


HELP_KEYS: Final[Mapping[str, Key]] = {
    **HELP_CASE_KEYS,
    "except": COMMAND_KEYS["except"],
    "cases": Key(
        {
            "type": "array",
            "minItems": 1,
            "items": object_schema(HELP_CASE_KEYS),
            "description": "Needs with words and an answer of their own. The most urgent one in a sentence decides.",
        },
        _read_cases,
    ),
}
TOY_KEYS: Final[Mapping[str, Key]] = {"replies": COMMAND_KEYS["replies"]}


def _read_commands(reader: Reader, node: Node, what: str) -> dict[str, Section]:
    found = {}
    for key, value in _entries(reader, node, what, NEEDED_COMMANDS):
        check_name(reader, key, NAME, "a command")
        if key.text in RESERVED:
            reader.problem(key, f"a command cannot be called '{key.text}'", "the toy's answers use this name otherwise")
        keys = HELP_KEYS if key.text == HELP else COMMAND_KEYS
        found[key.text] = read_section(reader, value, key.text, keys)
    return found


TOPIC_KEYS: Final[Mapping[str, Key]] = {
    "severity": _choice("How much it matters, in what a guardian is told.", SEVERITIES, required=True),
    "violation": _boolean("Whether it counts towards a pause.", required=True),
    "alert": _boolean("Whether a guardian is told each time.", required=True),
    "replies": _replies("Where the toy leads the talk instead, friendly."),
}
BLOCKED_KEYS: Final[Mapping[str, Key]] = {
    **TOPIC_KEYS,
    "words": _section(
        "Words and phrases, each under the loosest level at which it is blocked: what stands under relaxed is always "
        "blocked, what stands under strict is blocked at strict alone.",
        {level: _triggers(f"Blocked at {' and '.join(LEVELS[: rank + 1])}.") for rank, level in enumerate(LEVELS)},
    ),
    "except": COMMAND_KEYS["except"],
}
LIMIT_KEYS: Final[Mapping[str, Key]] = {
    "conversations": _section(
        "How many sentences are answered in a while.",
        {
            "count": _count("So many"),
            "within": _duration("within this time.", "1h"),
            "rest": _duration("Then the toy rests for so long.", "10m"),
            "replies": _replies("What it says when it goes to rest."),
        },
    ),
    "session": _section(
        "How long a child and the toy talk without a break.",
        {
            "longest": _duration("So long.", "30m"),
            "rest": _duration("Then the toy rests for so long; a silence as long as this is a break, too.", "10m"),
            "replies": _replies("What it says when it goes to rest."),
        },
    ),
    "not_understood": _section(
        "When the toy understands nothing, again and again.",
        {
            "in_a_row": _count("At so many in a row it says something else."),
            "replies": _replies("What it says then: kindly, and with something to do."),
        },
    ),
    "violations": _section(
        "When blocked topics come up again and again.",
        {
            "count": _count("So many"),
            "within": _duration("within this time", "5m"),
            "pause": _duration("let the toy pause for so long.", "5m"),
            "alert": _choice("How urgent the alert to the guardian is.", SEVERITIES, required=True),
            "replies": _replies("What it says when it pauses."),
        },
    ),
}


def _read_variants(reader: Reader, node: Node, what: str) -> dict[str, tuple[Written, Written]]:
    texts = ((key, value, reader.text(value, f"'{key.text}' in {what}")) for key, value in _entries(reader, node, what))
    return {key.text: (Written(key.text, key), Written(text, value)) for key, value, text in texts if text is not None}


def _read_forms(reader: Reader, node: Node, what: str) -> dict[str, tuple[Written, tuple[Written, ...]]]:
    found = {}
    for key, value in _entries(reader, node, what):
        whose = f"'{key.text}' in {what}"
        texts = [(reader.text(item, f"a form of {whose}"), item) for item in reader.one_or_many(value)]
        if not texts:
            reader.problem(value, f"{whose} has no forms")
        found[key.text] = (Written(key.text, key), tuple(Written(text, at) for text, at in texts if text is not None))
    return found


def _read_toys(reader: Reader, node: Node, what: str) -> dict[str, dict[str, Section]]:
    found = {}
    for toy, commands in _entries(reader, node, what):
        check_name(reader, toy, TOY_ID, "a toy")
        entries = _entries(reader, commands, f"'{toy.text}' in {what}")
        found[toy.text] = {
            key.text: Section(key, read_section(reader, value, f"{key.text} of '{toy.text}'", TOY_KEYS).values)
            for key, value in entries
        }
    return found


_TEXT = {"type": "string", "pattern": r"\S"}
WORD_KEYS: Final[Mapping[str, Key]] = {
    "fillers": _texts("Words that are not listened to.", "word", empty=True),
    "variants": Key(
        {
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "Words that are said otherwise, each with what it is taken for: `wanna: want to`.",
        },
        _read_variants,
    ),
    "forms": Key(
        {
            "type": "object",
            "additionalProperties": {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]},
            "description": "Irregular forms, which no rule makes: `fall: [fell, fallen]`.",
        },
        _read_forms,
    ),
}

DOCUMENT_KEYS: Final[Mapping[str, Key]] = {
    "words": _section("How spoken words are taken.", WORD_KEYS, required=False),
    "commands": Key(
        {
            "type": "object",
            "required": list(NEEDED_COMMANDS),
            "propertyNames": {"pattern": NAME, "not": {"enum": list(RESERVED)}},
            "properties": {HELP: object_schema(HELP_KEYS)},
            "additionalProperties": object_schema(COMMAND_KEYS),
            "description": f"What a child may ask for. {HELP} is asked first, before blocked topics.",
        },
        _read_commands,
        required=True,
    ),
    "blocked_topics": _section(
        "What the toy does not talk about, by category.",
        {name: _section("Words, redirects and what follows.", BLOCKED_KEYS) for name in CATEGORIES},
    ),
    GUARDIAN_TOPICS: _section("Words that a guardian has blocked for a child.", TOPIC_KEYS),
    "limits": _section("How much is enough.", LIMIT_KEYS),
    "unknown": _section("What is said when nothing was understood.", {"replies": _replies("What the toy may say.")}),
    "safe_mode": _section("What is said on entering safe mode.", {"replies": _replies("What the toy may say.")}),
    "toys": Key(
        {
            "type": "object",
            "propertyNames": {"pattern": TOY_ID},
            "additionalProperties": {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": object_schema(TOY_KEYS),
            },
            "description": "What a toy says instead of the replies of a command, by its id and the command.",
        },
        _read_toys,
    ),
}
"""Every key of the file."""
