"""Does for the toys of this gateway what the fleet wants."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from pommai.gateway.active import ActivePersonas
from pommai.gateway.archive import Alert
from pommai.gateway.fleet.port import Order
from pommai.gateway.session import REPLACED, Session
from pommai.protocol import messages as m

Each = Callable[[Callable[[Session], bool], Callable[[Session], Awaitable[None]]], Awaitable[int]]
"""Tells every toy that is concerned; how many heard it."""

_log = logging.getLogger(__name__)


class ToysHere:
    """The sessions of one gateway."""

    def __init__(
        self,
        active: ActivePersonas,
        sessions: Mapping[str, Session],
        each: Each,
        on_alert: Callable[[Alert], None],
    ) -> None:
        """`sessions`, by their ids, are those of now at any time; `on_alert` hears of what other gateways tell."""
        self._active = active
        self._sessions = sessions
        self._each = each
        self._on_alert = on_alert
        self._dropped: set[str] = set()

    async def follow(self) -> int:
        self._dropped &= self._sessions.keys()
        due = {
            session.id: toy_id
            for session in tuple(self._sessions.values())
            if session.id not in self._dropped and (toy_id := self._active.due(session.device_id)) is not None
        }

        async def ask(session: Session) -> None:
            await session.send(m.SwitchToy(due[session.id], "it was asked for"))
            await session.configure()

        asked = await self._each(lambda session: session.id in due, ask)
        if due:
            _log.info("toy switch", extra={"toy": ",".join(sorted(set(due.values()))), "asked": asked})
        return asked

    async def obey(self, order: Order) -> int:
        message = _message(order)
        told = await self._each(
            lambda session: order.device_id in (None, session.device_id), lambda session: session.send(message)
        )
        fact: dict[str, object] = {"seconds": order.seconds} if order.kind == "pause" else {}
        fact |= {"percent": order.percent} if order.kind == "volume" else {}
        fact |= {} if order.device_id is None else {"device": order.device_id}
        _log.info(order.kind, extra={**fact, "told": told})
        return told

    def drop(self, session_id: str) -> None:
        session = self._sessions.get(session_id)
        if session is not None:
            self._dropped.add(session_id)
            session.part(REPLACED, "this device has connected anew")

    def alarm(self, alert: Alert) -> None:
        self._on_alert(alert)


def _message(order: Order) -> m.Message:
    match order.kind:
        case "pause":
            return m.SafetyOverride("pause_interaction", order.seconds, order.message)
        case "resume":
            return m.SafetyOverride("resume")
        case "volume":
            return m.Command("volume", {"percent": order.percent})
        case "restart" | "reset" as name:
            return m.Command(name)
