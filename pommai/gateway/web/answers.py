"""What goes out by HTTP, and what comes in: JSON both ways, and a sentence for whoever has made a mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from pommai.source import did_you_mean

LONGEST_TEXT: Final = 500
"""Characters in one text of an order."""

_NAMES: Final[Mapping[type, str]] = {str: "a text", int: "a whole number", bool: "true or false", list: "a list"}


class RequestError(Exception):
    """A request that is answered with an error: what is wrong, and how to put it right."""

    def __init__(self, status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint
        self.headers = headers or {}

    def answer(self) -> web.Response:
        """What is sent."""
        return answer({"error": self.error, "hint": self.hint}, self.status, self.headers)


def answer(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A value as JSON, on a line of its own: in ASCII, so that a stranger's words in it disturb no terminal."""
    text = json.dumps(value) + "\n"
    return web.Response(text=text, status=status, headers=headers, content_type="application/json")


async def read_order(request: web.Request, *required: str, **kinds: type) -> dict[str, Any]:
    """The JSON object in a request: these keys and no others, each of its kind; those not required may be missing.

    Nothing at all is an empty object. Raises RequestError (400), or when it is too large what aiohttp raises (413).
    """
    try:
        value = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise RequestError(400, "what you sent is no JSON", f"send an object with: {_keys(kinds)}") from None
    if not isinstance(value, dict):
        raise RequestError(400, "what you sent is no JSON object", f"send an object with: {_keys(kinds)}")
    for key in value.keys() - kinds.keys():
        raise RequestError(400, f"'{key[:LONGEST_TEXT]}' is not known here", did_you_mean(key, kinds.keys()))
    found = {key: value[key] for key in kinds if value.get(key) is not None}
    for key in required:
        if key not in found:
            raise RequestError(400, f"'{key}' is missing", f"send an object with: {_keys(kinds)}")
    for key, given in found.items():
        if type(given) is not kinds[key]:
            raise RequestError(400, f"'{key}' must be {_NAMES[kinds[key]]}")
        if isinstance(given, str) and not 0 < len(given) <= LONGEST_TEXT:
            raise RequestError(400, f"'{key}' must have 1 to {LONGEST_TEXT} characters")
        if isinstance(given, str) and re.search(r"[\ud800-\udfff]", given):
            raise RequestError(400, f"'{key}' holds half a character", "half of a surrogate pair is no text")
    return found


def read_number(request: web.Request, name: str, default: int, most: int) -> int:
    """A whole number 1..most of the query. Raises RequestError (400)."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise RequestError(400, f"{name} must be a whole number from 1 to {most}")
    return int(text)


def _keys(kinds: Mapping[str, type]) -> str:
    return ", ".join(f'"{key}" ({_NAMES[kind]})' for key, kind in kinds.items()) or "nothing in it"
