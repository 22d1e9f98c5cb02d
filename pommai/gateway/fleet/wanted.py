"""Who toys are to be, as every gateway of a fleet comes to know it, in whatever order the news arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

ALL: Final = "*"
"""In place of a device id: what counts for every toy. No device has this id."""
MOST: Final = 100_000
"""Devices for which something of their own is remembered."""
HIGHEST: Final = 2**52
"""No revision is higher. As milliseconds, that is in the year 144,683."""


class Entry(NamedTuple):
    """The persona that was set, and when: the higher revision is the later word. Two of one revision, set by gateways
    that could not hear each other, are in the order of their ids, which is the same everywhere."""

    revision: int
    toy_id: str


class Wanted:
    """A register per device and one for all; whoever has merged the same entries, in any order, has the same state.

    What is set for all overrules what was set for one before it, and is overruled by what is set for one after it.
    Revisions are a clock that never goes back: the milliseconds since 1970 where they are known, and in any case more
    than every revision seen before (a hybrid logical clock: Kulkarni et al., "Logical Physical Clocks", 2014).

    >>> wanted = Wanted()
    >>> wanted.merge("desk-1", Entry(1, "tars")), wanted.merge(ALL, Entry(2, "pommai-bear"))
    (True, True)
    >>> wanted.of("desk-1")
    Entry(revision=2, toy_id='pommai-bear')
    >>> wanted.merge("desk-1", Entry(1, "tars")), wanted.next(now=1)
    (False, 3)
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._seen = 0

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        """All that counts: device id, or ALL, and what was set."""
        return iter(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def seen(self) -> int:
        """The highest revision there was."""
        return self._seen

    def of(self, device_id: str) -> Entry | None:
        """What counts for a device; ALL: for every one that has nothing of its own. None: nobody has set anything."""
        return self._entries.get(device_id) or self._entries.get(ALL)

    def next(self, now: int) -> int:
        """A revision for what is set now, by a clock in milliseconds that need not be right."""
        return min(max(now, self._seen + 1), HIGHEST)

    def takes(self, where: str, entry: Entry) -> bool:
        """Whether this would change what counts. A device too many is not remembered."""
        if not 0 < entry.revision <= HIGHEST:
            return False
        known, for_all = self._entries.get(where), self._entries.get(ALL)
        if known is None and where != ALL and len(self._entries) > MOST:
            return False
        return (known is None or known < entry) and (for_all is None or for_all < entry)

    def merge(self, where: str, entry: Entry) -> bool:
        """Take what was set for a device, or for ALL. Whether it changes what counts: news that is older does not."""
        if not self.takes(where, entry):
            return False
        self._seen = max(self._seen, entry.revision)
        if where == ALL:
            self._entries = {each: own for each, own in self._entries.items() if own > entry}
        self._entries[where] = entry
        return True
