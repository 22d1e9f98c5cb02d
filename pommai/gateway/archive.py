"""What the gateway keeps of its toys: conversations, safety events, metrics and logs, in an SQLite file or in memory.

A toy sends an item again until it is told that the gateway has it, so the same item may come many times. It is known by
its device, its kind and the id that the toy has given it; once kept, it is never changed. (An alert is the exception:
it is sent ahead of the incident that it tells of, and is kept until that comes and takes its place.) And a toy forgets
an item once it is told so, therefore nothing is acknowledged before it is committed to the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pommai.errors import ProtocolError, StoreError
from pommai.gateway.items import KINDS, LONGEST_ID, as_text, fault_of, is_id
from pommai.io.ports import CONVERSATIONS, SAFETY, Kind
from pommai.protocol import messages as m

if TYPE_CHECKING:
    from aiosqlite import Connection

MOST_ITEMS = 500
"""In one batch. Toys send 50."""
MEMORY_BYTES = 256 << 20
"""What an archive without a file may grow to. Then it is full, as a disk would be."""
BUSY_SECONDS = 1.0
"""How long to wait for another program that writes to the file."""
MOST_TOLD = 1000
"""Alerts remembered as told, beside those that are kept."""
LONGEST_SHOWN = 300
"""Characters of an alert's reason that are shown."""

APPLICATION = 0x506F6D61
"""Marks the file as ours: "Poma" (SQLite's application_id)."""
VERSION = 1
"""Of the tables (SQLite's user_version)."""

_TABLES = """
    CREATE TABLE items (
        number   INTEGER PRIMARY KEY,  -- the order in which they came: clocks of toys order nothing
        kind     TEXT NOT NULL,
        device   TEXT NOT NULL,
        id       TEXT NOT NULL,        -- made by the toy
        toy      TEXT NOT NULL,
        received TEXT NOT NULL,        -- by this machine's clock: UTC, ISO 8601
        item     TEXT NOT NULL,        -- JSON, as it was sent
        UNIQUE (device, kind, id)
    )
"""
_KNOWN = "SELECT kind, id FROM items WHERE device = ? AND id IN (SELECT value FROM json_each(?))"
_KEEP = "INSERT INTO items (kind, device, id, toy, received, item) VALUES (?, ?, ?, ?, ?, ?)"
_COMPLETE = """
    UPDATE items SET item = ? WHERE device = ? AND kind = ? AND id = ? AND json_extract(item, '$.sequence') IS NULL
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

    def __init__(self, database: Connection, name: str) -> None:
        self._database: Connection | None = database
        self._name = name
        self._lock = asyncio.Lock()  # one connection is one transaction at a time
        self._told: dict[tuple[str, str], None] = {}
        self.on_alert: Callable[[Alert], None] | None = None
        """Called with each safety event that was not known before, as soon as it is kept, or cannot be."""

    @classmethod
    async def open(cls, path: Path | None = None) -> Self:
        """Open the file, which is made when it is not there and can be read by its owner alone; None: memory.

        Raises StoreError when the file cannot be written, or is something else.
        """
        import aiosqlite

        name = "the memory" if path is None else str(path)
        with _as_store_error(f"{name} cannot be opened"):
            if path is not None:
                await asyncio.to_thread(path.touch, 0o600)
            database = await aiosqlite.connect(path or ":memory:", isolation_level=None, timeout=BUSY_SECONDS)
            try:
                await _prepare(database, name, limit=MEMORY_BYTES if path is None else None)
            except BaseException:
                await database.close()
                raise
        return cls(database, name)

    async def close(self) -> None:
        """Let go of the file. Harmless when called again."""
        async with self._lock:
            database, self._database = self._database, None
            if database is not None:
                await database.close()

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
            known = await self._keep(device_id, toy_id, sent, faults)
        except StoreError:
            self._tell(device_id, alerts)  # a grown-up has to know, whatever becomes of the disk
            raise
        self._tell(device_id, (item for item in alerts if (SAFETY, item["id"]) not in known))
        rejected = {id_: fault for (kind, id_), fault in faults.items() if (kind, id_) not in known}
        accepted = dict.fromkeys(id_ for _, id_ in sent if id_ not in rejected)
        return m.SyncAck(batch.batch, tuple(accepted), tuple(m.Rejected(*item) for item in rejected.items()))

    async def save(self, device_id: str, conversation: m.Conversation) -> None:
        """Keep a conversation. Raises ProtocolError when it is wrong, and StoreError."""
        batch = m.SyncBatch("", conversations=(asdict(conversation),))
        _refuse(await self.take(device_id, conversation.toy_id, batch))

    async def alert(self, device_id: str, toy_id: str, alert: m.GuardianAlert) -> None:
        """Keep an alert as the safety event it will be synced as. Raises ProtocolError when it is wrong, StoreError."""
        item = {name: value for name, value in asdict(alert).items() if value is not None}
        item.setdefault("id", f"alert-{secrets.token_hex(8)}")  # of a toy that will not sync it
        ack = await self.take(device_id, toy_id, m.SyncBatch("", safety_events=(item,)))
        if ack.rejected:
            self._tell(device_id, [item])
        _refuse(ack)

    async def _keep(self, device_id: str, toy_id: str, sent: Mapping[Key, Item], faults: Mapping[Key, str]) -> set[Key]:
        """Write all that is neither known nor faulty, and commit. What was known before."""
        received = datetime.now(UTC).isoformat(timespec="milliseconds")
        ids = json.dumps([id_ for _, id_ in sent if is_id(id_)])
        async with self._transaction() as database:
            known: set[Key] = {(kind, id_) for kind, id_ in await database.execute_fetchall(_KNOWN, (device_id, ids))}
            rows = [
                (kind, device_id, id_, item["toy_id"] if kind == CONVERSATIONS else toy_id, received, as_text(item))
                for (kind, id_), item in sent.items()
                if (kind, id_) not in known and (kind, id_) not in faults
            ]
            await database.executemany(_KEEP, rows)
            # An alert knows neither its place among what happened nor whether its clock was right: the incident does.
            whole = [
                (as_text(item), device_id, kind, id_)
                for (kind, id_), item in sent.items()
                if kind == SAFETY and (kind, id_) in known and (kind, id_) not in faults and "sequence" in item
            ]
            await database.executemany(_COMPLETE, whole)
        return known

    def _tell(self, device_id: str, alerts: Iterable[Item]) -> None:
        """Tell of safety events, each once, but for those that alarm nobody."""
        received = datetime.now(UTC).isoformat(timespec="milliseconds")
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

    # -- looking ---------------------------------------------------------------------------

    async def counts(self) -> tuple[Count, ...]:
        """How much is kept, by device and kind. Raises StoreError."""
        async with self._transaction() as database:
            return tuple(Count(*row) for row in await database.execute_fetchall(_COUNT))

    async def items(self, kind: Kind, device_id: str | None = None, limit: int = -1) -> tuple[Kept, ...]:
        """The newest `limit` items of a kind (all when negative), of one device or of all; in the order they came.

        Raises StoreError.
        """
        async with self._transaction() as database:
            rows = list(await database.execute_fetchall(_LIST, (kind, device_id, device_id, limit)))
        return tuple(
            Kept(kind, device, id_, toy, received, json.loads(text))
            for _, device, id_, toy, received, text in reversed(rows)
        )

    async def alerts(self, limit: int = 20) -> tuple[Alert, ...]:
        """The newest safety events, the newest last. Raises StoreError."""
        return tuple(_alert(kept.received, kept.device_id, kept.item) for kept in await self.items(SAFETY, None, limit))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """All or nothing, committed at the end. Raises StoreError."""
        async with self._lock:
            database = self._database
            if database is None:
                raise StoreError("the archive is closed")
            with _as_store_error(f"{self._name} cannot be used"):
                try:
                    await database.execute("BEGIN IMMEDIATE")
                    yield database
                    await database.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # none is open: it did not even begin, or it was committed
                        await database.execute("ROLLBACK")
                    raise


async def _prepare(database: Connection, name: str, limit: int | None) -> None:
    """Make the tables in an empty file; see that it is ours, and can be written, in any other."""
    if limit is not None:
        ((page,),) = await database.execute_fetchall("PRAGMA page_size")
        await database.execute(f"PRAGMA max_page_count = {limit // page}")
    ((application,),) = await database.execute_fetchall("PRAGMA application_id")
    ((version,),) = await database.execute_fetchall("PRAGMA user_version")
    ((tables,),) = await database.execute_fetchall("SELECT count(*) FROM sqlite_master")
    if tables and application != APPLICATION:
        raise StoreError(f"{name} is a database of another program; give the archive a file of its own")
    if tables and version != VERSION:
        raise StoreError(f"{name} was written by another version of Pommai ({version}; this one writes {VERSION})")
    await database.execute("PRAGMA journal_mode = WAL")
    await database.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut, too
    await database.execute("BEGIN IMMEDIATE")
    if not tables:
        await database.execute(_TABLES)
        await database.execute(f"PRAGMA application_id = {APPLICATION}")
        await database.execute(f"PRAGMA user_version = {VERSION}")
    await database.execute("COMMIT")


@contextlib.contextmanager
def _as_store_error(words: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as caught:
        raise StoreError(f"{words}: {caught}") from caught
    except OSError as caught:
        raise StoreError(f"{words}: {caught.strerror or caught}") from caught


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
