"""Which update bundles toys are offered, and what has become of that: kept in the data file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pommai.errors import BundleError, ProtocolError
from pommai.gateway.data_file import DataFile
from pommai.protocol.messages import UpdateReport
from pommai.protocol.wire import decode_text, encode_message

MOST_KEPT: Final = 8
"""Bundles."""
MOST_REPORTS: Final = 20_000
"""Toys whose last word is remembered; of more, those that spoke last."""

_BUNDLES: Final = "SELECT sha256, size, version, device_type, fleet, software, everybody, made FROM bundles"
_TOLD: Final = "SELECT sha256, device, told, times, outcome, reason FROM offered"
_TELL: Final = """
    INSERT INTO offered (sha256, device, told, times, outcome) VALUES (?, ?, ?, 1, 'told')
    ON CONFLICT (sha256, device) DO UPDATE SET told = excluded.told, times = times + 1, outcome = 'told', reason = ''
"""
_NOTE: Final = """
    INSERT INTO offered (sha256, device, outcome, reason) SELECT sha256, ?, ?, ? FROM bundles WHERE sha256 = ?
    ON CONFLICT (sha256, device) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason
"""
_REPORT: Final = """
    INSERT INTO update_reports (device, said, report) VALUES (?, ?, ?)
    ON CONFLICT (device) DO UPDATE SET said = excluded.said, report = excluded.report
"""
_BOUND: Final = """
    DELETE FROM update_reports WHERE device IN
    (SELECT device FROM update_reports ORDER BY said DESC LIMIT -1 OFFSET ?)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle that is kept for toys. `sha256` and `size` are its file's."""

    sha256: str
    size: int
    version: int
    device_type: str
    fleet: str
    """Empty: all."""
    is_software: bool
    everybody: bool = False
    """It is offered to all toys that it is for, those too that come later."""
    made: int = 0
    """When it came, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one offer to one toy. `at`: when it was told last, in ms since 1970; None: never."""

    at: int | None = None
    times: int = 0
    outcome: str = ""
    """told, taking, taken, refused, or unreachable: nothing can be told to it."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """All of it, as it was when it was read."""

    kept: tuple[Kept, ...] = ()
    """The newest version first."""
    told: Mapping[str, Mapping[str, Told]] = field(default_factory=dict)
    """By the bundle's hash, then by the device: to whom it was offered by name, or told."""
    reports: Mapping[str, UpdateReport] = field(default_factory=dict)
    """By the device: what it has said last, perhaps long ago."""

    def of(self, sha256: str) -> Kept | None:
        """The bundle with this hash."""
        return next((kept for kept in self.kept if kept.sha256 == sha256), None)


class Offers:
    """Reads and writes it. Several gateways may use one file."""

    def __init__(self, data: DataFile) -> None:
        """`data` stays the caller's to close. All methods raise StoreError."""
        self._data = data

    async def read(self, *, reports: bool = True) -> Book:
        """All of it, or all but the reports of toys: of those there may be many."""
        async with self._data.reading() as database:
            kept = [Kept(*row) for row in await database.execute_fetchall(_BUNDLES)]
        kept.sort(key=lambda each: (-each.version, each.sha256))
        if not kept:
            return Book()
        rows: list[Any] = []
        async with self._data.reading() as database:
            lines = list(await database.execute_fetchall(_TOLD))
            if reports:
                rows = list(await database.execute_fetchall("SELECT device, report FROM update_reports"))
        return await asyncio.to_thread(_book, tuple(kept), lines, rows)

    async def find(self, sha256: str) -> Kept | None:
        """The bundle with this hash."""
        async with self._data.reading() as database:
            rows = list(await database.execute_fetchall(f"{_BUNDLES} WHERE sha256 = ?", (sha256,)))
        return Kept(*rows[0]) if rows else None

    async def keep(self, kept: Kept) -> None:
        """Remember a bundle, offered to nobody yet; one that is known stays as it is.

        Raises BundleError when there are MOST_KEPT.
        """
        async with self._data.transaction() as database:
            now = await self._data.keep_time(database)
            ((others,),) = await database.execute_fetchall(
                "SELECT count(*) FROM bundles WHERE sha256 != ?", (kept.sha256,)
            )
            if others >= MOST_KEPT:
                raise BundleError(f"this gateway keeps {MOST_KEPT} bundles; `pommai bundle withdraw` makes room")
            await database.execute(
                "INSERT OR IGNORE INTO bundles VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                (kept.sha256, kept.size, kept.version, kept.device_type, kept.fleet, kept.is_software, now),
            )

    async def offer(self, sha256: str, devices: Collection[str] | None) -> bool:
        """Offer a bundle to these devices, or with None to all. Who was told before and does not run it, is told again
        at once. False: there is no such bundle."""
        async with self._data.transaction() as database:
            known = "SELECT 1 FROM bundles WHERE sha256 = ?"
            if not list(await database.execute_fetchall(known, (sha256,))):
                return False
            again = "UPDATE offered SET told = NULL, times = 0, outcome = '', reason = '' WHERE sha256 = ?"
            not_busy = " AND outcome NOT IN ('told', 'taking')"
            if devices is None:
                await database.execute("UPDATE bundles SET everybody = 1 WHERE sha256 = ?", (sha256,))
                await database.execute(again + not_busy, (sha256,))
            else:
                rows = [(sha256, device) for device in devices]
                await database.executemany(again + " AND device = ?" + not_busy, rows)
                await database.executemany("INSERT OR IGNORE INTO offered (sha256, device) VALUES (?, ?)", rows)
        return True

    async def withdraw(self, sha256: str) -> bool:
        """Offer a bundle to nobody any more, and forget it. Whether it was known."""
        async with self._data.transaction() as database:
            return (await database.execute("DELETE FROM bundles WHERE sha256 = ?", (sha256,))).rowcount > 0

    async def tell(self, sha256: str, device_id: str) -> None:
        """A toy is told of a bundle at this moment."""
        async with self._data.transaction() as database:
            known = "SELECT 1 FROM bundles WHERE sha256 = ?"
            if list(await database.execute_fetchall(known, (sha256,))):
                await database.execute(_TELL, (sha256, device_id, await self._data.keep_time(database)))

    async def note(self, sha256: str, device_id: str, outcome: str, reason: str = "") -> None:
        """What has become of an offer to a toy."""
        async with self._data.transaction() as database:
            await database.execute(_NOTE, (device_id, outcome, reason, sha256))

    async def hear(self, reports: Mapping[str, UpdateReport]) -> None:
        """Toys, by their device ids, have said how they are: all in one go, for they may come in crowds."""
        async with self._data.transaction() as database:
            now = await self._data.keep_time(database)
            rows = [(device, now, encode_message(report)) for device, report in reports.items()]
            await database.executemany(_REPORT, rows)
            answers = [
                (device, report.outcome, report.reason, report.offer)
                for device, report in reports.items()
                if report.offer is not None and report.outcome
            ]
            await database.executemany(_NOTE, answers)
            await database.execute(_BOUND, (MOST_REPORTS,))


def _book(kept: tuple[Kept, ...], lines: list[Any], rows: list[Any]) -> Book:
    told: dict[str, dict[str, Told]] = {each.sha256: {} for each in kept}
    for sha256, device, *line in lines:
        told.setdefault(sha256, {})[device] = Told(*line)
    return Book(kept, told, {device: report for device, text in rows if (report := _report(text)) is not None})


def _report(text: str) -> UpdateReport | None:
    try:
        report = decode_text(text)
    except ProtocolError:
        return None
    return report if isinstance(report, UpdateReport) else None
