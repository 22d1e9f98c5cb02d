"""What a toy may send to be kept: the fields that each kind of item needs, and how large it may be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Kind
from pommai.protocol.schema import brief

KINDS: Final[tuple[Kind, ...]] = (SAFETY, CONVERSATIONS, METRICS, LOGS)
"""The lists of a batch, the most urgent first."""
MOST_BYTES: Final = 32_768
"""Of one item, as JSON in UTF-8: ten minutes of talk."""
LONGEST_ID: Final = 128
"""Characters."""
LONGEST_NAME: Final = 128
"""Characters of a metric's name."""
LONGEST_REASON: Final = 4096
"""Characters of why a safety event happened."""

Check = Callable[[object], str]
"""What a value must be, when it is not; empty when it is."""


def _text(longest: int) -> Check:
    def check(value: object) -> str:
        fits = isinstance(value, str) and value.strip() and len(value) <= longest
        return "" if fits else f"text of 1 to {longest} characters"

    return check


def _words(value: object) -> str:
    return "" if isinstance(value, str) else "text"


def _toy_id(value: object) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value)
    return "" if fits else "an id of letters, digits, - and _"


def _finite(value: object) -> str:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return "" if fits else "a finite number"


NEEDED: Final[Mapping[Kind, Mapping[str, Check]]] = MappingProxyType(
    {
        SAFETY: {"reason": _text(LONGEST_REASON)},
        CONVERSATIONS: {"toy_id": _toy_id, "user_input": _words, "toy_response": _words},
        METRICS: {"name": _text(LONGEST_NAME), "value": _finite},
        LOGS: {},
    }
)
"""What an item must have beside its `id`. More is welcome and kept as it is."""


def is_id(value: object) -> bool:
    """Whether this can be the id of an item: 1..LONGEST_ID printable characters."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def as_text(item: Mapping[str, object]) -> str:
    """An item as it is kept: JSON."""
    return json.dumps(item, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def fault_of(kind: Kind, item: Mapping[str, object]) -> str:
    """Why an item cannot be kept, in words for whoever wrote the toy; empty when it can. `item` came over the wire."""
    if not is_id(item.get("id")):
        return f"id must be 1 to {LONGEST_ID} printable characters"
    for name, check in NEEDED[kind].items():
        if name not in item:
            return f"needs '{name}'"
        if wanted := check(item[name]):
            return f"{name} must be {wanted}, not {brief(item[name])}"
    size = len(as_text(item).encode())
    return "" if size <= MOST_BYTES else f"is {size} bytes long; at most {MOST_BYTES} are kept"
