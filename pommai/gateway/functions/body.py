"""The JSON of a call, read as strictly as the wire: the caller is a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pommai.errors import ProtocolError
from pommai.protocol.schema import brief
from pommai.protocol.strict_json import read_json

MOST_BYTES: Final = 1 << 20
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
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ProtocolError("the body is not JSON in UTF-8") from None
    value = read_json(text, "the body")
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
