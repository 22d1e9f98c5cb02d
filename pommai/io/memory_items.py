"""What is kept of an item, and how it looks to the server. No disk here: both memories share it.

Whatever comes in is made fit to be sent: JSON within the protocol's limits, small enough that a full batch fits into
one message, and never sound.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
import logging
import math
import secrets
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct, structs

from pommai.io.clock import is_before_this_make, to_milliseconds, to_text
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Kind, Stamp
from pommai.protocol.limits import MAX_INTEGER
from pommai.protocol.messages import Conversation, SyncBatch
from pommai.protocol.schema import Shape

logger = logging.getLogger(__name__)

BATCH_ITEMS = 50
BODY_BYTES = 16 * 1024
"""Of one item as JSON: 50 of them, and what is put beside them, stay below the 1 MiB of a message."""
TEXT_BYTES = 4096
"""Of one text within an item. A child's sentence has some 60; a long story some 3,000."""
KEPT_CONVERSATIONS = 100
KINDS: tuple[Kind, ...] = (SAFETY, CONVERSATIONS, METRICS, LOGS)
DEFAULT_DAYS: Mapping[str, int] = {CONVERSATIONS: 30, SAFETY: 90, METRICS: 7, LOGS: 7}
"""How long each kind is kept where no guardian has said."""

_MAX_ID = 128
_MAX_ENTRIES = 64
_MAX_DEPTH = 6
_URGENT = frozenset({"urgent", "critical", "high", "emergency"})
_CONVERSATION = Shape(Conversation)

# -- when it was ---------------------------------------------------------------------------

TimeSource = Literal[0, 1, 2, 3]
UNKNOWN: Literal[0] = 0
"""Told by a clock that nobody vouches for."""
TRUSTED: Literal[1] = 1
WORKED_OUT: Literal[2] = 2
"""From the machine's uptime, when the clock became trusted later in the same run of the machine."""
NO_LATER: Literal[3] = 3
"""It happened in an earlier run, whose clock was never trusted: at the latest when this run began."""


class Moment(NamedTuple):
    """When something was kept: milliseconds since 1970 with their source, and the run of the machine and its uptime."""

    wall: int
    source: TimeSource
    boot: str
    uptime: float


def moment(stamp: Stamp, boot: str, uptime: float) -> Moment:
    """The moment of a stamp."""
    wall = to_milliseconds(stamp.text)
    return Moment(wall or 0, TRUSTED if stamp.trusted and wall is not None else UNKNOWN, boot, uptime)


# -- items ---------------------------------------------------------------------------------


class Item(Struct, frozen=True):
    """Something kept for the guardian and for the server. Ordered by `sequence`, never by time."""

    sequence: int
    kind: Kind
    id: str
    priority: int
    """0 is the most urgent. The least urgent are dropped first where there is no room."""
    body: str
    """JSON object."""
    moment: Moment

    def for_server(self) -> dict[str, object]:
        """The JSON object that is sent: the body, with the best that is known about when it was."""
        body: dict[str, object] = json.loads(self.body)
        wall, source = self.moment.wall, self.moment.source
        told = to_milliseconds(body.get("timestamp"))
        if source in (WORKED_OUT, NO_LATER) or told is None or (source == TRUSTED and is_before_this_make(told)):
            body["timestamp"] = to_text(wall)
        trusted = source in (TRUSTED, WORKED_OUT)
        return {**body, "id": self.id, "sequence": self.sequence, "clock_trusted": trusted}


class ItemMaker:
    """Makes items, in sequence."""

    def __init__(self, next_sequence: int = 1) -> None:
        self.next_sequence = next_sequence
        self._run = secrets.token_hex(8)

    def conversation(self, conversation: Conversation, when: Moment) -> Item | None:
        """None when it cannot be kept; the log says why."""
        return self._make(CONVERSATIONS, 5, _CONVERSATION.write(conversation), when)

    def safety_event(self, event: Mapping[str, object], when: Moment) -> Item | None:
        urgent = str(event.get("severity", "")).lower() in _URGENT
        return self._make(SAFETY, 0 if urgent else 1, event, when)

    def metric(self, name: str, value: float, when: Moment) -> Item | None:
        return self._make(METRICS, 9, {"name": name, "value": float(value)}, when)

    def log(self, level: str, event: str, fields: Mapping[str, object], when: Moment) -> Item | None:
        return self._make(LOGS, 8, {"level": level, "event": event, "fields": fields}, when)

    def _make(self, kind: Kind, priority: int, body: Mapping[str, object], when: Moment) -> Item | None:
        clean = fit(body)
        if kind == METRICS and clean.get("value") is None:
            logger.error("not kept", extra={"kind": kind, "reason": f"the value of {clean.get('name')} is no number"})
            return None
        sequence = self.next_sequence
        item_id = clean.pop("id", None)
        if not isinstance(item_id, str) or not 0 < len(item_id) <= _MAX_ID:
            item_id = f"{kind[0]}-{self._run}-{sequence}"  # unique over restarts: the run is 64 random bits
        self.next_sequence = sequence + 1
        return Item(sequence, kind, item_id, priority, _dump(clean), when)


def moved_behind(item: Item, sequence: int) -> Item:
    """The same item at another place in the sequence."""
    return structs.replace(item, sequence=sequence)


def batch_of(items: Iterable[Item]) -> SyncBatch | None:
    """The message that carries items, or None when there are none. Its id depends on the items alone: the same items
    make the same batch.
    """
    lists: dict[str, list[Mapping[str, object]]] = {kind: [] for kind in KINDS}
    digest = hashlib.sha256()
    some = False
    for item in items:
        lists[item.kind].append(item.for_server())
        digest.update(f"{item.id}\n".encode())
        some = True
    if not some:
        return None
    return SyncBatch(digest.hexdigest()[:32], **{kind: tuple(found) for kind, found in lists.items()})


def is_due(item: Item) -> tuple[int, int]:
    """Sorts what waits: the most urgent first, then the oldest."""
    return item.priority, item.sequence


# -- making fit ----------------------------------------------------------------------------


def fit(body: Mapping[str, object]) -> dict[str, object]:
    """An object that the protocol carries, of at most BODY_BYTES: long texts are cut, what JSON cannot say is left out.

    Bytes are left out, wherever they stand: no sound is ever written.
    """
    # What matters most is looked at first: there may be no room for the rest.
    ordered = {key: body[key] for key in _ESSENTIAL if key in body} | dict(body)
    room = _Room()
    clean = _fit(ordered, "", 0, room)
    assert isinstance(clean, dict)
    if room.refused:
        logger.error("left out of memory", extra={"field": room.refused[0], "fields": len(room.refused)})
    longest = TEXT_BYTES
    while _size(clean) > BODY_BYTES:
        longest //= 2
        if longest < 64:  # many small parts: keep what matters
            return {key: clean[key] for key in _ESSENTIAL if isinstance(clean.get(key), str | int | float)}
        clean = _shortened(clean, longest)
    return clean


_ESSENTIAL = ("id", "reason", "severity", "timestamp", "name", "value", "toy_id", "user_input", "toy_response",
              "level", "event")  # fmt: skip
_LEFT_OUT = object()


def cut(text: str, most: int) -> str:
    """Text of at most so many bytes as JSON, without half a character at its end."""
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair: JSON can spell it, nobody can store it
    if len(text) * 6 <= most:  # the longest that JSON makes of a character
        return text
    text = text[: most + 1]
    if _size(text) <= most:
        return text
    end = bisect.bisect_right(range(len(text)), most - 3, key=lambda length: _size(text[:length])) - 1
    return text[: max(0, end)] + "…"


def _size(value: object) -> int:
    """Bytes as JSON, without the quotes of a text."""
    return len(_dump(value).encode()) - 2 * isinstance(value, str)


class _Room:
    """How much is looked at before it is cut to size: a stranger's heap of texts costs no more than a few of them."""

    def __init__(self) -> None:
        self.left = 4 * BODY_BYTES
        self.refused: list[str] = []
        """What was left out: where it stood, and its type."""


def _fit(value: object, where: str, depth: int, room: _Room) -> object:
    room.left -= 8
    if room.left <= 0:
        return _LEFT_OUT
    if isinstance(value, str):
        text = cut(value, TEXT_BYTES)
        room.left -= len(text)
        return text
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping) and depth <= _MAX_DEPTH:
        pairs = [(cut(str(key), 128), item) for key, item in itertools.islice(value.items(), _MAX_ENTRIES)]
        found = {key: _fit(item, f"{where}.{key}".lstrip("."), depth + 1, room) for key, item in pairs}
        return {key: item for key, item in found.items() if item is not _LEFT_OUT}
    if isinstance(value, list | tuple) and depth <= _MAX_DEPTH:
        listed = [_fit(item, f"{where}[{index}]", depth + 1, room) for index, item in enumerate(value[:_MAX_ENTRIES])]
        return [item for item in listed if item is not _LEFT_OUT]
    room.refused.append(f"{where[:80]}: {type(value).__name__}")
    return _LEFT_OUT


def _shortened(value: dict[str, object], longest: int) -> dict[str, object]:
    def shorter(part: object) -> object:
        if isinstance(part, str):
            return cut(part, longest)
        if isinstance(part, dict):
            return {key: shorter(item) for key, item in part.items()}
        if isinstance(part, list):
            return [shorter(item) for item in part]
        return part

    return {key: item if key == "id" else shorter(item) for key, item in value.items()}


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _dump(value: object) -> str:
    return _ENCODER.encode(value)
