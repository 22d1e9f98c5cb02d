"""The memory's own task: it alone writes to the disk, all that waits at a time, and sees to the disk's troubles.

It goes in rounds. A round writes what waits, in one transaction; then, where it is due, corrects times, lets old things
go, notices what another process has changed, copies the file. Between rounds it sleeps until somebody wakes it, ten
seconds at most. While the disk takes nothing, what waits is held, and tried again ever more seldom.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pommai.io import memory_files as files
from pommai.io import memory_trouble as trouble
from pommai.io.clock import to_milliseconds
from pommai.io.memory_items import DEFAULT_DAYS, UNKNOWN, ItemMaker, Moment, moment, moved_behind
from pommai.io.memory_queue import Pending
from pommai.io.ports import CONVERSATIONS, SAFETY, Clock
from pommai.io.seal import Seal, SealBrokenError

if TYPE_CHECKING:
    from pommai.io.memory_store import Store

logger = logging.getLogger(__name__)
T = TypeVar("T")

TICK_SECONDS = 10.0
SWEEP_SECONDS = 86_400.0
SOON_SECONDS = 60.0  # old enough a copy for the next to be made at once, where there is a new fact or incident
RESERVE_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 60.0
START_GAP = 100_000
"""Numbers set aside at every start, on the disk itself: what a power cut takes, the server may have heard of."""
SEQUENCE_GAP = 1_000_000_000
"""Likewise after a copy was brought back, for all the starts since it was made."""

_DISK_ERRORS = (sqlite3.Error, OSError, ValueError)
"""ValueError: what aiosqlite says of a connection that is closed."""


class Keeper:
    """Keeps `pending` on the disk, and in memory what is read without waiting: facts, popular questions, counts."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        copy: Path | None,
        copy_every: float,
        boot: str,
        uptime: Callable[[], float],
        on_written: Callable[[], None],
        seal: Seal | None = None,
        locked: str = "",
    ) -> None:
        """`locked`: why there is no key today; then nothing is read or written."""
        self.path: Path | None = path
        """The file in use; None when there is none, and all is lost with the process."""
        self.pending = Pending()
        self.facts: dict[str, str] = {}
        self.days = dict(DEFAULT_DAYS)
        self.popular: dict[str, str] = {}
        self.waiting = (0, 0)
        """Items on the disk that wait for the server: safety events, and all else."""
        self.dropped: Counter[str] = Counter()
        """Items by kind that found no room since the memory was opened."""
        self.troubles = trouble.Troubles()
        self.maker = ItemMaker()
        self._clock, self._boot, self._uptime = clock, boot, uptime
        self._copy, self._copy_every = copy, copy_every
        self._on_written = on_written
        self._seal, self._locked = seal, locked
        self._opened: Store | None = None
        self._lock = asyncio.Lock()
        self._lock_handle: int | None = None
        self._wake = asyncio.Event()
        self._waiters: list[asyncio.Future[bool]] = []
        self._in_flight = 0
        self._failures = 0
        self._retry_at = 0.0
        self._closing = False
        self._untimed = True
        """Whether there may be rows on the disk whose time is not known."""
        self._version = 0
        self._copied: int | None = None
        self._changes = 0
        """Rounds that changed something."""
        self._sweep_at = self._reserve_at = 0.0
        self._copy_at = 0.0
        self._copied_at = float("-inf")
        self._task: asyncio.Task[None]

    # -- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open, whatever state the file is in, and begin to keep."""
        beginning = asyncio.ensure_future(self._begin())
        try:
            await asyncio.shield(beginning)
        except BaseException:  # cancelled: a connection that was left open would keep the process from ending
            await asyncio.wait([beginning])
            await self._let_go()
            raise
        self._copy_at = self._now() + self._copy_every
        self._task = asyncio.create_task(self._work(), name="memory")

    async def _begin(self) -> None:
        assert self.path is not None
        path = self.path
        try:
            self._lock_handle = await asyncio.to_thread(files.lock, path)
            if self._locked:
                self.troubles.tell("no key", f"{path} stays closed: {self._locked}; this run remembers nothing")
                await self._open_without_disk(Path("/dev/null"))
            elif self._lock_handle is None:
                self.troubles.tell("in use", f"{path} is in use by another toy; this one remembers nothing")
                await self._open_without_disk(Path("/dev/null"))
            else:
                await self._open(await asyncio.to_thread(files.prepare, path, self._copy))
        except (sqlite3.Error, OSError) as caught:
            self.troubles.tell(
                trouble.kind_of(caught), f"{path} cannot be used ({caught}): what is new is forgotten at power-off"
            )
            await self._open_without_disk(path)
        await self._load()

    async def close(self) -> None:
        """Write what waits, copy, and let go. Harmless when called again."""
        self._closing = True
        self.wake()
        try:
            await self._task
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        if self._opened is not None:
            with contextlib.suppress(*_DISK_ERRORS):
                await self._opened.close()
        if self._lock_handle is not None:
            files.unlock(self._lock_handle)
            self._lock_handle = None

    def wake(self) -> None:
        """There is something to write."""
        self._wake.set()

    async def flush(self) -> bool:
        """Wait for a whole round; whether all that waited is written now."""
        if self._task.done():
            return not self.pending
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.wake()
        return await waiter

    @property
    def is_well(self) -> bool:
        """Whether the last write went well."""
        return self._failures == 0

    @property
    def unsent(self) -> int:
        """Items that wait for the server, written or not."""
        return max(0, sum(self.waiting) + self._in_flight + len(self.pending.items) - len(self.pending.settled))

    def moment(self) -> Moment:
        """Now."""
        return moment(self._clock.now(), self._boot, self._uptime())

    async def read(self, question: Callable[[Store], Awaitable[T]], otherwise: T) -> T:
        """Ask the database, between rounds; `otherwise` when it cannot be read."""
        async with self._lock:
            try:
                return await question(self._store)
            except _DISK_ERRORS as caught:
                self._fail(caught)
                if trouble.kind_of(caught) == trouble.DAMAGED:
                    await self._start_anew(str(caught))
                return otherwise

    # -- rounds ----------------------------------------------------------------------------

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake.set()
        try:
            while not self._closing:
                timer = loop.call_later(TICK_SECONDS, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    timer.cancel()
                await self._round()
            await self._round()
        finally:
            self._answer(self._waiters, False)

    async def _round(self) -> None:
        self._wake.clear()
        waiters, self._waiters = self._waiters, []
        well = False
        try:
            async with self._lock:
                if self.is_well or waiters or self._closing or self._now() >= self._retry_at:
                    well = await self._write()
                if well:
                    await self._keep_house()
        except Exception:  # a mistake of ours: the toy goes on, and the next round may go well
            logger.exception("memory failed")
            self._failures += 1
        finally:
            self._answer(waiters, well)
        self._on_written()

    @staticmethod
    def _answer(waiters: list[asyncio.Future[bool]], well: bool) -> None:
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(well)

    async def _write(self) -> bool:
        """Write all that waits now; whether that went well. What is kept meanwhile is for the next round."""
        for _attempt in range(3):
            group, self.pending = self.pending, Pending()
            self._in_flight = len(group.items) - len(group.settled)
            try:
                if group:
                    await self._store.write(group, self.days)
            except _DISK_ERRORS as caught:
                self.pending.put_back(group)
                if not await self._repair(caught):
                    return False
                continue
            except BaseException:
                self.pending.put_back(group)
                raise
            finally:
                self._in_flight = 0
            try:
                if group:
                    await self._written(group)
            except _DISK_ERRORS as caught:
                self._fail(caught)
                return False
            self._failures = 0
            self.troubles.over()
            return True
        return False

    async def _written(self, group: Pending) -> None:
        self._changes += 1
        if group.facts or any(item.kind == SAFETY for item in group.items.values()):
            # That the toy is in safe mode must outlive a power-off, also where the memory itself does not.
            self._copy_at = min(self._copy_at, max(self._now(), self._copied_at + SOON_SECONDS))
        self._untimed = self._untimed or any(when.source == UNKNOWN for when in group.moments())
        self._count_dropped(group.dropped)
        await self._recount()
        if group.asks:
            self.popular = await self._store.popular(self._trusted_now())

    async def _recount(self) -> None:
        dropped = await self._store.make_room()
        self._count_dropped(Counter(dropped))
        self.waiting = await self._store.count_waiting()

    def _count_dropped(self, dropped: Counter[str]) -> None:
        if dropped:
            self.dropped += dropped
            logger.warning("memory overflows", extra={"dropped": dict(dropped), "in_all": dict(self.dropped)})

    async def _keep_house(self) -> None:
        """What is due besides writing. A disk in trouble is told of, and asked again when it is due again."""
        now = self._now()
        try:
            trusted = self._trusted_now()
            if self._untimed and trusted is not None:
                await self._store.correct(self.moment())
                self._untimed = False
                self._sweep_at = now
            version = await self._store.foreign_changes()
            if version != self._version:
                await self._load()
                self._sweep_at = self._copy_at = now
                logger.info("memory was changed by somebody else", extra={"waiting": sum(self.waiting)})
            if now >= self._sweep_at:
                self._sweep_at = now + SWEEP_SECONDS
                await self._store.sweep(trusted, self.days)
                self._changes += 1  # the copy is to forget too
                if self.path is not None and trusted is not None:
                    await asyncio.to_thread(files.forget_damaged, self.path, trusted / 1000, self.days[CONVERSATIONS])
                await self._recount()
                self.popular = await self._store.popular(trusted)
            if self.path is not None and (now >= self._reserve_at or self.troubles.has(trouble.FULL)):
                self._reserve_at = now + RESERVE_SECONDS
                there = await asyncio.to_thread(files.make_reserve_for, self.path)
                if there:
                    self.troubles.over(trouble.FULL)
                elif there is None:
                    # Somebody has removed it: we write to a file without a name. That was meant to erase it.
                    self.facts.clear()
                    await self._start_anew("it was removed", removed=True)
        except _DISK_ERRORS as caught:
            self._fail(caught)
            if trouble.kind_of(caught) == trouble.DAMAGED:
                await self._start_anew(str(caught))
            return
        if now >= self._copy_at or self._closing:
            self._copy_at, self._copied_at = now + self._copy_every, now
            await self._copy_out()

    async def _copy_out(self) -> None:
        if self._copy is None or self.path is None or self._copied == self._changes:
            return
        changes = self._changes
        try:
            await self._store.copy_to(self._copy)
        except _DISK_ERRORS as caught:
            self.troubles.tell(trouble.NOT_COPIED, f"{self._copy} could not be written: {caught}")
        else:
            self._copied = changes
            self.troubles.over(trouble.NOT_COPIED)

    def sweep_soon(self) -> None:
        """The guardian has changed how long things are kept."""
        self._sweep_at = self._now()
        self.wake()

    # -- trouble ---------------------------------------------------------------------------

    async def _repair(self, error: Exception) -> bool:
        """Do what can be done about a write that failed; whether it is worth another try at once."""
        if isinstance(error, sqlite3.IntegrityError):
            # Somebody else has used our numbers, as after a file was put back by hand: count on from theirs.
            self.maker.next_sequence = max(self.maker.next_sequence, await self._store.last_sequence() + 1)
            for item in list(self.pending.items.values()):
                self.pending.items[item.id] = moved_behind(item, self.maker.next_sequence)
                self.maker.next_sequence += 1
            return True
        self._fail(error)
        kind = trouble.kind_of(error)
        if kind == trouble.DAMAGED:
            await self._start_anew(str(error))
            return True
        if kind == trouble.FULL and self.path is not None:
            await asyncio.to_thread(files.release_reserve, self.path)
            try:
                await self._store.free_space()
            except _DISK_ERRORS as caught:
                self._fail(caught)
                return False
            return True
        return False

    def _fail(self, error: Exception) -> None:
        where = self.path or "memory"
        self.troubles.tell(trouble.kind_of(error), f"{where} cannot be written or read: {error}")
        self._failures += 1
        self._retry_at = self._now() + min(2.0 ** min(self._failures - 1, 6), LONGEST_RETRY_SECONDS)

    async def _start_anew(self, reason: str, *, removed: bool = False) -> None:
        """The file is damaged, or gone: move it aside and begin another, with what is still known."""
        path = self.path
        if path is None:
            return
        with contextlib.suppress(*_DISK_ERRORS):
            await self._store.close()
        try:
            if removed:
                await asyncio.to_thread(files.remove, path)  # what belonged to it, if that was left
                self.troubles.tell(trouble.DAMAGED, f"{path} was removed while it was in use; another is begun")
            else:
                aside = await asyncio.to_thread(files.move_aside, path)
                self.troubles.tell(trouble.DAMAGED, f"{path} was damaged ({reason}); it is kept as {aside.name}")
            await self._open(await asyncio.to_thread(files.prepare, path, self._copy))
        except (sqlite3.Error, OSError) as caught:
            self.troubles.tell(
                trouble.kind_of(caught),
                f"{path} cannot be begun anew ({caught}): what is new is forgotten at power-off",
            )
            await self._open_without_disk(Path("/dev/null"))
        # A copy that was brought back may know facts that have been forgotten since.
        self.pending.facts = {**dict.fromkeys(await self._store.facts()), **self.facts, **self.pending.facts}
        self.pending.retention = dict(self.days)
        self._version = await self._store.foreign_changes()
        self._changes += 1
        await self._recount()
        self.popular = await self._store.popular(self._trusted_now())
        self.wake()

    async def _open(self, prepared: files.Prepared) -> None:
        from pommai.io.memory_store import Store

        for sentence in prepared.troubles:
            self.troubles.tell(sentence, sentence)
        try:
            self._opened = await Store.open(prepared.path, self._seal)
        except SealBrokenError:
            prepared = await asyncio.to_thread(files.begin_anew, prepared.path, self._copy)
            self.troubles.tell("other key", prepared.troubles[0])
            self._opened = await Store.open(prepared.path, self._seal)
        self.path = prepared.path
        await self._count_on(restored=prepared.restored)

    async def _open_without_disk(self, source: Path) -> None:
        from pommai.io.memory_store import Store

        self._opened = await Store.open_without_disk(source, self._seal)
        self.path = None
        await self._count_on()

    async def _count_on(self, *, restored: bool = False) -> None:
        """Number what is new behind all there has ever been, in this file or before it was lost."""
        last = await self._store.last_sequence() + (SEQUENCE_GAP if restored else 0)
        self.maker.next_sequence = max(self.maker.next_sequence, last + 1)
        with contextlib.suppress(*_DISK_ERRORS):  # the first write will tell
            await self._store.reserve(self.maker.next_sequence + START_GAP)

    async def _load(self) -> None:
        """What is read without waiting, from the disk."""
        self.facts = await self._store.facts()
        for name, value in self.pending.facts.items():
            if value is None:
                self.facts.pop(name, None)
            else:
                self.facts[name] = value
        self.days = {**DEFAULT_DAYS, **await self._store.retention(), **(self.pending.retention or {})}
        await self._recount()
        self.popular = await self._store.popular(self._trusted_now())
        self._version = await self._store.foreign_changes()
        self._changes += 1

    @property
    def _store(self) -> Store:
        assert self._opened is not None
        return self._opened

    def _trusted_now(self) -> int | None:
        stamp = self._clock.now()
        return to_milliseconds(stamp.text) if stamp.trusted else None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
