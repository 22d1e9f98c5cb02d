"""Words for people who wrote something that nobody knows, and what a duration says: for every floor of the house.

Apart from what reads files, because a toy that starts needs these and reads no YAML when it has seen its files before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

_DURATION = re.compile("".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in ("h", "m", "s", "ms")))


def quote(text: str) -> str:
    """Text as it is shown in a message: in quotes, on one line, shortened when long."""
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text[:60])
    return f"'{shown}…'" if len(text) > 60 else f"'{shown}'"


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, or None when nothing is near."""
    names = sorted(set(candidates))
    folded = {name.lower().replace("-", "_"): name for name in names}
    same = folded.get(word.lower().replace("-", "_"))
    if same is not None:
        return same
    import difflib  # late: most names are right

    found = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if found:
        return found[0]
    tail = [name for name in names if word and (name.endswith("." + word) or name.startswith(word + "_"))]
    return tail[0] if len(tail) == 1 else None


def did_you_mean(word: str, candidates: Collection[str]) -> str:
    """A hint for a name nobody knows: the probable one, else the names there are."""
    near = closest(word, candidates)
    if near is not None:
        return f"did you mean '{near}'?"
    if not candidates:
        return ""
    names = sorted(candidates)
    shown = ", ".join(names[:12])
    return f"known: {shown}, …" if len(names) > 12 else f"known: {shown}"


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as `250ms`, `2s`, `1.5s`, `1m30s`, `2h`; None when it is not one.

    >>> parse_duration("1m30s"), parse_duration("250ms"), parse_duration("fast")
    (90.0, 0.25, None)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part) if part else 0.0 for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    return total if math.isfinite(total) else None


def meant_duration(text: str) -> str | None:
    """The duration that somebody meant who wrote `10 s`, `10`, `5min` or `2 seconds`; two when it may be either.

    >>> meant_duration("5 min"), meant_duration("2,5"), meant_duration("160"), meant_duration("soon")
    ('5m', '2.5s', '160ms or 160s', None)
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-z]*)", text.replace(" ", "").replace(",", ".").lower())
    units = {"": "s", "sec": "s", "min": "m", "msec": "ms", "milli": "ms", "hr": "h", "hour": "h", "second": "s"}
    units |= {"minute": "m", "millisecond": "ms", "s": "s", "m": "m", "h": "h", "ms": "ms"}
    unit = None if match is None else units.get(match[2]) or units.get(match[2].rstrip("s"))
    if match is None or unit is None:
        return None
    if not match[2] and float(match[1]) >= 100:
        return f"{match[1]}ms or {match[1]}s"  # of a light, or of patience: nobody can tell
    return f"{match[1]}{unit}"
