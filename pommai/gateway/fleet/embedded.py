"""A fleet of one gateway: everything is known in this process."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
import time
from typing import Final, Protocol

from pommai.errors import SettingsError, StoreError
from pommai.gateway.archive import Alert
from pommai.gateway.fleet.port import NAME, Hands, Order, Seat
from pommai.gateway.fleet.wanted import ALL, Entry, Wanted

LATER: Final = 30.0
"""Seconds until it is tried again to write down what a full disk did not take."""

_log = logging.getLogger(__name__)


class Notes(Protocol):
    """Where it is written down who toys are to be, so that it is known after a restart."""

    async def read(self) -> dict[str, Entry]:
        """What was written. Raises StoreError."""

    async def write(self, changes: dict[str, Entry]) -> None:
        """Write what was set, for devices or for ALL. Raises StoreError, and nothing is written."""


class EmbeddedFleet:
    """The fleet of a gateway that is alone. Those of many gateways are this, and tell each other."""

    def __init__(self, name: str = "gateway", notes: Notes | None = None) -> None:
        """Without notes, who toys are to be is forgotten at the end. Raises SettingsError on an impossible name."""
        if re.fullmatch(NAME, name) is None:
            raise SettingsError(f"a gateway's name is 1 to 64 letters, digits, _ . and -, not '{name}'")
        self.name = name
        self.wanted = Wanted()
        self._notes = notes
        self._hands: Hands | None = None
        self._seats: dict[str, Seat] = {}  # by session id
        self._session_of: dict[str, str] = {}  # by device id
        self._unwritten: dict[str, Entry] = {}
        self._to_write = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def trouble(self) -> str:
        return ""

    @property
    def seats_here(self) -> tuple[Seat, ...]:
        return tuple(self._seats.values())

    @property
    def hands(self) -> Hands:
        """The gateway. Only after joining."""
        assert self._hands is not None, "the gateway has not joined its fleet"
        return self._hands

    async def join(self, hands: Hands) -> None:
        self._hands = hands
        if self._notes is not None:
            try:
                known = await self._notes.read()
            except StoreError as caught:  # who toys are to be is worth less than that they can talk
                _log.error("personas that were set are not known", extra={"reason": str(caught)})
                known = {}
            for where, entry in known.items():
                self.wanted.merge(where, entry)
            self._tasks.append(asyncio.create_task(self._write(self._notes), name="fleet notes"))

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
        if self._notes is not None and self._unwritten:
            try:
                await self._notes.write(self._unwritten)
            except StoreError as caught:
                _log.error("personas that were set are forgotten", extra={"reason": str(caught)})

    def seated(self, seat: Seat) -> None:
        other = self.seat_of(seat.device_id)
        if other is not None:
            self.drop(other.session_id)
        self._seats[seat.session_id] = dataclasses.replace(seat, gateway=self.name)
        self._session_of[seat.device_id] = seat.session_id

    def left(self, session_id: str) -> None:
        self._forget(session_id)

    def _forget(self, session_id: str) -> Seat | None:
        seat = self._seats.pop(session_id, None)
        if seat is not None:
            del self._session_of[seat.device_id]
        return seat

    def became(self, device_id: str, toy_id: str) -> None:
        seat = self.seat_of(device_id)
        if seat is not None:
            self._seats[seat.session_id] = dataclasses.replace(seat, toy_id=toy_id)

    def seat_of(self, device_id: str) -> Seat | None:
        """Where a device is connected to this gateway."""
        session_id = self._session_of.get(device_id)
        return None if session_id is None else self._seats[session_id]

    def drop(self, session_id: str) -> None:
        """Forget a session, and have it ended."""
        seat = self._forget(session_id)
        if seat is not None:
            _log.warning("toy came back elsewhere", extra={"session": session_id, "device": seat.device_id})
            self.hands.drop(session_id)

    def chose(self, device_id: str, toy_id: str) -> None:
        self._say(device_id, toy_id)

    def _say(self, where: str, toy_id: str) -> Entry:
        """Set it here and now."""
        entry = Entry(self.wanted.next(_now()), toy_id)
        self.learn(where, entry)
        return entry

    def learn(self, where: str, entry: Entry) -> bool:
        """Take what was set, here or elsewhere, and have it written down. Whether it was news."""
        if not self.wanted.merge(where, entry):
            return False
        if self._notes is not None:
            self._unwritten[where] = entry
            self._to_write.set()
        return True

    async def set(self, toy_id: str, device_id: str | None) -> int:
        self._say(device_id or ALL, toy_id)
        return await self.hands.follow()

    async def order(self, order: Order) -> int:
        return await self.hands.obey(order)

    def alert(self, alert: Alert) -> None:
        """There is nobody else to tell."""

    async def alerts(self) -> tuple[Alert, ...]:
        return ()

    async def seats(self) -> tuple[Seat, ...]:
        return self.seats_here

    async def _write(self, notes: Notes) -> None:
        """Write down what is set, as it comes, until cancelled."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            writing, self._unwritten = self._unwritten, {}
            try:
                await notes.write(writing)
            except BaseException as caught:
                self._unwritten = writing | self._unwritten
                if not isinstance(caught, StoreError):
                    raise
                _log.error("personas that were set are not written down", extra={"reason": str(caught)})
                await asyncio.sleep(LATER)
                self._to_write.set()


def _now() -> int:
    """Milliseconds since 1970, as far as this machine knows."""
    return time.time_ns() // 1_000_000
