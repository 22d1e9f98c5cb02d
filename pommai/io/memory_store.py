"""The statements of a memory: what is written together, what is read, what goes.

Every method raises sqlite3.Error when the disk or the file is in trouble; whoever calls decides what then.
One at a time: the caller sees to it that no two of them overlap, for they share one connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from pommai.io import memory_popular as popular
from pommai.io.memory_files import finish_copy, keep_private, part_of, remove
from pommai.io.memory_items import BATCH_ITEMS, KEPT_CONVERSATIONS, NO_LATER, UNKNOWN, WORKED_OUT, Item, Moment
from pommai.io.memory_lock import ANSWER, FACT, ITEM, QUESTION, REASON, TOY, put_under_seal
from pommai.io.memory_queue import Pending
from pommai.io.memory_schema import MIGRATIONS, PRAGMAS, REFUSED, SENT, VERSION, WAITING
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Kind
from pommai.io.seal import NoSeal, Seal, SealBrokenError, Value

logger = logging.getLogger(__name__)

MOST_WAITING = 5000
MOST_REFUSED = 500
MOST_SAFETY_EVENTS = 5000
MOST_TOYS = 200
MOST_SENT = 2000
"""Notes of what has left the toy: some weeks."""
DAY_MS = 86_400_000

_TIMED = ("items", "asks", "toys", "sent")
"""Tables whose rows say when they were."""
_FACTS = "SELECT name, value FROM facts"
_ITEM = "sequence, kind, id, priority, body, wall, source, boot, uptime"


class Store:
    """One open database."""

    def __init__(self, database: aiosqlite.Connection, seal: Seal | None = None) -> None:
        self._database = database
        self._seal = seal or NoSeal()

    @classmethod
    async def open(cls, path: Path, seal: Seal | None = None) -> Store:
        """Open a file that was prepared, and have all in it closed with a seal.

        Raises sqlite3.Error, and SealBrokenError when it is closed with another one.
        """
        store = cls(await aiosqlite.connect(path, isolation_level=None), seal)
        try:
            for pragma in PRAGMAS:
                await store._execute(pragma)
            if await put_under_seal(store._database, store._seal):
                logger.info("memory closed with a key", extra={"file": str(path)})
        except BaseException:
            await store.close()
            raise
        return store

    @classmethod
    async def open_without_disk(cls, source: Path, seal: Seal | None = None) -> Store:
        """One that lasts as long as the process, begun with what can be read of a file that cannot be written."""
        address = await asyncio.to_thread(lambda: source.absolute().as_uri())
        store = cls(await aiosqlite.connect(":memory:", isolation_level=None), seal)
        # `immutable` where not even the files beside it can be made, as on a disk that was mounted read-only.
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            try:
                async with aiosqlite.connect(f"{address}?{mode}", uri=True) as database:
                    if await Store(database)._all("PRAGMA user_version") == [(VERSION,)]:
                        await database.backup(store._database)
                        await put_under_seal(store._database, store._seal)
                        return store
            except sqlite3.Error:
                continue
            except SealBrokenError:
                await store.close()
                store = cls(await aiosqlite.connect(":memory:", isolation_level=None), seal)
                break
        for statement in (statement for migration in MIGRATIONS for statement in migration):
            await store._execute(statement)
        return store

    async def close(self) -> None:
        await self._database.close()

    # -- writing ---------------------------------------------------------------------------

    async def write(self, group: Pending, days: Mapping[str, int]) -> None:
        """Write all of it or nothing. `days` as in `sweep`."""
        items = group.items.values()
        # What a power cut must not take: the log is on the disk, not just on its way there, before this returns.
        full = bool(group.facts) or any(item.kind == SAFETY for item in items)
        await self._execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        await self._execute("BEGIN IMMEDIATE")
        try:
            await self._write_items(items)
            await self._write_asks(group)
            await self._write_settled(group.settled, days)
            await self._write_small(group)
            if group.settled or any(item.kind == CONVERSATIONS for item in items):
                await self._forget_old_conversations()
            await self._execute("COMMIT")
        except BaseException:
            with contextlib.suppress(Exception):
                await self._execute("ROLLBACK")
            raise

    async def _write_items(self, items: Iterable[Item]) -> None:
        await self._many(
            "INSERT INTO items (sequence, kind, id, priority, body, wall, source, boot, uptime)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            [
                (
                    item.sequence,
                    item.kind,
                    item.id,
                    item.priority,
                    self._seal.close(item.body, ITEM.format(item.id)),
                    *item.moment,
                )
                for item in items
            ],
        )

    async def _write_asks(self, group: Pending) -> None:
        asks = group.asks
        if not asks:
            return
        await self._many(
            "INSERT INTO asks (question, wall, source, boot, uptime) VALUES (?, ?, ?, ?, ?)",
            [(self._seal.close_alike(ask.question, QUESTION), *ask.moment) for ask in asks],
        )
        await self._many(
            "INSERT INTO answers VALUES (?, ?) ON CONFLICT (question) DO UPDATE SET answer = excluded.answer",
            [
                (
                    self._seal.close_alike(ask.question, QUESTION),
                    self._seal.close(ask.answer, ANSWER.format(ask.question)),
                )
                for ask in asks
                if ask.answer is not None
            ],
        )
        await self._execute("DELETE FROM asks WHERE sequence <= (SELECT max(sequence) FROM asks) - ?", (popular.ASKS,))

    async def _write_settled(self, settled: Mapping[str, str | None], days: Mapping[str, int]) -> None:
        if not settled:
            return
        accepted = [(name,) for name, reason in settled.items() if reason is None]
        # What nobody will look at again, and what a guardian does not want kept, goes as soon as the server has it.
        brief = [METRICS, LOGS, *(kind for kind, count in days.items() if count == 0)]
        marks = ", ".join(f"'{kind}'" for kind in brief if kind in (METRICS, LOGS, CONVERSATIONS, SAFETY))
        await self._many(f"DELETE FROM items WHERE id = ? AND state = {WAITING} AND kind IN ({marks})", accepted)
        await self._many(f"UPDATE items SET state = {SENT} WHERE id = ? AND state = {WAITING}", accepted)
        await self._many(
            f"UPDATE items SET state = {REFUSED}, reason = ? WHERE id = ? AND state = {WAITING}",
            [
                (self._seal.close(reason, REASON.format(name)), name)
                for name, reason in settled.items()
                if reason is not None
            ],
        )

    async def _write_small(self, group: Pending) -> None:
        await self._many(
            "INSERT INTO toys (toy_id, body, wall, source, boot, uptime) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (toy_id)"
            " DO UPDATE SET body = excluded.body, wall = excluded.wall, source = excluded.source,"
            " boot = excluded.boot, uptime = excluded.uptime",
            [(name, self._seal.close(body, TOY.format(name)), *when) for name, (body, when) in group.toys.items()],
        )
        if group.toys:
            await self._execute(
                "DELETE FROM toys WHERE seen NOT IN (SELECT seen FROM toys ORDER BY seen DESC LIMIT ?)", (MOST_TOYS,)
            )
        await self._many(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [
                (name, self._seal.close(value, FACT.format(name)))
                for name, value in group.facts.items()
                if value is not None
            ],
        )
        await self._many(
            "DELETE FROM facts WHERE name = ?", [(n,) for n, value in group.facts.items() if value is None]
        )
        if group.sent:
            await self._many(
                "INSERT INTO sent (kind, receiver, bytes, items, wall, source, boot, uptime)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(sent.kind, sent.receiver, sent.bytes, sent.items, *sent.moment) for sent in group.sent],
            )
            await self._execute("DELETE FROM sent WHERE sequence <= (SELECT max(sequence) FROM sent) - ?", (MOST_SENT,))
        if group.retention is not None:
            await self._many(
                "INSERT INTO retention VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET days = excluded.days",
                list(group.retention.items()),
            )

    async def _forget_old_conversations(self) -> None:
        # Those that wait for the server stay, however many they are.
        await self._execute(
            f"DELETE FROM items WHERE kind = ? AND state <> {WAITING} AND sequence <="
            " (SELECT sequence FROM items WHERE kind = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            (CONVERSATIONS, CONVERSATIONS, KEPT_CONVERSATIONS),
        )

    # -- time ------------------------------------------------------------------------------

    async def correct(self, now: Moment) -> None:
        """The clock is trusted now: work out when things were that happened before it was.

        In this run of the machine from its uptime; in earlier ones, all that is known is that this run had not begun.
        """
        began = now.wall - int(now.uptime * 1000)
        for table in _TIMED:
            await self._execute(
                f"UPDATE {table} SET wall = ? + CAST(uptime * 1000 AS INTEGER), source = {WORKED_OUT}"
                f" WHERE source = {UNKNOWN} AND boot = ?",
                (began, now.boot),
            )
            await self._execute(
                f"UPDATE {table} SET wall = ?, source = {NO_LATER} WHERE source = {UNKNOWN} AND boot <> ?",
                (began, now.boot),
            )

    async def sweep(self, now: int | None, days: Mapping[str, int]) -> None:
        """Let go what is older than so many days, and leave no rest of it in any file.

        `now`: milliseconds since 1970, None while no clock is trusted: then age deletes nothing. What happened at an
        unknown time stays until that can be told.
        """
        if now is not None:
            for kind, count in days.items():
                before = now - max(count, 1) * DAY_MS  # a day for the server to take what the guardian wants not kept
                await self._execute(
                    f"DELETE FROM items WHERE kind = ? AND source <> {UNKNOWN} AND wall < ?", (kind, before)
                )
                if count == 0:
                    await self._execute(f"DELETE FROM items WHERE kind = ? AND state = {SENT}", (kind,))
            window = min(popular.WINDOW_DAYS, days.get(CONVERSATIONS, popular.WINDOW_DAYS))
            await self._execute(f"DELETE FROM asks WHERE source <> {UNKNOWN} AND wall < ?", (now - window * DAY_MS,))
        await self._execute("DELETE FROM answers WHERE question NOT IN (SELECT question FROM asks)")
        for condition, most in ((f"state = {REFUSED} AND kind <> '{SAFETY}'", MOST_REFUSED),
                                (f"kind = '{SAFETY}' AND state <> {WAITING}", MOST_SAFETY_EVENTS)):  # fmt: skip
            await self._execute(
                f"DELETE FROM items WHERE {condition} AND sequence <= (SELECT sequence FROM items WHERE {condition}"
                " ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
                (most,),
            )
        await self.checkpoint()

    async def checkpoint(self) -> bool:
        """Bring the log into the database and empty it; false when somebody else is reading meanwhile."""
        ((busy, *_),) = await self._all("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy

    async def make_room(self, most: int = MOST_WAITING) -> dict[str, int]:
        """Drop what is least important of what waits, then what is oldest; gives how many of each kind.

        A little more than needed, so that it is not done for every item.
        """
        ((waiting,),) = await self._all(f"SELECT count(*) FROM items WHERE state = {WAITING}")
        if waiting <= most:
            return {}
        rows = await self._all(
            f"DELETE FROM items WHERE sequence IN (SELECT sequence FROM items WHERE state = {WAITING}"
            " ORDER BY priority DESC, sequence LIMIT ?) RETURNING kind",
            (waiting - most + most // 50,),
        )
        kinds = [row[0] for row in rows]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    async def free_space(self) -> None:
        """The disk is full: let go what can be spared, for its room is then ours to write to."""
        await self._execute(f"DELETE FROM items WHERE kind IN ('{METRICS}', '{LOGS}')")
        await self._execute(f"DELETE FROM items WHERE state <> {WAITING} AND kind <> '{SAFETY}'")
        await self.checkpoint()

    # -- reading ---------------------------------------------------------------------------

    async def waiting(self, *, safety: bool, without: int = 0) -> list[Item]:
        """What to send next, in order, `without` more than a batch."""
        rows = await self._all(
            f"SELECT {_ITEM} FROM items WHERE state = {WAITING} AND kind {'=' if safety else '<>'} ?"
            " ORDER BY priority, sequence LIMIT ?",
            (SAFETY, BATCH_ITEMS + without),
        )
        found = []
        for sequence, kind, name, priority, body, *when in rows:
            text = self._open(body, ITEM.format(name))
            if text is None:  # it would be asked for again and again, and nobody can read it
                await self._execute("DELETE FROM items WHERE id = ?", (name,))
            else:
                found.append(Item(sequence, kind, name, priority, text, Moment(*when)))
        return found

    async def count_waiting(self) -> tuple[int, int]:
        """Safety events, and all else."""
        ((safety, rest),) = await self._all(
            f"SELECT count(*) FILTER (WHERE priority < 5), count(*) FILTER (WHERE priority >= 5)"
            f" FROM items WHERE state = {WAITING}"
        )
        return safety, rest

    async def last_sequence(self) -> int:
        """Of all items there have ever been, and of those there may have been that are lost."""
        rows = await self._all("SELECT seq FROM sqlite_sequence WHERE name = 'items'")
        return int(rows[0][0]) if rows else 0

    async def reserve(self, sequence: int) -> None:
        """Let the next to open the file number its items behind this, even after a power cut."""
        await self._execute("PRAGMA synchronous = FULL")
        await self._execute("BEGIN IMMEDIATE")
        try:
            await self._execute("DELETE FROM sqlite_sequence WHERE name = 'items'")
            await self._execute("INSERT INTO sqlite_sequence VALUES ('items', ?)", (sequence,))
            await self._execute("COMMIT")
        except BaseException:
            with contextlib.suppress(Exception):
                await self._execute("ROLLBACK")
            raise

    async def facts(self) -> dict[str, str]:
        rows = [(name, self._open(value, FACT.format(name))) for name, value in await self._all(_FACTS)]
        return {name: value for name, value in rows if value is not None}

    async def retention(self) -> dict[str, int]:
        return dict(await self._all("SELECT kind, days FROM retention"))

    async def toy(self, toy_id: str) -> str | None:
        """The configuration as JSON."""
        rows = await self._all("SELECT body FROM toys WHERE toy_id = ?", (toy_id,))
        return self._open(rows[0][0], TOY.format(toy_id)) if rows else None

    async def toys(self) -> tuple[str, ...]:
        return tuple(row[0] for row in await self._all("SELECT toy_id FROM toys ORDER BY seen"))

    async def popular(self, now: int | None) -> dict[str, str]:
        """Questions asked often in the last week, and their answers. Without a trusted clock (`now` None) the week ends
        with the last thing whose time is known; what happened at an unknown time counts as recent.
        """
        if now is None:
            ((latest,),) = await self._all(f"SELECT max(wall) FROM asks WHERE source <> {UNKNOWN}")
            now = latest or 0
        rows = await self._all(
            "SELECT asks.question, answers.answer FROM asks JOIN answers USING (question)"
            f" WHERE asks.source = {UNKNOWN} OR asks.wall >= ? GROUP BY asks.question HAVING count(*) > ?"
            " ORDER BY count(*) DESC, max(asks.sequence) DESC LIMIT ?",
            (now - popular.WINDOW_DAYS * DAY_MS, popular.MORE_THAN, popular.MOST),
        )
        found = {}
        for asked, answered in rows:
            question = self._open(asked, QUESTION)
            answer = None if question is None else self._open(answered, ANSWER.format(question))
            if question is not None and answer is not None:
                found[question] = answer
        return found

    def _open(self, value: Value, label: str) -> str | None:
        """What was written; None when somebody has changed it."""
        try:
            return self._seal.open(value, label)
        except SealBrokenError as caught:
            logger.error("kept value ignored", extra={"kind": label.partition("/")[0], "reason": str(caught)})
            return None

    async def foreign_changes(self) -> int:
        """Another number after another process has written to the file."""
        ((version,),) = await self._all("PRAGMA data_version")
        return int(version)

    # -- the copy --------------------------------------------------------------------------

    async def copy_to(self, copy: Path) -> None:
        """Replace the copy by what there is now. Cancelled, or failed at any point, the copy before is untouched."""
        part = part_of(copy)
        await asyncio.to_thread(_clear, part)
        async with aiosqlite.connect(part, isolation_level=None) as target:
            await (await target.execute("PRAGMA synchronous = OFF")).close()  # synced once, as a whole, below
            await self._database.backup(target)
        await asyncio.to_thread(finish_copy, copy)

    # -- aiosqlite in short ----------------------------------------------------------------

    async def _execute(self, statement: str, values: Sequence[object] = ()) -> None:
        await (await self._database.execute(statement, values)).close()

    async def _many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await (await self._database.executemany(statement, rows)).close()

    async def _all(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return list(await self._database.execute_fetchall(statement, values))


def _item(sequence: int, kind: Kind, name: str, priority: int, body: str, *when: Any) -> Item:
    return Item(sequence, kind, name, priority, body, Moment(*when))


def _clear(part: Path) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    remove(part)
    keep_private(part)
