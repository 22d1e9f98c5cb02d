"""The offers of one gateway, in its data file; also the working copy of one that shares its offers with a fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pommai.errors import BundleError, ProtocolError
from pommai.gateway.data_file import DataFile
from pommai.gateway.offer_registers import BOUND_REPORTS, Line, Mark, OfferRegisters
from pommai.gateway.offers import MOST_KEPT, MOST_REPORTS, Book, Kept, Offers, Told
from pommai.protocol.messages import UpdateReport
from pommai.protocol.wire import decode_text, encode_message

BUSY: Final = ("told", "taking")
"""Toys of which an answer is awaited: they are not told again at once."""

_BUNDLES: Final = "SELECT sha256, size, version, device_type, fleet, software, everybody, made FROM bundles"
_KNOWN: Final = f"{_BUNDLES} WHERE NOT withdrawn"
_TOLD: Final = "SELECT sha256, device, told, times, outcome, reason FROM offered"
_TELL: Final = """
    INSERT INTO offered (sha256, device, told, times, outcome, changed, untold)
    SELECT sha256, ?, ?, 1, 'told', max(?, made + 1), 1 FROM bundles WHERE sha256 = ? AND NOT withdrawn
    ON CONFLICT (sha256, device) DO UPDATE SET told = excluded.told, times = times + 1, outcome = 'told', reason = '',
    changed = max(excluded.changed, changed + 1), untold = 1
"""
_NOTE: Final = """
    INSERT INTO offered (sha256, device, told, times, outcome, reason, changed, untold)
    SELECT sha256, ?, ?, ?, ?, ?, max(?, made + 1), 1 FROM bundles WHERE sha256 = ? AND NOT withdrawn
    ON CONFLICT (sha256, device) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,
    changed = max(excluded.changed, changed + 1), untold = 1
"""
_AGAIN: Final = f"""
    UPDATE offered SET told = NULL, times = 0, outcome = '', reason = '', changed = max(?, changed + 1), untold = 1
    WHERE sha256 = ? AND outcome NOT IN {BUSY}
"""
_REPORT: Final = """
    INSERT INTO update_reports (device, said, report, untold) VALUES (?, ?, ?, 1)
    ON CONFLICT (device) DO UPDATE SET said = max(excluded.said, said + 1), report = excluded.report, untold = 1
"""


class FileOffers(Offers):
    """Reads and writes it. Several gateways may use one file."""

    def __init__(self, data: DataFile) -> None:
        """`data` stays the caller's to close."""
        self._data = data
        self.registers = OfferRegisters(data)

    @property
    def missing(self) -> str:
        return ""

    def now(self) -> int:
        return self._data.clock.now()

    def is_coming(self, sha256: str) -> bool:
        return False  # there is nobody else it could come from

    async def read(self, *, reports: bool = True) -> Book:
        kept = list(await self.kept())
        kept.sort(key=lambda each: (-each.version, each.sha256))
        if not kept:
            return Book()
        rows: list[Any] = []
        async with self._data.reading() as database:
            lines = list(await database.execute_fetchall(_TOLD))
            if reports:
                rows = list(await database.execute_fetchall("SELECT device, report FROM update_reports"))
        return await asyncio.to_thread(_book, tuple(kept), lines, rows)

    async def kept(self) -> tuple[Kept, ...]:
        """The bundles, in any order."""
        async with self._data.reading() as database:
            return tuple(Kept(*row) for row in await database.execute_fetchall(_KNOWN))

    async def find(self, sha256: str) -> Kept | None:
        mark = await self.registers.mark(sha256)
        return None if mark is None or mark.withdrawn else mark.kept

    async def keep(self, kept: Kept) -> None:
        before = await self.registers.mark(kept.sha256)
        if before is not None and not before.withdrawn:
            return
        if len(await self.kept()) >= MOST_KEPT:
            raise BundleError(f"this gateway keeps {MOST_KEPT} bundles; `pommai bundle withdraw` makes room")
        made = max(self.now(), 0 if before is None else before.changed + 1)
        await self._change(Mark(replace(kept, everybody=False, made=made), made))

    async def offer(self, sha256: str, devices: Collection[str] | None) -> bool:
        mark = await self.registers.mark(sha256)
        if mark is None or mark.withdrawn:
            return False
        if devices is None:
            await self._change(Mark(replace(mark.kept, everybody=True), self._after(mark.changed)))
            async with self._data.transaction() as database:
                await database.execute(_AGAIN, (self.now(), sha256))
        else:
            await self._offer_to(mark, tuple(dict.fromkeys(devices)))
        return True

    async def withdraw(self, sha256: str) -> bool:
        mark = await self.registers.mark(sha256)
        if mark is None or mark.withdrawn:
            return False
        await self._change(replace(mark, changed=self._after(mark.changed), withdrawn=True))
        return True

    async def tell(self, sha256: str, device_id: str) -> None:
        async with self._data.transaction() as database:
            await self._data.keep_time(database)
            now = self.now()
            await database.execute(_TELL, (device_id, now, now, sha256))

    async def note(self, sha256: str, device_id: str, outcome: str, reason: str = "") -> None:
        async with self._data.transaction() as database:
            await database.execute(_NOTE, (device_id, None, 0, outcome, reason, self.now(), sha256))

    async def hear(self, reports: Mapping[str, UpdateReport]) -> None:
        async with self._data.transaction() as database:
            await self._data.keep_time(database)
            now = self.now()
            rows = [(device, now, encode_message(report)) for device, report in reports.items()]
            await database.executemany(_REPORT, rows)
            answers = [
                (device, now, 1, report.outcome, report.reason, now, report.offer)  # who answers was told, by another
                for device, report in reports.items()
                if report.offer is not None and report.outcome
            ]
            await database.executemany(_NOTE, answers)
            await database.execute(BOUND_REPORTS, (MOST_REPORTS,))

    # -- changes of operators --------------------------------------------------------------

    async def _agree(self, mark: Mark) -> None:
        """Have other gateways know of a change, before it is made here. Raises FleetError: it is not made."""

    async def _agree_on(self, lines: Sequence[Line]) -> None:
        """The same, for toys of one bundle that are named."""

    async def _change(self, mark: Mark) -> None:
        await self._agree(mark)
        await self.registers.put_marks([mark])

    async def _offer_to(self, mark: Mark, devices: Sequence[str]) -> None:
        known = await self.registers.lines(mark.kept.sha256, devices)
        lines = []
        for device in devices:
            before = known.get(device, Line(mark.kept.sha256, device, mark.kept.made))
            if before.told.outcome not in BUSY:
                lines.append(Line(mark.kept.sha256, device, self._after(before.changed)))
        await self._agree_on(lines)
        await self.registers.put_lines(lines)

    def _after(self, changed: int) -> int:
        """The number of a change that comes after this one."""
        return max(self.now(), changed + 1)


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
