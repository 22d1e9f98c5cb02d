"""Structs as the schema of JSON objects: reads them strictly, from the annotations of their fields.

Understands `str`, `int`, `float`, `bool`, `object` (any JSON), `X | None`, `Literal`, `tuple[X, ...]`,
`Mapping[str, X]`, Structs, and `Annotated` with the constraints of this module. Nothing is converted but a whole
number where a float is due. Whatever does not fit raises ProtocolError, which names the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin

from msgspec import Struct, structs

from pommai.errors import ProtocolError
from pommai.protocol.limits import MAX_DEPTH, MAX_INTEGER

T = TypeVar("T", bound=Struct)

Read = Callable[[object, str], Any]
"""Takes a JSON value and the name of where it stood; gives the value, or raises ProtocolError."""


class Wire(Struct, frozen=True):
    """How a field is spelt on the wire."""

    name: str


class Range(Struct, frozen=True):
    """A number in minimum..maximum."""

    minimum: float
    maximum: float

    def check(self, value: Any, where: str) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ProtocolError(f"{where} must be {self.minimum:g}..{self.maximum:g}, not {brief(value)}")


class Pattern(Struct, frozen=True):
    """Text that matches as a whole; `words` describe it."""

    expression: str
    words: str

    def check(self, value: Any, where: str) -> None:
        if re.fullmatch(self.expression, value, re.ASCII) is None:
            raise ProtocolError(f"{where} must be {self.words}, not {brief(value)}")


class Identified(Struct, frozen=True):
    """An object with an `id`."""

    def check(self, value: Any, where: str) -> None:
        _text(value.get("id"), f"{where}.id")


class Shape(Generic[T]):
    """What a Struct looks like as a JSON object."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    @cached_property
    def _fields(self) -> list[tuple[str, str, Read, bool]]:
        """Made at the first use: a toy that starts speaks of few of all there are."""
        return [
            (item.name, wire_name(item.type, item.name), _reader(item.type), not item.required)
            for item in structs.fields(self._kind)
        ]

    def read(self, value: object, where: str) -> T:
        """The Struct. Unknown keys are ignored. Raises ProtocolError."""
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} must be an object, not {brief(value)}")
        given: dict[str, object] = {}
        for name, wire, read, optional in self._fields:
            item = value.get(wire)
            if item is None and optional:
                continue
            if wire not in value:
                raise ProtocolError(f"{where} needs '{wire}'")
            given[name] = read(item, f"{where}.{wire}")
        return self._kind(**given)

    def write(self, value: T) -> dict[str, object]:
        """The JSON object. Fields that are None are left out. Does not check: read() what was written to know."""
        return cast(dict[str, object], _written(value))


def brief(value: object) -> str:
    """A value for a message: what a stranger sent, cut short."""
    shown = ascii(value) if isinstance(value, (str, int, float, bool)) or value is None else type(value).__name__
    return shown if len(shown) <= 60 else shown[:57] + "..."


def wire_name(hint: object, name: str) -> str:
    """How a field with this annotation is spelt on the wire."""
    constraints = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((item.name for item in constraints if isinstance(item, Wire)), name)


def _written(value: object) -> object:
    if isinstance(value, Struct):
        return {
            wire: _written(item)
            for name, wire in _wire_names(type(value))
            if (item := getattr(value, name)) is not None
        }
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_written(item) for item in value]
    return value


_NAMES: dict[type[Struct], tuple[tuple[str, str], ...]] = {}


def _wire_names(kind: type[Struct]) -> tuple[tuple[str, str], ...]:
    found = _NAMES.get(kind)
    if found is None:
        found = tuple((item.name, wire_name(item.type, item.name)) for item in structs.fields(kind))
        _NAMES[kind] = found
    return found


# -- one reader per kind of annotation -----------------------------------------------------


def _reader(hint: Any) -> Read:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _constrained(_reader(arguments[0]), [item for item in arguments[1:] if hasattr(item, "check")])
    if origin in (Union, UnionType):
        (inner,) = (item for item in arguments if item is not type(None))
        return _optional(_reader(inner))
    if origin is Literal:
        return _choice(arguments)
    if origin is tuple:
        return _list(_reader(arguments[0]))
    if origin is Mapping:
        return _object(_reader(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, Struct):
        return Shape(hint).read
    readers: dict[object, Read] = {str: _text, int: _integer, float: _real, bool: _boolean, object: _open}
    return readers[hint]


def _constrained(read: Read, constraints: list[Any]) -> Read:
    def checked(value: object, where: str) -> object:
        result = read(value, where)
        if result is not None:
            for constraint in constraints:
                constraint.check(result, where)
        return result

    return checked if constraints else read


def _optional(read: Read) -> Read:
    return lambda value, where: None if value is None else read(value, where)


def _choice(choices: tuple[object, ...]) -> Read:
    def read(value: object, where: str) -> object:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return value
        words = " or ".join(repr(choice) for choice in choices)
        raise ProtocolError(f"{where} must be {words}, not {brief(value)}")

    return read


def _list(read: Read) -> Read:
    def read_all(value: object, where: str) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} must be a list, not {brief(value)}")
        return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read_all


def _object(read: Read) -> Read:
    def read_all(value: object, where: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} must be an object, not {brief(value)}")
        return {_text(key, f"a key of {where}"): read(item, f"{where}.{key[:40]}") for key, item in value.items()}

    return read_all


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ProtocolError(f"{where} must be text, not {brief(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair: JSON can spell it, nobody can store it
            raise ProtocolError(f"{where} is not valid Unicode") from None
    return value


def _integer(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolError(f"{where} must be a whole number, not {brief(value)}")
    if abs(value) > MAX_INTEGER:
        raise ProtocolError(f"{where} is too large a number")
    return value


def _real(value: object, where: str) -> float:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ProtocolError(f"{where} must be a finite number")
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolError(f"{where} must be a number, not {brief(value)}")
    return float(_integer(value, where))


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ProtocolError(f"{where} must be true or false, not {brief(value)}")
    return value


def _open(value: object, where: str, depth: int = 0) -> object:
    """Any JSON value: its texts are Unicode, its numbers exact and finite, its nesting bounded."""
    if depth > MAX_DEPTH:
        raise ProtocolError(f"{where} is nested too deeply")
    if isinstance(value, dict):
        return {_text(key, f"a key of {where}"): _open(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_open(item, where, depth + 1) for item in value]
    if isinstance(value, str):
        return _text(value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return _real(value, where)
    return _integer(value, where)
