"""A memory without a disk, for simulated toys: the same behaviour on virtual time, without a thread.

`tests/test_io_memory_contract.py` holds it and SqliteMemory to one description. It lasts as long as the object does:
give it to the next toy, and that toy has been switched off and on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping

from msgspec import structs

from pommai.io import memory_popular as popular
from pommai.io.clock import uptime as system_uptime
from pommai.io.memory_items import (
    BATCH_ITEMS,
    DEFAULT_DAYS,
    KEPT_CONVERSATIONS,
    UNKNOWN,
    WORKED_OUT,
    Item,
    ItemMaker,
    Moment,
    batch_of,
    is_due,
    moment,
)
from pommai.io.memory_queue import Ask
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY, Clock
from pommai.protocol.messages import Conversation, SyncAck, SyncBatch, ToyProfile

logger = logging.getLogger(__name__)

MOST_WAITING = 5000
_DAY = 86_400.0


class SimulatedMemory:
    """The port Memory in plain Python. `waiting`, `sent` and `refused` are what a test looks at."""

    def __init__(self, clock: Clock, *, uptime: Callable[[], float] = system_uptime) -> None:
        """`uptime` gives seconds that never jump: virtual ones, in a simulation."""
        self.waiting: dict[str, Item] = {}
        self.sent: dict[str, Item] = {}
        """What the server has, as far as it is still kept."""
        self.refused: dict[str, tuple[Item, str]] = {}
        """What the server does not want, and why."""
        self.facts: dict[str, str] = {}
        self.dropped: Counter[str] = Counter()
        self._clock, self._uptime = clock, uptime
        self._maker = ItemMaker()
        self._toys: dict[str, ToyProfile] = {}
        self._asks: deque[Ask] = deque(maxlen=popular.ASKS)
        self._answers: dict[str, str] = {}
        self._popular: dict[str, str] | None = {}
        self._days = dict(DEFAULT_DAYS)
        self._handed_out: set[str] = set()
        self._new = {True: asyncio.Event(), False: asyncio.Event()}
        self._sweep_at = 0.0

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def flush(self) -> bool:
        """Everything is kept at once."""
        return True

    # -- keeping ---------------------------------------------------------------------------

    def keep_conversation(self, conversation: Conversation) -> None:
        try:
            now = self._now()
            item = self._maker.conversation(conversation, now)
            question = popular.asked(conversation)
            if not self._add(item):
                return
            if question is not None:
                text, answer = question
                self._asks.append(Ask(text, answer, now))
                if answer is not None:
                    self._answers[text] = answer
                self._popular = None
            self._forget_old_conversations()
        except Exception:  # keeping never raises: the toy goes on
            _cannot_keep(CONVERSATIONS)

    def keep_safety_event(self, event: Mapping[str, object]) -> None:
        try:
            self._add(self._maker.safety_event(event, self._now()))
        except Exception:
            _cannot_keep(SAFETY)

    def keep_metric(self, name: str, value: float) -> None:
        try:
            self._add(self._maker.metric(name, value, self._now()))
        except Exception:
            _cannot_keep(METRICS)

    def keep_log(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        try:
            self._add(self._maker.log(level, event, fields, self._now()))
        except Exception:
            _cannot_keep(LOGS)

    def keep_toy(self, profile: ToyProfile) -> None:
        self._toys[profile.toy_id] = profile

    async def toy(self, toy_id: str) -> ToyProfile | None:
        return self._toys.get(toy_id)

    async def toys(self) -> tuple[str, ...]:
        return tuple(self._toys)

    def keep_fact(self, name: str, value: str | None) -> None:
        if value is None:
            self.facts.pop(name, None)
        else:
            self.facts[name] = value

    def fact(self, name: str) -> str | None:
        return self.facts.get(name)

    def popular(self) -> Mapping[str, str]:
        if self._popular is None:
            since = self._uptime() - popular.WINDOW_DAYS * _DAY
            recent = [ask.question for ask in self._asks if ask.moment.uptime >= since]
            counts = Counter(question for question in recent if question in self._answers)
            last = {question: place for place, question in enumerate(recent)}
            often = [question for question, count in counts.items() if count > popular.MORE_THAN]
            often.sort(key=lambda question: (-counts[question], -last[question]))
            self._popular = {question: self._answers[question] for question in often[: popular.MOST]}
        return self._popular

    def retain(self, days: Mapping[str, int]) -> None:
        self._days.update({kind: max(0, int(count)) for kind, count in days.items() if kind in self._days})
        self._sweep_at = self._uptime()
        self._sweep()

    # -- the queue -------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        return len(self.waiting)

    async def batch(self, *, safety: bool) -> SyncBatch | None:
        self._sweep()
        due = sorted((item for item in self.waiting.values() if (item.kind == SAFETY) == safety), key=is_due)
        self._handed_out.update(item.id for item in due[:BATCH_ITEMS])
        return batch_of(self._timed(item) for item in due[:BATCH_ITEMS])

    async def settle(self, ack: SyncAck) -> None:
        for name in ack.accepted:
            item = self.waiting.pop(name, None) if name in self._handed_out else None
            if item is not None and item.kind not in (METRICS, LOGS) and self._days.get(item.kind, 0):
                self.sent[name] = item
        for refusal in ack.rejected:
            if refusal.id in self._handed_out and (item := self.waiting.pop(refusal.id, None)):
                self.refused[refusal.id] = (item, refusal.reason)
        self._handed_out.difference_update(ack.accepted, (refusal.id for refusal in ack.rejected))
        self._forget_old_conversations()

    async def changed(self, *, safety: bool) -> None:
        event = self._new[safety]
        await event.wait()
        event.clear()

    # -- inside ----------------------------------------------------------------------------

    def _add(self, item: Item | None) -> bool:
        if item is None or item.id in self.waiting or item.id in self.sent or item.id in self.refused:
            return False
        self.waiting[item.id] = item
        if len(self.waiting) > MOST_WAITING:
            worst = max(self.waiting.values(), key=lambda kept: (kept.priority, -kept.sequence))
            del self.waiting[worst.id]
            self.dropped[worst.kind] += 1
        self._new[item.kind == SAFETY].set()
        self._sweep()
        return True

    def _now(self) -> Moment:
        return moment(self._clock.now(), "simulated", self._uptime())

    def _timed(self, item: Item) -> Item:
        """The item with its time worked out, when the clock became trusted after it was kept."""
        now = self._now()
        if item.moment.source != UNKNOWN or now.source == UNKNOWN:
            return item
        wall = now.wall - int((now.uptime - item.moment.uptime) * 1000)
        return structs.replace(item, moment=item.moment._replace(wall=wall, source=WORKED_OUT))

    def _forget_old_conversations(self) -> None:
        if not self.sent:
            return
        kept = [item.sequence for item in (*self.waiting.values(), *self.sent.values()) if item.kind == CONVERSATIONS]
        if len(kept) <= KEPT_CONVERSATIONS:
            return
        oldest = sorted(kept)[-KEPT_CONVERSATIONS]
        for name in [n for n, item in self.sent.items() if item.kind == CONVERSATIONS and item.sequence < oldest]:
            del self.sent[name]

    def _sweep(self) -> None:
        """Let go what is too old. A machine that is never switched off knows how old things are."""
        now = self._uptime()
        if now < self._sweep_at or not self._clock.now().trusted:
            return
        self._sweep_at = now + _DAY

        def is_old(item: Item) -> bool:
            return item.kind in self._days and now - item.moment.uptime > max(self._days[item.kind], 1) * _DAY

        self.waiting = {name: item for name, item in self.waiting.items() if not is_old(item)}
        self.sent = {name: item for name, item in self.sent.items() if not is_old(item) and self._days[item.kind]}
        self.refused = {name: pair for name, pair in self.refused.items() if not is_old(pair[0])}
        window = min(popular.WINDOW_DAYS, self._days[CONVERSATIONS]) * _DAY
        while self._asks and now - self._asks[0].moment.uptime > window:
            self._asks.popleft()
        asked = {ask.question for ask in self._asks}
        self._answers = {question: answer for question, answer in self._answers.items() if question in asked}
        self._popular = None


def _cannot_keep(kind: str) -> None:
    logger.exception("not kept", extra={"kind": kind})
