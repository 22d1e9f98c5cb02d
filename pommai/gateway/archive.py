"""What the gateway keeps of its toys: conversations, safety events, metrics and logs, in an SQLite file or in memory.

A toy sends an item again until it is told that the gateway has it, so the same item may come many times. It is known by
its device, its kind and the id that the toy has given it; once kept, it is never changed. (An alert is the exception:
it is sent ahead of the incident that it tells of, and is kept until that comes and takes its place.) And a toy forgets
an item once it is told so, therefore nothing is acknowledged before it is committed to the disk.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from msgspec import structs

from pommai.errors import ProtocolError, StoreError
from pommai.gateway.data_file import DataFile, used_bytes
from pommai.gateway.items import KINDS, LONGEST_ID, as_text, fault_of, is_id
from pommai.gateway.server_clock import DAY, as_iso
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Kind
from pommai.protocol import messages as m

MOST_ITEMS = 500
"""In one batch. Toys send 50."""
MOST_BYTES = 4 << 30
"""What the file may grow to."""
MEMORY_BYTES = 256 << 20
"""The same without a file."""
SHARES: Final[Mapping[Kind, float]] = {SAFETY: 1.0, CONVERSATIONS: 0.9, METRICS: 0.8, LOGS: 0.8}
"""Of these bytes, how far each kind may fill it: what matters most still finds room when the rest has filled it up.

What has no room is not acknowledged and so stays with the toy, which sends it again. Nothing that was acknowledged is
thrown out to make room: it goes when its time is over.
"""
DEFAULT_DAYS: Final[Mapping[Kind, int]] = {SAFETY: 90, CONVERSATIONS: 30, METRICS: 7, LOGS: 7}
"""How long each kind is kept when the persona's guardian_settings do not say: as long as a toy does."""
ERASED_AT_ONCE = 500
"""Items."""
MOST_TOLD = 1000
"""Alerts remembered as told, beside those that are kept."""
LONGEST_SHOWN = 300
"""Characters of an alert's reason that are shown."""

_KNOWN = "SELECT kind, id FROM items WHERE device = ? AND id IN (SELECT value FROM json_each(?))"
_KEEP = "INSERT INTO items (kind, device, id, toy, received, item) VALUES (?, ?, ?, ?, ?, ?)"
_COMPLETE = """
    UPDATE items SET item = ? WHERE device = ? AND kind = ? AND id = ? AND json_extract(item, '$.sequence') IS NULL
"""
_KEPT_OF = "SELECT DISTINCT kind, toy FROM items"
_FORGET = """
    DELETE FROM items WHERE number IN
    (SELECT number FROM items WHERE kind = ? AND toy = ? AND received < ? ORDER BY received LIMIT ?)
"""
_LIST = """
    SELECT kind, device, id, toy, received, item FROM items
    WHERE kind = ? AND (? IS NULL OR device = ?) ORDER BY number DESC LIMIT ?
"""
_COUNT = "SELECT device, kind, count(*) FROM items GROUP BY device, kind ORDER BY device, kind"

Item = Mapping[str, Any]
Key = tuple[Kind, str]
"""Kind and id: what tells apart the items of one device."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """An item as it was sent, and who sent it when. `received` is the gateway's own time: UTC, ISO 8601."""

    kind: Kind
    device_id: str
    id: str
    toy_id: str
    received: str
    item: Item


class Count(NamedTuple):
    """How many items of a kind are kept of a device."""

    device_id: str
    kind: Kind
    number: int


class Alert(NamedTuple):
    """Something a grown-up should know, for a terminal: each part is one line, and `severity` one word."""

    received: str
    device_id: str
    severity: str
    reason: str


class Archive:
    """Keeps what toys send. Made by `Archive.open`; closed by `close`, or by leaving it:

    async with await Archive.open(Path("toys.db")) as archive:
        ack = await archive.take("desk-1", "pommai-bear", batch)
    """

    def __init__(self, data: DataFile, most_bytes: int | None = None) -> None:
        """`most_bytes` is what the file may grow to, as far as this goes (None: MOST_BYTES, less in memory)."""
        self.data = data
        self._most_bytes = most_bytes or (MOST_BYTES if data.path is not None else MEMORY_BYTES)
        self._told: dict[tuple[str, str], None] = {}
        self.on_alert: Callable[[Alert], None] | None = None
        """Called with each safety event that was not known before, as soon as it is kept, or cannot be."""

    @classmethod
    async def open(cls, path: Path | None = None) -> Self:
        """Open the file, which is made when it is not there and can be read by its owner alone; None: memory.

        Raises StoreError when the file cannot be written, or is something else.
        """
        return cls(await DataFile.open(path))

    async def close(self) -> None:
        """Let go of the file. Harmless when called again."""
        await self.data.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- keeping ---------------------------------------------------------------------------

    async def take(self, device_id: str, toy_id: str, batch: m.SyncBatch) -> m.SyncAck:
        """Keep what is new in a batch, and say what the archive has by now and what it does not want.

        Items that are wrong are rejected one by one, each with its reason. Raises ProtocolError when the batch has
        more than MOST_ITEMS, and StoreError when it cannot be written: then nothing of it is kept, and none of it may
        be acknowledged.
        """
        number = sum(len(getattr(batch, kind)) for kind in KINDS)
        if number > MOST_ITEMS:
            raise ProtocolError(f"a batch of {number} items; at most {MOST_ITEMS} are taken at a time, so send fewer")
        sent: dict[Key, Item] = {}
        for kind in KINDS:
            for item in getattr(batch, kind):
                sent.setdefault((kind, item["id"]), item)
        faults = {key: fault for key, item in sent.items() if (fault := fault_of(key[0], item))}
        alerts = [item for key, item in sent.items() if key[0] == SAFETY and key not in faults]
        try:
            known, left_out, received = await self._keep(device_id, toy_id, sent, faults)
        except StoreError:
            self._tell(device_id, alerts)  # a grown-up has to know, whatever becomes of the disk
            raise
        self._tell(device_id, (item for item in alerts if (SAFETY, item["id"]) not in known), received)
        rejected = {id_: fault for (kind, id_), fault in faults.items() if (kind, id_) not in known}
        without = rejected.keys() | {id_ for _, id_ in left_out}  # the toy sends again what is in neither list
        accepted = dict.fromkeys(id_ for _, id_ in sent if id_ not in without)
        return m.SyncAck(batch.batch, tuple(accepted), tuple(m.Rejected(*item) for item in rejected.items()))

    async def save(self, device_id: str, conversation: m.Conversation) -> None:
        """Keep a conversation. Raises ProtocolError when it is wrong, and StoreError."""
        batch = m.SyncBatch("", conversations=(structs.asdict(conversation),))
        _refuse(await self.take(device_id, conversation.toy_id, batch))

    async def alert(self, device_id: str, toy_id: str, alert: m.GuardianAlert) -> None:
        """Keep an alert as the safety event it will be synced as. Raises ProtocolError when it is wrong, StoreError."""
        item = {name: value for name, value in structs.asdict(alert).items() if value is not None}
        item.setdefault("id", f"alert-{secrets.token_hex(8)}")  # of a toy that will not sync it
        ack = await self.take(device_id, toy_id, m.SyncBatch("", safety_events=(item,)))
        if ack.rejected:
            self._tell(device_id, [item])
        _refuse(ack)

    async def _keep(
        self, device_id: str, toy_id: str, sent: Mapping[Key, Item], faults: Mapping[Key, str]
    ) -> tuple[set[Key], set[Key], str]:
        """Write all that is neither known nor faulty, and commit. What was known before, what had no room, and when it
        was."""
        ids = json.dumps([id_ for _, id_ in sent if is_id(id_)])
        async with self.data.transaction() as database:
            known: set[Key] = {(kind, id_) for kind, id_ in await database.execute_fetchall(_KNOWN, (device_id, ids))}
            received = as_iso(await self.data.keep_time(database))
            rows = [
                (kind, device_id, id_, item["toy_id"] if kind == CONVERSATIONS else toy_id, received, as_text(item))
                for (kind, id_), item in sent.items()
                if (kind, id_) not in known and (kind, id_) not in faults
            ]
            used = await used_bytes(database) if rows else 0
            fitting = [row for row in rows if used < SHARES[row[0]] * self._most_bytes]
            if rows and not fitting:
                words = f"{self.data.name} is full: {used >> 20} MiB of {self._most_bytes >> 20}"
                raise StoreError(f"{words}; shorten retention_days of the personas, or begin a new file")
            await database.executemany(_KEEP, fitting)
            # An alert knows neither its place among what happened nor whether its clock was right: the incident does.
            whole = [
                (as_text(item), device_id, kind, id_)
                for (kind, id_), item in sent.items()
                if kind == SAFETY and (kind, id_) in known and (kind, id_) not in faults and "sequence" in item
            ]
            await database.executemany(_COMPLETE, whole)
        left_out: set[Key] = {(row[0], row[2]) for row in rows} - {(row[0], row[2]) for row in fitting}
        if left_out:
            _log.error("archive nearly full", extra={"device": device_id, "left_out": len(left_out), "bytes": used})
        return known, left_out, received

    def _tell(self, device_id: str, alerts: Iterable[Item], received: str | None = None) -> None:
        """Tell of safety events, each once, but for those that alarm nobody. `received` is when, if they were kept: by
        that they are known for what is kept."""
        received = received or as_iso(self.data.clock.now())
        for item in alerts:
            if item.get("severity") == m.NOTE:
                continue
            key = (device_id, item["id"][:LONGEST_ID])
            if self.on_alert is None or key in self._told:
                continue
            self._told[key] = None
            if len(self._told) > MOST_TOLD:
                del self._told[next(iter(self._told))]
            try:
                self.on_alert(_alert(received, device_id, item))
            except Exception:  # whoever listens is not to keep a toy from being heard
                _log.exception("alert not shown")

    # -- forgetting ------------------------------------------------------------------------

    async def forget(self, days: Callable[[str, Kind], int]) -> int:
        """Erase what is older than `days` says of a toy's (toyId) items of a kind. How many there were.

        Raises StoreError.
        """
        async with self.data.reading() as database:
            kept = list(await database.execute_fetchall(_KEPT_OF))
        now, forgotten = self.data.clock.now(), 0
        for kind, toy in kept:
            before = as_iso(max(0, now - days(toy, kind) * DAY))
            erased = ERASED_AT_ONCE
            while erased == ERASED_AT_ONCE:  # a piece at a time: toys wait for what they send meanwhile
                async with self.data.transaction() as database:
                    erased = (await database.execute(_FORGET, (kind, toy, before, ERASED_AT_ONCE))).rowcount
                forgotten += erased
        return forgotten

    # -- looking ---------------------------------------------------------------------------

    async def counts(self) -> tuple[Count, ...]:
        """How much is kept, by device and kind. Raises StoreError."""
        async with self.data.reading() as database:
            return tuple(Count(*row) for row in await database.execute_fetchall(_COUNT))

    async def items(self, kind: Kind, device_id: str | None = None, limit: int = -1) -> tuple[Kept, ...]:
        """The newest `limit` items of a kind (all when negative), of one device or of all; in the order they came.

        Raises StoreError.
        """
        async with self.data.reading() as database:
            rows = list(await database.execute_fetchall(_LIST, (kind, device_id, device_id, limit)))
        return tuple(
            Kept(kind, device, id_, toy, received, json.loads(text))
            for _, device, id_, toy, received, text in reversed(rows)
        )

    async def alerts(self, limit: int = 20, device_id: str | None = None) -> tuple[Alert, ...]:
        """The newest safety events of one device or of all, the newest last. Raises StoreError."""
        kept = await self.items(SAFETY, device_id, limit)
        return tuple(_alert(each.received, each.device_id, each.item) for each in kept)


def _refuse(ack: m.SyncAck) -> None:
    for rejected in ack.rejected:
        raise ProtocolError(f"this cannot be kept: {rejected.reason}")


def _alert(received: str, device_id: str, item: Item) -> Alert:
    severity = "-".join(_line(item.get("severity")).split())
    return Alert(received, device_id, severity or "unknown", _line(item.get("reason")))


def _line(value: object) -> str:
    """A stranger's text for a terminal: one line of printable characters, cut short."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    text = "".join(letter for letter in text if letter.isprintable())
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
