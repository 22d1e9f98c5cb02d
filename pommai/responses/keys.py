"""The keys of `offline_responses.yaml`: the one source of what the loader reads and what editors are told."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from pommai.responses.key import (
    LONGEST_REPLY,
    TEXT,
    Section,
    Written,
    boolean_key,
    check_length,
    choice_key,
    count_key,
    duration_key,
    read_section,
    section_key,
    sections_key,
    text_key,
    texts_key,
)
from pommai.responses.model import (
    CATEGORIES,
    DONE_REPLIES,
    GUARDIAN_TOPICS,
    HELP,
    LEVELS,
    NEEDED_COMMANDS,
    RESERVED,
    SEVERITIES,
    Reply,
)
from pommai.responses.persona_change import PERSONA_CHANGE_KEYS
from pommai.source import Key, Node, Reader, Scalar, object_schema
from pommai.source import Mapping as MappingNode

NAME: Final = r"^[a-z][a-z0-9_]*$"
TOY_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def _entries(reader: Reader, node: Node, what: str, required: Collection[str] = ()) -> MappingNode:
    """The entries of a mapping whose keys are names; none when it is no mapping."""
    return reader.mapping(node, what, required=required) or MappingNode(1, 1)


def check_name(reader: Reader, key: Scalar, pattern: str, noun: str) -> None:
    """Note a name that cannot be."""
    if re.fullmatch(pattern, key.text) is None:
        hint = "use small letters, digits and _, a letter first" if pattern == NAME else "letters, digits, - and _"
        reader.problem(key, f"{noun} cannot be called '{key.text}'", hint)


def _triggers(words: str, *, required: bool = False) -> Key:
    return texts_key(words, "phrase", required=required)


# -- replies -------------------------------------------------------------------------------


def _read_audio(reader: Reader, node: Node, what: str) -> Written | None:
    text = reader.text(node, what)
    if text is not None and re.fullmatch(NAME, text) is None:
        reader.problem(node, f"{what} cannot be '{text}'", "the bare name of a sound: small letters, digits and _")
    return None if text is None else Written(text, node)


REPLY_KEYS: Final[Mapping[str, Key]] = {
    "text": text_key(f"What the toy says, {LONGEST_REPLY} characters at most; short sentences sound best."),
    "audio": Key(
        {"type": "string", "pattern": NAME, "description": "A sound of the toy that is played instead of the text."},
        _read_audio,
    ),
    "safety_level": choice_key(
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
    check_length(reader, text, what)
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
    "safety_level": choice_key("The most careful level at which it is answered.", LEVELS, "strict"),
    "gives_way": boolean_key("Whether any other command in the same sentence goes before it."),
    "replies": _replies("What the toy may say."),
}
HELP_CASE_KEYS: Final[Mapping[str, Key]] = {
    "triggers": COMMAND_KEYS["triggers"],
    "alert": choice_key("How urgent the alert to the guardian is.", SEVERITIES, required=True),
    "replies": COMMAND_KEYS["replies"],
}


HELP_KEYS: Final[Mapping[str, Key]] = {
    **HELP_CASE_KEYS,
    "except": COMMAND_KEYS["except"],
    "cases": sections_key(
        "Needs with words and an answer of their own. The most urgent one in a sentence decides.",
        "case",
        HELP,
        HELP_CASE_KEYS,
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
    "severity": choice_key("How much it matters, in what a guardian is told.", SEVERITIES, required=True),
    "violation": boolean_key("Whether it counts towards a pause.", required=True),
    "alert": boolean_key("Whether a guardian is told each time.", required=True),
    "replies": _replies("Where the toy leads the talk instead, friendly."),
}
BLOCKED_KEYS: Final[Mapping[str, Key]] = {
    **TOPIC_KEYS,
    "words": section_key(
        "Words and phrases, each under the loosest level at which it is blocked: what stands under relaxed is always "
        "blocked, what stands under strict is blocked at strict alone.",
        {level: _triggers(f"Blocked at {' and '.join(LEVELS[: rank + 1])}.") for rank, level in enumerate(LEVELS)},
    ),
    "except": COMMAND_KEYS["except"],
}
LIMIT_KEYS: Final[Mapping[str, Key]] = {
    "conversations": section_key(
        "How many sentences are answered in a while.",
        {
            "count": count_key("So many"),
            "within": duration_key("within this time.", "1h"),
            "rest": duration_key("Then the toy rests for so long.", "10m"),
            "replies": _replies("What it says when it goes to rest."),
        },
    ),
    "session": section_key(
        "How long a child and the toy talk without a break.",
        {
            "longest": duration_key("So long.", "30m"),
            "rest": duration_key("Then the toy rests for so long; a silence as long as this is a break, too.", "10m"),
            "replies": _replies("What it says when it goes to rest."),
        },
    ),
    "not_understood": section_key(
        "When the toy understands nothing, again and again.",
        {
            "in_a_row": count_key("At so many in a row it says something else."),
            "replies": _replies("What it says then: kindly, and with something to do."),
        },
    ),
    "violations": section_key(
        "When blocked topics come up again and again.",
        {
            "count": count_key("So many"),
            "within": duration_key("within this time", "5m"),
            "pause": duration_key("let the toy pause for so long.", "5m"),
            "alert": choice_key("How urgent the alert to the guardian is.", SEVERITIES, required=True),
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


WORD_KEYS: Final[Mapping[str, Key]] = {
    "fillers": texts_key("Words that are not listened to.", "word", empty=True),
    "variants": Key(
        {
            "type": "object",
            "additionalProperties": TEXT,
            "description": "Words that are said otherwise, each with what it is taken for: `wanna: want to`.",
        },
        _read_variants,
    ),
    "forms": Key(
        {
            "type": "object",
            "additionalProperties": {"anyOf": [TEXT, {"type": "array", "minItems": 1, "items": TEXT}]},
            "description": "Irregular forms, which no rule makes: `fall: [fell, fallen]`.",
        },
        _read_forms,
    ),
}

DOCUMENT_KEYS: Final[Mapping[str, Key]] = {
    "words": section_key("How spoken words are taken.", WORD_KEYS, required=False),
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
    "blocked_topics": section_key(
        "What the toy does not talk about, by category.",
        {name: section_key("Words, redirects and what follows.", BLOCKED_KEYS) for name in CATEGORIES},
    ),
    GUARDIAN_TOPICS: section_key("Words that a guardian has blocked for a child.", TOPIC_KEYS),
    "limits": section_key("How much is enough.", LIMIT_KEYS),
    "unknown": section_key("What is said when nothing was understood.", {"replies": _replies("What the toy may say.")}),
    "done": section_key(
        f"What is said when a language model did what it was asked for and says nothing; {DONE_REPLIES[0].text!r} when "
        "left out.",
        {"replies": _replies("What the toy may say.")},
        required=False,
    ),
    "persona_change": section_key(
        "How a child asks a toy to be somebody else, and what is said on the way. Without it, no words ask for that.",
        PERSONA_CHANGE_KEYS,
        required=False,
    ),
    "safe_mode": section_key("What is said on entering safe mode.", {"replies": _replies("What the toy may say.")}),
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
