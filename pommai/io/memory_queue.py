"""What waits to be written: in order, bounded, and less of it where a later word makes an earlier one void."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from msgspec import Struct, field

from pommai.io.memory_items import Item, Moment

MOST_ITEMS = 1000
"""Held while the disk takes nothing: at most 16 MB, usually 0.3 MB. The least important are dropped first."""


class Ask(Struct, frozen=True):
    """A question was asked; `answer` is None when the server gave none."""

    question: str
    answer: str | None
    moment: Moment


class Sent(Struct, frozen=True):
    """Something left the toy."""

    kind: str
    receiver: str
    bytes: int
    items: str
    """Ids, as a JSON list."""
    moment: Moment


class Pending(Struct):
    """Writes that wait. What fails to be written is put back in front of what came meanwhile."""

    items: dict[str, Item] = field(default_factory=dict)
    """By id, in sequence."""
    asks: deque[Ask] = field(default_factory=lambda: deque(maxlen=MOST_ITEMS))
    facts: dict[str, str | None] = field(default_factory=dict)
    toys: dict[str, tuple[str, Moment]] = field(default_factory=dict)
    """Configurations as JSON."""
    settled: dict[str, str | None] = field(default_factory=dict)
    """Ids the server has, with None, or refuses, with its reason."""
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=MOST_ITEMS))
    retention: dict[str, int] | None = None
    dropped: Counter[str] = field(default_factory=Counter)
    """Items by kind that found no room."""

    def __bool__(self) -> bool:
        return bool(self.items or self.asks or self.facts or self.toys or self.settled or self.sent or self.retention)

    def add(self, item: Item) -> None:
        """Keep an item, once; drops the least important when there are too many."""
        self.items.setdefault(item.id, item)
        self._make_room()

    def put_back(self, earlier: Pending) -> None:
        """What was taken out before could not be written: it comes first again."""
        self.items = earlier.items | {key: item for key, item in self.items.items() if key not in earlier.items}
        self.asks = deque([*earlier.asks, *self.asks], maxlen=MOST_ITEMS)
        self.sent = deque([*earlier.sent, *self.sent], maxlen=MOST_ITEMS)
        self.facts = earlier.facts | self.facts
        self.toys = earlier.toys | self.toys
        self.settled = earlier.settled | self.settled
        self.retention = self.retention or earlier.retention
        self.dropped = earlier.dropped + self.dropped
        self._make_room()

    def moments(self) -> Iterator[Moment]:
        """When all of it was."""
        for timed in (self.items.values(), self.asks, self.sent):
            yield from (each.moment for each in timed)
        yield from (when for _, when in self.toys.values())

    def _make_room(self) -> None:
        while len(self.items) > MOST_ITEMS:
            worst = max(self.items.values(), key=lambda item: (item.priority, -item.sequence))
            del self.items[worst.id]
            self.dropped[worst.kind] += 1
