"""The JSON of a call, read as strictly as the wire: the caller is a stranger."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pommai.errors import ProtocolError
from pommai.protocol.schema import brief

MOST_BYTES: Final = 1 << 20
LONGEST_NUMBER: Final = 400
"""Digits: more than any number has that a float can hold."""
PLAIN: Final = "json"
ENCODED: Final = "convex_encoded_json"
"""Of Convex's own clients. Here it differs in one thing: every number has a point, for one without is none to them."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is called, with what."""

    path: str
    args: Mapping[str, object]
    encoded: bool = False
    """Whether the value is to be ENCODED."""


def read_call(data: bytes) -> Call:
    """The call in a body. Raises ProtocolError, in words for whoever wrote the client."""
    value = read_json(data)
    if not isinstance(value, dict):
        raise ProtocolError("the body must be an object with 'path' and 'args'")
    path, args = value.get("path"), value.get("args", {})
    if not isinstance(path, str):
        raise ProtocolError("the body must have a 'path', such as toys:getConfiguration")
    if isinstance(args, list) and len(args) == 1:  # so Convex's client for JavaScript does it
        args = args[0]
    if not isinstance(args, dict):
        raise ProtocolError(f"'args' must be an object, not {brief(args)}")
    if (written := value.get("format", PLAIN)) not in (PLAIN, ENCODED):
        raise ProtocolError(f"'format' must be json, not {brief(written)}")
    return Call(path, args, written == ENCODED)


def encoded(value: object) -> object:
    """A value of a function as ENCODED."""
    if isinstance(value, Mapping):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read_json(data: bytes) -> object:
    """Any JSON value. Raises ProtocolError for what is no JSON, names that come twice, and numbers that are none.

    How deep it is nested, and whether its texts are Unicode, is looked at where its parts are read.
    """
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except ProtocolError:
        raise
    except RecursionError:
        raise ProtocolError("the body is nested too deeply") from None
    except ValueError as caught:
        raise ProtocolError(f"the body is not JSON in UTF-8: {brief(str(caught))}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProtocolError("the body has an object with the same name twice: readers would not agree on which counts")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ProtocolError(f"the body has {name}, which is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError("the body has too large a number")
    return value


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ProtocolError("the body has too large a number")
    return int(text)
