"""What may stand at a key of a file: kinds of values, each with how it is read and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pommai.source import Key, Node, Reader, quote

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""What a sound, a model or a light pattern may be called: a bare name, which leads out of no folder."""


def section(reader: Reader, node: Node, what: str, keys: Mapping[str, Key]) -> dict[str, Any]:
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


def text(words: str, *, required: bool = True) -> Key:
    """Text; line breaks and runs of spaces in it become one space."""

    def read(reader: Reader, node: Node, what: str) -> str | None:
        found = reader.text(node, what)
        return None if found is None else " ".join(found.split())

    return Key({"type": "string", "pattern": r"\S", "description": words}, read, required)


def number(words: str, minimum: float, maximum: float, *, required: bool = True) -> Key:
    """A number in minimum..maximum."""

    def read(reader: Reader, node: Node, what: str) -> float | None:
        return reader.number(node, what, minimum, maximum)

    return Key({"type": "number", "minimum": minimum, "maximum": maximum, "description": words}, read, required)


def integer(words: str, minimum: int, maximum: int, *, required: bool = True) -> Key:
    """A whole number in minimum..maximum."""

    def read(reader: Reader, node: Node, what: str) -> int | None:
        return reader.integer(node, what, minimum, maximum)

    return Key({"type": "integer", "minimum": minimum, "maximum": maximum, "description": words}, read, required)


def boolean(words: str, *, required: bool = True) -> Key:
    """true or false."""
    return Key({"type": "boolean", "description": words}, Reader.boolean, required)


def choice(words: str, choices: Collection[str], *, required: bool = True) -> Key:
    """One of some words."""

    def read(reader: Reader, node: Node, what: str) -> str | None:
        return reader.choice(node, what, choices)

    return Key({"enum": list(choices), "description": words}, read, required)


def texts(words: str, one: str, *, required: bool = True) -> Key:
    """A list of texts, each of which is `one`, such as "a topic"."""

    def read(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
        found = [reader.text(item, f"{one} in {what}") for item in reader.sequence(node, what) or ()]
        return tuple(" ".join(each.split()) for each in found if each is not None)

    item = {"type": "string", "pattern": r"\S"}
    return Key({"type": "array", "items": item, "description": words}, read, required)


def names(words: str, one: str, *, required: bool = True, most: int | None = None) -> Key:
    """A list of bare names (NAME), `most` at most, each of which is `one`, such as "a sound"."""

    def read(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
        items = reader.sequence(node, what) or ()
        if most is not None and len(items) > most:
            reader.problem(node, f"{what} has {len(items)} names", f"{most} at most")
        found = [_name(reader, item, f"{one} in {what}") for item in items]
        return tuple(each for each in found if each is not None)

    item = {"type": "string", "pattern": f"^{NAME}$"}
    limit = {} if most is None else {"maxItems": most}
    return Key({"type": "array", "items": item, **limit, "description": words}, read, required)


def names_for_names(words: str, one: str, *, required: bool = True) -> Key:
    """A mapping of bare names (NAME) to bare names, all of which are `one`, such as "a light pattern"."""

    def read(reader: Reader, node: Node, what: str) -> dict[str, str]:
        found = [
            (_name(reader, key, f"{one} in {what}"), _name(reader, value, f"{one} in {what}"))
            for key, value in reader.mapping(node, what) or ()
        ]
        return {key: value for key, value in found if key is not None and value is not None}

    name = {"pattern": f"^{NAME}$"}
    values = {"type": "string", **name}
    schema = {"type": "object", "propertyNames": name, "additionalProperties": values, "description": words}
    return Key(schema, read, required)


def _name(reader: Reader, node: Node, what: str) -> str | None:
    found = reader.text(node, what)
    if found is None or re.fullmatch(NAME, found):
        return found
    folders = "/" in found or "\\" in found
    hint = "write a bare name, without a folder" if folders else "letters, digits, -, _ and ., 64 at most"
    reader.problem(node, f"{what} cannot be {quote(found)}", hint)
    return None
