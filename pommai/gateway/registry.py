"""Who is connected: one session a device."""

from __future__ import annotations

from typing import Final

from pommai.gateway.session import REPLACED, Session
from pommai.protocol.limits import RateLimit

MOST_REPLACED: Final = 20
"""Times that a device may replace its own connection in any 60 s. A toy whose network comes and goes waits longer and
longer; two toys with one identity would throw each other out without end."""
MOST_DEVICES: Final = 4096
"""Devices whose replacements are counted."""


class Registry:
    """The sessions, by their id, in the order they came. A device has one: its newest."""

    def __init__(self, sessions: dict[str, Session]) -> None:
        """`sessions` is filled and emptied by the registry alone; others may look."""
        self._sessions = sessions
        self._by_device: dict[str, Session] = {}
        self._replaced: dict[str, RateLimit] = {}

    def enter(self, session: Session, now: float) -> float | None:
        """Enter a session, and end the older one of its device. None; or, when the device does that too often, seconds
        to wait, and nothing has changed: the older connection stays."""
        device_id = session.device_id
        older = self._by_device.get(device_id)
        if older is not None:
            limit = self._replaced.setdefault(device_id, RateLimit(MOST_REPLACED))
            if not limit.allow(now):
                return limit.retry_after(now)
            self._bound()
            self._sessions.pop(older.id, None)
            older.part(REPLACED, "this device has connected anew")
        self._by_device[device_id] = session
        self._sessions[session.id] = session
        return None

    def leave(self, session: Session) -> bool:
        """Forget a session. Whether its device is gone with it; not when a newer one has taken its place."""
        self._sessions.pop(session.id, None)
        if self._by_device.get(session.device_id) is not session:
            return False
        del self._by_device[session.device_id]
        return True

    def _bound(self) -> None:
        while len(self._replaced) > MOST_DEVICES:
            del self._replaced[next(iter(self._replaced))]
