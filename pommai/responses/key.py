"""A key of `offline_responses.yaml`: its JSON Schema (draft 2020-12), and how what stands there is read.

What a schema cannot say (ranges of durations, what belongs together) the loader holds to, and the descriptions say it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pommai.source import Fragment, Key, Node, Reader, object_schema

TEXT: Final[Fragment] = {"type": "string", "pattern": r"\S"}
"""Any text that is not empty."""

DURATION: Final = r"^(?=.)([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?$"
LONGEST_S: Final = 86_400.0
MOST: Final = 1_000
"""Highest count of a limit."""
LONGEST_REPLY: Final = 400
"""Characters: about 25 s of speech, after which no child listens."""


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
        """What was read at a key."""
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


def check_length(reader: Reader, text: Written, what: str) -> None:
    """Note that something the toy says is too long."""
    if len(text.text) > LONGEST_REPLY:
        message = f"{what} has {len(text.text)} characters, more than {LONGEST_REPLY}"
        reader.problem(text.at, message, "a child stops listening long before; make two replies of it")


# -- what a key may hold -------------------------------------------------------------------


def section_key(words: str, keys: Mapping[str, Key], *, required: bool = True) -> Key:
    """A mapping with these keys; read as a Section."""

    def read(reader: Reader, node: Node, what: str) -> Section:
        return read_section(reader, node, what, keys)

    return Key({**object_schema(keys), "description": words}, read, required)


def sections_key(words: str, noun: str, owner: str, keys: Mapping[str, Key], *, required: bool = False) -> Key:
    """At least one mapping with these keys, each a `noun` of `owner`; read as a tuple of Sections."""

    def read(reader: Reader, node: Node, what: str) -> tuple[Section, ...]:
        items = reader.sequence(node, what)
        if items == ():
            otherwise = "leave out the section" if required else "leave the key out"
            reader.problem(node, f"{what} is empty", f"write at least one {noun}, or {otherwise}")
        return tuple(
            read_section(reader, item, f"{noun} {number} of {owner}", keys)
            for number, item in enumerate(items or (), start=1)
        )

    return Key({"type": "array", "minItems": 1, "items": object_schema(keys), "description": words}, read, required)


def choice_key(words: str, choices: Collection[str], default: str | None = None, *, required: bool = False) -> Key:
    """One of some words; read as that word."""

    def read(reader: Reader, node: Node, what: str) -> str | None:
        return reader.choice(node, what, choices)

    schema: Fragment = {"enum": list(choices), "description": words}
    return Key(schema if default is None else {**schema, "default": default}, read, required)


def boolean_key(words: str, *, required: bool = False) -> Key:
    """`true` or `false`."""
    return Key({"type": "boolean", "description": words}, Reader.boolean, required)


def count_key(words: str) -> Key:
    """A whole number from 1 to MOST, which must be there."""

    def read(reader: Reader, node: Node, what: str) -> int | None:
        return reader.integer(node, what, 1, MOST)

    return Key({"type": "integer", "minimum": 1, "maximum": MOST, "description": words}, read, required=True)


def duration_key(words: str, *examples: str) -> Key:
    """A time from 1 s to LONGEST_S, which must be there; read as seconds."""

    def read(reader: Reader, node: Node, what: str) -> float | None:
        return reader.duration(node, what, 1.0, LONGEST_S)

    schema = {"type": "string", "pattern": DURATION, "examples": list(examples), "description": f"{words} 1s to 24h."}
    return Key(schema, read, required=True)


def text_key(words: str) -> Key:
    """A text, which must be there; read as Written, with single blanks."""

    def read(reader: Reader, node: Node, what: str) -> Written | None:
        text = reader.text(node, what)
        return None if text is None else Written(" ".join(text.split()), node)

    return Key({**TEXT, "description": words}, read, required=True)


def texts_key(words: str, noun: str, item: Fragment = TEXT, *, required: bool = False, empty: bool = False) -> Key:
    """A list of texts, each a `noun` with the schema `item`; read as a tuple of Written."""
    otherwise = "" if required else ", or leave the key out"

    def read(reader: Reader, node: Node, what: str) -> tuple[Written, ...]:
        items = reader.sequence(node, what)
        if items == () and not empty:
            reader.problem(node, f"{what} is empty", f"write at least one {noun}{otherwise}")
        texts = ((reader.text(item, f"a {noun} in {what}"), item) for item in items or ())
        return tuple(Written(text, item) for text, item in texts if text is not None)

    schema: Fragment = {"type": "array", "items": item, "description": words}
    return Key(schema if empty else {**schema, "minItems": 1}, read, required)
