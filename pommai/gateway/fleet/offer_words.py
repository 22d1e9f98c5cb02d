"""Offers of update bundles as gateways write them for each other in Redis. What is read there may be anybody's.

Every value begins with the number of its change, as 16 digits: of two such texts the later one begins higher. A
bundle's goes on with the number of when it was brought, and with a dash when it was withdrawn.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from pommai.bundle.container import MOST_FILE
from pommai.bundle.manifest import MOST_VERSION
from pommai.errors import ProtocolError
from pommai.gateway.fleet.wanted import HIGHEST
from pommai.gateway.offer_registers import Line, Mark, Word
from pommai.gateway.offers import Kept, Told
from pommai.protocol.messages import UpdateReport
from pommai.protocol.wire import decode_text

LONGEST: Final = 8192
"""Characters of one value. What is longer is nobody's of ours."""
WITHDRAWN: Final = "-"
OUTCOMES: Final = ("", "told", "taking", "taken", "refused", "unreachable")

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_DEVICE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MARK: Final = re.compile(r"([0-9]{16}) ([0-9]{16}) (.*)", re.DOTALL)
_VALUE: Final = re.compile(r"([0-9]{16}) (.*)", re.DOTALL)


def mark_text(mark: Mark) -> str:
    """As it is kept in Redis."""
    kept = mark.kept
    rest = [kept.size, kept.version, kept.device_type, kept.fleet, bool(kept.is_software), bool(kept.everybody)]
    return f"{mark.changed:016d} {kept.made:016d} {WITHDRAWN if mark.withdrawn else ''}{json.dumps(rest)}"


def read_mark(name: object, text: object) -> Mark | None:
    """A bundle; None when that is nonsense."""
    sha256, found = _text(name), _MARK.fullmatch(_text(text))
    if found is None or _HASH.fullmatch(sha256) is None:
        return None
    changed, made, withdrawn = int(found[1]), int(found[2]), found[3].startswith(WITHDRAWN)
    match _json(found[3].removeprefix(WITHDRAWN)):
        case [int(size), int(version), str(device_type), str(fleet), bool(is_software), bool(everybody)] if (
            0 < size <= MOST_FILE
            and 0 < version <= MOST_VERSION
            and _ID.fullmatch(device_type)
            and (fleet == "" or _ID.fullmatch(fleet))
            and 0 < made <= changed <= HIGHEST
        ):
            kept = Kept(sha256, size, version, device_type, fleet, is_software, everybody, made)
            return Mark(kept, changed, withdrawn)
    return None


def line_text(line: Line) -> str:
    """As it is kept in Redis."""
    told = line.told
    return f"{line.changed:016d} {json.dumps([told.at, told.times, told.outcome, told.reason])}"


def read_line(sha256: str, name: object, text: object) -> Line | None:
    """What is known of an offer to a toy; None when that is nonsense."""
    device_id, found = _text(name), _VALUE.fullmatch(_text(text))
    if found is None or _DEVICE.fullmatch(device_id) is None or not 0 < int(found[1]) <= HIGHEST:
        return None
    match _json(found[2]):
        case [None | int() as at, int(times), str(outcome), str(reason)] if (
            (at is None or 0 <= at <= HIGHEST)
            and 0 <= times <= HIGHEST
            and outcome in OUTCOMES
            and all(each.isprintable() for each in reason)
        ):
            return Line(sha256, device_id, int(found[1]), Told(at, times, outcome, reason))
    return None


def word_text(word: Word) -> str:
    """As it is kept in Redis."""
    return f"{word.changed:016d} {word.text}"


def read_word(name: object, text: object) -> Word | None:
    """What a toy has said last; None when that is nonsense."""
    device_id, found = _text(name), _VALUE.fullmatch(_text(text))
    if found is None or _DEVICE.fullmatch(device_id) is None or not 0 < int(found[1]) <= HIGHEST:
        return None
    try:
        report = decode_text(found[2])
    except ProtocolError:
        return None
    return Word(device_id, int(found[1]), found[2]) if isinstance(report, UpdateReport) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str:
    """As text; empty when it is too long or is none."""
    try:
        words = value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        return ""
    return words if len(words) <= LONGEST else ""
