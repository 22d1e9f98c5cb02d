"""The operator's console: a line in, words out. Where lines come from and words go to is the caller's."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from typing import Final

from pommai.errors import FleetError, PersonasError, PommaiError
from pommai.gateway.archive import Alert
from pommai.gateway.orders import Orders
from pommai.gateway.session import Session

MOST_REFUSED: Final = 20
MOST_SHOWN: Final = 300
"""Lines, and characters in one, that are shown of what a toy says it has refused."""

COMMANDS: Final = (
    "sessions",
    "switch TOY [DEVICE]",
    "config",
    "pause [TIME [MESSAGE]]",
    "resume",
    "volume PERCENT [DEVICE]",
    "restart DEVICE",
    "reset DEVICE",
    "reload",
    "alerts",
    "archive",
    "quit",
)
"""What an operator can say. `pommai gateway --help` says what each does."""


class Console:
    """Obeys an operator."""

    def __init__(self, orders: Orders, quit_: Callable[[], None]) -> None:
        """`quit_` ends the gateway."""
        self._orders = orders
        self._gateway = orders.gateway
        self._quit = quit_

    async def obey(self, line: str) -> str:
        """Do what a line says; the answer, in one line or more, or empty to an empty line."""
        try:
            return await self._obey(line.split())
        except PommaiError as caught:
            return str(caught)

    async def _obey(self, words: list[str]) -> str:
        match words:
            case []:
                return ""
            case ["sessions"]:
                return await self._sessions()
            case ["switch", toy_id, *device] if len(device) <= 1:
                return f"asked {_toys(await self._orders.switch(toy_id, *device))} to become {toy_id}"
            case ["config"]:
                rows = [_settings(each) for each in self._gateway.sessions]
                return "\n".join(rows) or "no toy is connected"
            case ["pause"]:
                return f"asked {_toys(await self._orders.pause())} to pause until `resume`"
            case ["pause", length, *message]:
                return f"asked {_toys(await self._orders.pause(length, ' '.join(message)))} to pause for {length}"
            case ["resume"]:
                return f"asked {_toys(await self._orders.resume())} to go on"
            case ["volume", percent, *device] if len(device) <= 1:
                return f"told {_toys(await self._orders.set_volume(percent, *device))}: volume {int(percent)}"
            case ["restart", device]:
                return f"asked {_toys(await self._orders.restart(device))} to begin again"
            case ["reset", device]:
                return f"asked {_toys(await self._orders.reset(device))} to forget everything"
            case ["reload"]:
                return await self._reload()
            case ["alerts"]:
                return "\n".join(" ".join(alert) for alert in await self._gateway.archive.alerts()) or "no alerts"
            case ["archive"]:
                return await self._count()
            case ["quit"]:
                self._quit()
                return "bye"
        return f"known: {', '.join(COMMANDS)}"

    async def _reload(self) -> str:
        try:
            told = await self._orders.reload()
        except PersonasError as caught:
            return f"{caught}\nthe toys stay as they were"
        return f"read {self._orders.personas}; told {_toys(told)} of changes"

    async def _sessions(self) -> str:
        fleet = self._gateway.fleet
        missing = []
        try:
            seats = await fleet.seats()
        except FleetError as caught:
            seats, missing = fleet.seats_here, [f"the toys of other gateways are not shown: {caught}"]
        rows = [
            f"{seat.device_id} is {seat.toy_id} (session {seat.session_id}"
            + (")" if seat.gateway == fleet.name else f" of {seat.gateway})")
            for seat in seats
        ]
        return "\n".join((rows or ["no toy is connected"]) + missing)

    async def _count(self) -> str:
        rows = []
        for device_id, counts in groupby(await self._gateway.archive.counts(), lambda count: count.device_id):
            rows.append(f"{device_id}: " + ", ".join(f"{count.kind} {count.number}" for count in counts))
        return "\n".join(rows) or "nothing is kept yet"


def alert_line(alert: Alert) -> str:
    """What is printed of an alert as it comes in."""
    return f"alert {alert.device_id} {alert.severity} {alert.reason}"


def _settings(session: Session) -> str:
    """What a toy says of the settings it was given: its own words, which are a stranger's."""
    report = session.report
    if report is None:
        return f"{session.device_id} has not said yet what it took"
    taken = ", ".join(f"{_plain(key)} {_plain(json.dumps(value))}" for key, value in report.applied.items())
    rows = [f"{session.device_id} has {taken or 'nothing set'}"]
    rows += [f"  refused {_plain(each.key)}: {_plain(each.reason)}" for each in report.refused[:MOST_REFUSED]]
    return "\n".join(rows)


def _plain(words: str) -> str:
    """Words that cannot disturb a terminal, nor fill it."""
    return "".join(letter if letter.isprintable() else "?" for letter in words[:MOST_SHOWN])


def _toys(count: int) -> str:
    return f"{count} {'toy' if count == 1 else 'toys'}"
