"""What a gateway has yet to tell the others through Redis: never more than a little for each toy."""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from pommai.gateway.archive import Alert
from pommai.gateway.fleet import scripts
from pommai.gateway.fleet.news import alert_fields, entry_text
from pommai.gateway.fleet.port import Seat
from pommai.gateway.fleet.wanted import MOST, Entry

MOST_ALERTS: Final = 100
"""Alerts that wait for Redis. Then the oldest is dropped: it is in the archive of this gateway all the same."""
AT_ONCE: Final = 100
"""Toys, or changes, that are told in one call."""


class Asks(Protocol):
    """What Redis is asked through."""

    async def run(self, script: str, keys: tuple[str, ...], *arguments: str | int) -> list[bytes]:
        """What a script answers; keys without their common beginning. Raises FleetError."""

    async def call(self, command: str, key: str, *arguments: str | int) -> object:
        """What a command on one key answers. Raises FleetError."""


class Untold:
    """Takes note at once, and tells when it is asked to. What could not be told is told the next time."""

    def __init__(self, me: str, lease: int, seats_begin: str) -> None:
        """`me` is what the gateway calls itself in Redis, `lease` how many milliseconds its seats live without a beat,
        `seats_begin` what the keys of all gateways' seats begin with."""
        self._me = me
        self._lease = lease
        self._seats_begin = seats_begin
        self._entries: dict[str, Entry] = {}
        self._seats: dict[str, Seat] = {}
        self._numbers: dict[str, str] = {}
        self._left: dict[str, str] = {}
        self._alerts: deque[tuple[str, Alert]] = deque(maxlen=MOST_ALERTS)
        self._clear = False

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._clear or self._entries or self._seats or self._left or self._alerts)

    @property
    def seats_told(self) -> int:
        """How many seats Redis should know."""
        return len(self._numbers)

    def set(self, where: str, entry: Entry) -> None:
        """This was set here, or Redis has forgotten it."""
        self._entries[where] = entry

    def seated(self, seat: Seat) -> None:
        """This toy is here, and who it is."""
        self._seats[seat.session_id] = seat

    def left(self, seat: Seat) -> None:
        """This toy is gone, or elsewhere."""
        self._seats.pop(seat.session_id, None)
        if self._numbers.pop(seat.session_id, None) is not None and not self._clear:
            self._left[seat.session_id] = seat.device_id

    def alert(self, alert: Alert) -> None:
        """A grown-up should know."""
        self._alerts.append((secrets.token_hex(8), alert))

    def start_over(self, seats: Iterable[Seat]) -> None:
        """Redis may know anything of our seats, or nothing: tell of these and forget all others."""
        self._clear = True
        self._left.clear()
        self._seats = {seat.session_id: seat for seat in seats}

    async def tell(self, redis: Asks, seen: int) -> list[str]:
        """Tell all of it; `seen` is the highest revision there was. The sessions whose toys have connected to another
        gateway since. Raises FleetError: what was not told is kept."""
        if self._clear:
            await redis.call("DEL", f"seats:{self._me}")
            self._clear = False
        while self._entries:
            some = dict(itertools.islice(self._entries.items(), AT_ONCE))
            words = [word for where, entry in some.items() for word in (where, entry_text(entry))]
            await redis.run(scripts.MERGE, ("clock", "wanted", "changes", "news"), self._me, MOST, *words)
            for where, entry in some.items():
                if self._entries.get(where) == entry:
                    del self._entries[where]
        while self._left:
            gone = dict(itertools.islice(self._left.items(), AT_ONCE))
            words = [word for session_id, device_id in gone.items() for word in (device_id, session_id)]
            await redis.run(scripts.RELEASE, (f"seats:{self._me}",), *words)
            for session_id in gone:
                self._left.pop(session_id, None)
        lost = await self._claim(redis, seen)
        while self._alerts:
            id_, alert = self._alerts[0]
            fields = [word for pair in alert_fields(alert, self._me, id_).items() for word in pair]
            await redis.call("XADD", "alerts", "MAXLEN", "~", scripts.MOST_ALERTS, "*", *fields)
            if self._alerts and self._alerts[0][0] == id_:
                self._alerts.popleft()
        return lost

    async def _claim(self, redis: Asks, seen: int) -> list[str]:
        lost: list[str] = []
        while self._seats:
            some = list(itertools.islice(self._seats.values(), AT_ONCE))
            words: list[str | int] = [self._me, self._seats_begin, self._lease, seen]
            for seat in some:
                words += [seat.device_id, seat.session_id, seat.toy_id, self._numbers.get(seat.session_id, "")]
            keys = ("clock", "gateways", "news", f"seats:{self._me}")
            numbers = await redis.run(scripts.CLAIM, keys, *words)
            for seat, number in zip(some, numbers, strict=True):
                if number == b"":
                    self._seats.pop(seat.session_id, None)
                    self._numbers.pop(seat.session_id, None)
                    lost.append(seat.session_id)
                elif seat.session_id not in self._seats:  # it has left while Redis was told of it
                    self._left[seat.session_id] = seat.device_id
                else:
                    self._numbers[seat.session_id] = number.decode()
                    if self._seats[seat.session_id] == seat:
                        del self._seats[seat.session_id]
        return lost
