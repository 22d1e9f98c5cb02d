"""The lines of a gateway's offers in its data file, as gateways tell each other of them.

Each line is a register: a value and the number of its last change, which is a time in milliseconds where that can be,
and in any case higher than the number before. Of two values of one register the one with the higher number counts, so
gateways may tell each other in any order, and twice. A bundle that is withdrawn leaves a line that says so, lest a
gateway that was away brings it back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from pommai.gateway.data_file import DataFile
from pommai.gateway.offers import MOST_REPORTS, Kept, Told

BOUND_REPORTS: Final = """
    DELETE FROM update_reports WHERE device IN
    (SELECT device FROM update_reports ORDER BY said DESC LIMIT -1 OFFSET ?)
"""

_MARKS: Final = """
    SELECT sha256, size, version, device_type, fleet, software, everybody, made, changed, withdrawn FROM bundles
"""
_LINES: Final = "SELECT sha256, device, changed, told, times, outcome, reason FROM offered"
_BY: Final = "INDEXED BY offered_untold"  # of many lines, few are untold
_SET_MARK: Final = """
    INSERT INTO bundles
    (sha256, size, version, device_type, fleet, software, everybody, made, changed, withdrawn, untold)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, version = excluded.version,
    device_type = excluded.device_type, fleet = excluded.fleet, software = excluded.software,
    everybody = excluded.everybody, made = excluded.made, changed = excluded.changed, withdrawn = excluded.withdrawn,
    untold = excluded.untold
    WHERE excluded.changed >= changed
"""
_DROP_OLD: Final = """
    DELETE FROM offered WHERE sha256 = ?1
    AND (SELECT withdrawn OR offered.changed <= made FROM bundles WHERE sha256 = ?1)
"""
_SET_LINE: Final = """
    INSERT INTO offered (sha256, device, told, times, outcome, reason, changed, untold)
    SELECT sha256, ?, ?, ?, ?, ?, ?, ? FROM bundles WHERE sha256 = ? AND NOT withdrawn AND made < ?
    ON CONFLICT (sha256, device) DO UPDATE SET told = excluded.told, times = excluded.times,
    outcome = excluded.outcome, reason = excluded.reason, changed = excluded.changed, untold = excluded.untold
    WHERE excluded.changed >= changed
"""
_SET_REPORT: Final = """
    INSERT INTO update_reports (device, said, report, untold) VALUES (?, ?, ?, ?)
    ON CONFLICT (device) DO UPDATE SET said = excluded.said, report = excluded.report, untold = excluded.untold
    WHERE excluded.said >= said
"""
NOTHING: Final = Told()


@dataclass(frozen=True, slots=True)
class Mark:
    """The register of a bundle. `changed`, here and below, is the number of its last change."""

    kept: Kept
    changed: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The register of an offer to a toy. One that is no later than when its bundle came is of an earlier offer."""

    sha256: str
    device_id: str
    changed: int
    told: Told = NOTHING


@dataclass(frozen=True, slots=True)
class Word:
    """The register of what a toy has said last: JSON, as it was sent."""

    device_id: str
    changed: int
    text: str


class OfferRegisters:
    """Reads and writes them. All methods raise StoreError."""

    def __init__(self, data: DataFile) -> None:
        self._data = data

    async def mark(self, sha256: str) -> Mark | None:
        """The register of a bundle, also of one that was withdrawn."""
        rows = await self._select(f"{_MARKS} WHERE sha256 = ?", sha256)
        return None if not rows else _as_mark(rows[0])

    async def lines(self, sha256: str, devices: Sequence[str]) -> dict[str, Line]:
        """By the device, the registers of the offers of a bundle to these, as far as there are any."""
        words = f"{_LINES} WHERE sha256 = ? AND device IN (SELECT value FROM json_each(?))"
        return {line.device_id: line for line in map(_as_line, await self._select(words, sha256, json.dumps(devices)))}

    async def put_marks(self, marks: Sequence[Mark], untold: bool = True) -> None:
        """Take what is no older than what is known. `untold`: other gateways have yet to hear of it."""
        async with self._data.transaction() as database:
            for mark in marks:
                await database.execute(_SET_MARK, (*astuple(mark.kept), mark.changed, mark.withdrawn, untold))
                await database.execute(_DROP_OLD, (mark.kept.sha256,))

    async def put_lines(self, lines: Sequence[Line], untold: bool = True) -> None:
        """The same. What is of an earlier offer, or of a bundle that nobody offers, is passed over."""
        rows = [
            (each.device_id, *astuple(each.told), each.changed, untold, each.sha256, each.changed) for each in lines
        ]
        async with self._data.transaction() as database:
            await database.executemany(_SET_LINE, rows)

    async def put_words(self, words: Sequence[Word], untold: bool = True) -> None:
        """The same."""
        rows = [(each.device_id, each.changed, each.text, untold) for each in words]
        async with self._data.transaction() as database:
            await database.executemany(_SET_REPORT, rows)
            await database.execute(BOUND_REPORTS, (MOST_REPORTS,))

    # -- what others have yet to hear ------------------------------------------------------

    async def untold_marks(self) -> list[Mark]:
        """All of them."""
        return [_as_mark(row) for row in await self._select(f"{_MARKS} WHERE untold")]

    async def untold_lines(self, most: int) -> list[Line]:
        """Some of them, all of one bundle."""
        one = f"{_LINES} {_BY} WHERE untold AND sha256 = (SELECT min(sha256) FROM offered {_BY} WHERE untold) LIMIT ?"
        return [_as_line(row) for row in await self._select(one, most)]

    async def untold_words(self, most: int) -> list[Word]:
        """Some of them."""
        some = "SELECT device, said, report FROM update_reports WHERE untold LIMIT ?"
        return [Word(*row) for row in await self._select(some, most)]

    async def marks_were_told(self, marks: Sequence[Mark]) -> None:
        """Others have heard of these. What has changed meanwhile is untold all the same; so below."""
        rows = [(mark.kept.sha256, mark.changed) for mark in marks]
        await self._told("UPDATE bundles SET untold = 0 WHERE sha256 = ? AND changed = ?", rows)

    async def lines_were_told(self, lines: Sequence[Line]) -> None:
        """Others have heard of these."""
        rows = [(line.sha256, line.device_id, line.changed) for line in lines]
        await self._told("UPDATE offered SET untold = 0 WHERE sha256 = ? AND device = ? AND changed = ?", rows)

    async def words_were_told(self, words: Sequence[Word]) -> None:
        """Others have heard of these."""
        rows = [(word.device_id, word.changed) for word in words]
        await self._told("UPDATE update_reports SET untold = 0 WHERE device = ? AND said = ?", rows)

    async def tell_all(self) -> None:
        """Others may have forgotten everything."""
        async with self._data.transaction() as database:
            for table in ("bundles", "offered", "update_reports"):
                await database.execute(f"UPDATE {table} SET untold = 1 WHERE NOT untold")

    async def _told(self, update: str, rows: Sequence[tuple[object, ...]]) -> None:
        async with self._data.transaction() as database:
            await database.executemany(update, rows)

    async def _select(self, words: str, *values: object) -> list[Any]:
        async with self._data.reading() as database:
            return list(await database.execute_fetchall(words, values))


def _as_mark(row: Any) -> Mark:
    *kept, changed, withdrawn = row
    return Mark(Kept(*kept), changed, bool(withdrawn))


def _as_line(row: Any) -> Line:
    sha256, device_id, changed, *told = row
    return Line(sha256, device_id, changed, Told(*told))
