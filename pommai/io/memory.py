"""What the toy remembers, in SQLite.

Keeping is handed to the memory's own task (see memory_keeper), which writes all that waits in one transaction. A
process that is killed loses what was kept in the last few milliseconds; what `flush` has returned for is never lost. A
power cut may take some seconds more, save for safety events and facts, which are on the disk itself.

What was kept and could not be written, for the disk is full or read-only, is held and sent to the server all the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pommai.errors import PommaiError
from pommai.io.clock import boot_id
from pommai.io.clock import uptime as system_uptime
from pommai.io.memory_items import BATCH_ITEMS, Item, batch_of, cut, is_due
from pommai.io.memory_keeper import Keeper
from pommai.io.memory_popular import asked
from pommai.io.memory_queue import Ask, Sent
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Clock
from pommai.io.seal import Seal
from pommai.protocol.messages import Conversation, SyncAck, SyncBatch, ToyProfile
from pommai.protocol.schema import Shape

logger = logging.getLogger(__name__)

MOST_FACTS = 200
FACT_BYTES = 4096
PROFILE_BYTES = 256 * 1024
REASON_BYTES = 500

_PROFILE = Shape(ToyProfile)


class SqliteMemory:
    """The port Memory, on a disk. Made by `open`; whoever opens closes."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._handed_out: set[str] = set()
        """Ids that were in a batch: nothing else can be settled."""
        self._new = {True: asyncio.Event(), False: asyncio.Event()}
        """Something new waits, by lane: safety events, and all else."""
        self._fresh: set[bool] = set()
        """Lanes in which something was kept in this round."""

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        persistent: Path | None = None,
        copy_every: float = 600.0,
        boot: str | None = None,
        uptime: Callable[[], float] = system_uptime,
        seal: Seal | None = None,
        locked: str = "",
    ) -> SqliteMemory:
        """Open the memory at `path`, or begin one. Does not raise for a disk in trouble: see `trouble`.

        Where `path` lies on a disk that is lost at power-off, `persistent` gets a copy every `copy_every` seconds and
        at the end, and the copy is brought back when `path` is missing. `boot` and `uptime` tell one run of the
        machine from another, and how long it has run. All that is written is closed with `seal`, where there is one;
        `locked` says why there is none today: then this run remembers nothing, and what is on the disk stays.
        """
        memory: SqliteMemory

        def on_written() -> None:
            memory._announce()

        keeper = Keeper(
            path,
            clock,
            copy=persistent,
            copy_every=copy_every,
            boot=boot or boot_id(),
            uptime=uptime,
            on_written=on_written,
            seal=seal,
            locked=locked,
        )
        memory = cls(keeper)
        await keeper.start()
        memory._fresh.update(lane for lane, count in zip((True, False), keeper.waiting, strict=True) if count)
        memory._announce()
        return memory

    async def close(self) -> None:
        """Write what waits, and let go of the files. Harmless when called again."""
        await self._keeper.close()

    async def flush(self) -> bool:
        """Wait until all that was kept is written. False when the disk does not take it: then it is held."""
        return await self._keeper.flush()

    @property
    def trouble(self) -> tuple[str, ...]:
        """What went wrong with the disk since the memory was opened: sentences, each once."""
        return tuple(self._keeper.troubles.sentences)

    @property
    def path(self) -> Path | None:
        """The file in use: not always the one asked for, and None when there is none."""
        return self._keeper.path

    @property
    def dropped(self) -> Mapping[str, int]:
        """Items by kind that found no room since the memory was opened."""
        return MappingProxyType(self._keeper.dropped)

    # -- keeping ---------------------------------------------------------------------------

    def keep_conversation(self, conversation: Conversation) -> None:
        try:
            now = self._keeper.moment()
            item = self._keeper.maker.conversation(conversation, now)
            question = asked(conversation)
            if item is None or item.id in self._keeper.pending.items:
                return
            self._add(item)
            if question is not None:
                text, answer = question
                self._keeper.pending.asks.append(Ask(text, None if answer is None else cut(answer, 4096), now))
        except Exception:  # keeping never raises: the toy goes on
            _cannot_keep(CONVERSATIONS)

    def keep_safety_event(self, event: Mapping[str, object]) -> None:
        try:
            item = self._keeper.maker.safety_event(event, self._keeper.moment())
            if item is not None:
                self._add(item)
        except Exception:
            _cannot_keep(SAFETY)

    def keep_metric(self, name: str, value: float) -> None:
        try:
            item = self._keeper.maker.metric(name, value, self._keeper.moment())
            if item is not None:
                self._add(item)
        except Exception:
            _cannot_keep(METRICS)

    def keep_log(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        try:
            item = self._keeper.maker.log(level, event, fields, self._keeper.moment())
            if item is not None:
                self._add(item)
        except Exception:
            _cannot_keep(LOGS)

    def keep_toy(self, profile: ToyProfile) -> None:
        try:
            body = json.dumps(_PROFILE.write(profile), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            if len(body.encode()) > PROFILE_BYTES:
                raise ValueError(f"larger than {PROFILE_BYTES} bytes")
            _PROFILE.read(json.loads(body), "toy")
        except Exception as caught:
            logger.error("not kept", extra={"kind": "toy", "reason": str(caught)})
            return
        self._keeper.pending.toys[profile.toy_id] = (body, self._keeper.moment())
        self._keeper.wake()

    async def toy(self, toy_id: str) -> ToyProfile | None:
        await self._settle_down()
        if toy_id in self._keeper.pending.toys:
            body: str | None = self._keeper.pending.toys[toy_id][0]
        else:
            body = await self._keeper.read(lambda store: store.toy(toy_id), None)
        if body is None:
            return None
        try:
            return _PROFILE.read(json.loads(body), "toy")
        except (PommaiError, ValueError) as caught:
            logger.warning("kept toy ignored", extra={"toy": toy_id, "reason": str(caught)})
            return None

    async def toys(self) -> tuple[str, ...]:
        await self._settle_down()
        nobody: tuple[str, ...] = ()
        found = await self._keeper.read(lambda store: store.toys(), nobody)
        return tuple(dict.fromkeys((*found, *self._keeper.pending.toys)))

    def keep_fact(self, name: str, value: str | None) -> None:
        facts = self._keeper.facts
        try:
            if value is not None:
                value = cut(value, FACT_BYTES)
            name = cut(name, 128)
        except Exception:
            _cannot_keep("fact")
            return
        if facts.get(name) == value:
            return
        if value is None:
            del facts[name]
        elif name in facts or len(facts) < MOST_FACTS:
            facts[name] = value
        else:
            logger.error("not kept", extra={"kind": "fact", "reason": f"there are {MOST_FACTS} already"})
            return
        self._keeper.pending.facts[name] = value
        self._keeper.wake()

    def fact(self, name: str) -> str | None:
        return self._keeper.facts.get(name)

    def popular(self) -> Mapping[str, str]:
        return MappingProxyType(self._keeper.popular)

    def note_sent(self, kind: str, receiver: str, size: int, items: Sequence[str]) -> None:
        """Note for the guardian that something left the toy: `size` bytes, with items of these ids. Never raises."""
        try:
            listed = json.dumps([cut(name, 128) for name in items[:BATCH_ITEMS]])
            self._keeper.pending.sent.append(
                Sent(cut(kind, 128), cut(receiver, 256), size, listed, self._keeper.moment())
            )
            self._keeper.wake()
        except Exception:
            _cannot_keep("note of what was sent")

    def retain(self, days: Mapping[str, int]) -> None:
        known = {kind: max(0, int(count)) for kind, count in days.items() if kind in self._keeper.days}
        new = {**self._keeper.days, **known}
        if new != self._keeper.days:
            self._keeper.days = new
            self._keeper.pending.retention = dict(new)
            self._keeper.sweep_soon()

    # -- the queue -------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        return self._keeper.unsent

    async def batch(self, *, safety: bool) -> SyncBatch | None:
        await self._settle_down()
        keeper = self._keeper
        settled = keeper.pending.settled
        found: list[Item] = await keeper.read(lambda store: store.waiting(safety=safety, without=len(settled)), [])
        waiting = {item.id: item for item in found}
        if not keeper.is_well:
            # What the disk does not take waits too, in its place. What it will take in a moment is sent after that: the
            # server must never know of something that a toy killed now has forgotten, and whose number it gives anew.
            for item in keeper.pending.items.values():
                if (item.kind == SAFETY) == safety:
                    waiting.setdefault(item.id, item)
        due = sorted((item for item in waiting.values() if item.id not in keeper.pending.settled), key=is_due)
        batch = batch_of(due[:BATCH_ITEMS])
        self._handed_out.update(item.id for item in due[:BATCH_ITEMS])
        return batch

    async def settle(self, ack: SyncAck) -> None:
        told: dict[str, str | None] = {item.id: cut(item.reason, REASON_BYTES) for item in ack.rejected}
        told.update(dict.fromkeys(ack.accepted))
        known = {name: reason for name, reason in told.items() if name in self._handed_out}
        if len(known) < len(told):
            logger.info("settled what was not sent", extra={"batch": ack.batch, "items": len(told) - len(known)})
        if not known:
            return
        self._handed_out.difference_update(known)
        self._keeper.pending.settled.update(known)
        self._keeper.wake()
        await self._settle_down()

    async def changed(self, *, safety: bool) -> None:
        event = self._new[safety]
        await event.wait()
        event.clear()

    # -- inside ----------------------------------------------------------------------------

    def _add(self, item: Item) -> None:
        self._keeper.pending.add(item)
        self._fresh.add(item.kind == SAFETY)
        self._keeper.wake()

    def _announce(self) -> None:
        """A round is over: what was kept can be asked for now."""
        for lane in self._fresh:
            self._new[lane].set()
        self._fresh.clear()

    async def _settle_down(self) -> None:
        """Let what waits be written, unless the disk is in trouble anyway."""
        if self._keeper.is_well:
            await self._keeper.flush()


def _cannot_keep(kind: str) -> None:
    logger.exception("not kept", extra={"kind": kind})
