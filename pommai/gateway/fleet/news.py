"""What gateways write for each other in Redis, as values. What is read there may be anybody's, and is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from pommai.gateway.archive import Alert
from pommai.gateway.fleet.port import NAME, Order
from pommai.gateway.fleet.wanted import ALL, HIGHEST, Entry

LONGEST: Final = 4096
"""Bytes of one value. What is longer is nobody's of ours."""

_TOY: Final = r"[A-Za-z0-9_-]{1,128}"
_DEVICE: Final = r"[A-Za-z0-9_.:-]{1,128}"
_ENTRY: Final = re.compile(rf"([0-9]{{16}}) ({_TOY})")
_SEAT: Final = re.compile(rf"([0-9]{{16}}) ([0-9a-z]{{1,64}}) ({_TOY})")
_GATEWAY: Final = re.compile(rf"({NAME})#[0-9a-f]{{8}}")
_ID: Final = re.compile(r"[0-9a-f]{0,32}")


@dataclass(frozen=True, slots=True)
class Set:
    """Somebody has set who toys are to be; whoever set it waits for an answer when there is an id."""

    id: str
    where: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Ordered:
    """Somebody has given an order, and waits for an answer."""

    id: str
    order: Order


@dataclass(frozen=True, slots=True)
class Moved:
    """The toy of this session has connected to another gateway."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """How many toys were told by one gateway."""

    id: str
    told: int


News = Set | Ordered | Moved | Done


def entry_text(entry: Entry) -> str:
    """As it is kept in Redis: texts sort as entries do."""
    return f"{entry.revision:016d} {entry.toy_id}"


def read_entry(where: object, text: object) -> tuple[str, Entry] | None:
    """What was set, and for whom; None when that is nonsense."""
    device, words = _text(where), _text(text)
    found = _ENTRY.fullmatch(words)
    if found is None or not (device == ALL or re.fullmatch(_DEVICE, device)) or not 0 < int(found[1]) <= HIGHEST:
        return None
    return device, Entry(int(found[1]), found[2])


def read_seat(device: object, text: object) -> tuple[str, str, str] | None:
    """Device, session and toy; None when that is nonsense."""
    found, device_id = _SEAT.fullmatch(_text(text)), _text(device)
    if found is None or not re.fullmatch(_DEVICE, device_id):
        return None
    return device_id, found[2], found[3]


def read_gateway(text: object) -> tuple[str, str] | None:
    """A gateway as it calls itself in Redis, and its name; None when that is nonsense."""
    found = _GATEWAY.fullmatch(_text(text))
    return None if found is None else (found[0], found[1])


def order_text(order: Order) -> str:
    """As it is sent."""
    return json.dumps(asdict(order))


def read_news(fields: Mapping[object, object]) -> tuple[str, News] | None:
    """Who has written it, and what; None when that is nonsense."""
    words = {_text(name): _text(value) for name, value in fields.items()}
    gateway, id_ = read_gateway(words.get("from", "")), words.get("id", "")
    if gateway is None or _ID.fullmatch(id_) is None:
        return None
    news: News | None = None
    match words.get("kind"):
        case "wanted":
            found = read_entry(words.get("where", ""), words.get("entry", ""))
            news = None if found is None else Set(id_, *found)
        case "order":
            order = _order(words.get("order", ""))
            news = None if order is None else Ordered(id_, order)
        case "moved":
            news = Moved(words.get("session", ""))
        case "done" if re.fullmatch(r"[0-9]{1,9}", words.get("told", "")):
            news = Done(id_, int(words["told"]))
    return None if news is None else (gateway[0], news)


def alert_fields(alert: Alert, me: str, id_: str) -> dict[str, str]:
    """As it is sent."""
    return {"from": me, "id": id_, **{name: str(value) for name, value in alert._asdict().items()}}


def read_alert(fields: Mapping[object, object]) -> tuple[str, str, Alert] | None:
    """Who has written it, its id, and the alert; None when that is nonsense."""
    words = {_text(name): _text(value) for name, value in fields.items()}
    gateway, id_ = read_gateway(words.get("from", "")), words.get("id", "")
    parts = [words.get(name, "") for name in Alert._fields]
    if gateway is None or not id_ or _ID.fullmatch(id_) is None or not all(part.isprintable() for part in parts):
        return None
    severity, device_id = words.get("severity", ""), words.get("device_id", "")
    if not re.fullmatch(r"\S{1,300}", severity) or not re.fullmatch(_DEVICE, device_id):
        return None
    return gateway[0], id_, Alert(*parts)


def _order(text: str) -> Order | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match found:
        case {
            "kind": "pause" | "resume" | "volume" | "restart" | "reset" as kind,
            "seconds": int() | float() as seconds,
            "message": str(message),
            "percent": int(percent),
            "device_id": (None | str()) as device_id,
        } if 0 <= seconds <= 86_400 and 0 <= percent <= 100:
            if re.fullmatch(_DEVICE, device_id) if device_id is not None else kind not in ("restart", "reset"):
                return Order(kind, float(seconds), message, int(percent), device_id)
    return None


def _text(value: object) -> str:
    """A value of Redis as text; empty when it is none, or too long."""
    if isinstance(value, bytes) and len(value) <= LONGEST:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ""
    return value if isinstance(value, str) and len(value) <= LONGEST else ""
