"""JSON of a stranger, read as strictly wherever it comes in: over the wire, or as a call of the cloud's functions."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from pommai.errors import ProtocolError
from pommai.protocol.limits import MAX_ITEMS, MAX_LISTS
from pommai.protocol.schema import brief

LONGEST_NUMBER: Final = 400
"""Digits: more than any number has that a float can hold."""


def read_json(text: str, what: str) -> object:
    """Any JSON value. `what` is read, for the error: a message, the body.

    Raises ProtocolError for what is no JSON, has too many parts, names that come twice, or numbers that are none. How
    deep it is nested, and whether its texts are Unicode, is looked at where its parts are read.
    """
    check_parts(text, what)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except _WrongError as caught:
        raise ProtocolError(f"{what} has {caught}") from None
    except RecursionError:
        raise ProtocolError(f"{what} is nested too deeply") from None
    except ValueError as caught:
        raise ProtocolError(f"{what} is not JSON: {brief(str(caught))}") from None


def check_parts(text: str, what: str) -> None:
    """Counted before it is read, for that takes a hundredth of the time: a megabyte of brackets holds up everybody.

    Raises ProtocolError.
    """
    if len(text) <= MAX_LISTS:
        return
    if text.count("[") + text.count("{") > MAX_LISTS or text.count(",") > MAX_ITEMS:
        raise ProtocolError(f"{what} has too many parts; at most {MAX_LISTS} lists and {MAX_ITEMS} items are read")


class _WrongError(Exception):
    """What a reader of JSON would let pass."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _WrongError("an object with the same name twice: readers would not agree on which counts")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _WrongError(f"{name}, which is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _WrongError("too large a number")
    return value


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise _WrongError("too large a number")
    return int(text)
