"""Tells toys of the update bundles that they are offered: those that are connected, and others when they come.

Toys of a fleet do not fetch all at once: a few are told, and when one of them has said what became of it, the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import islice
from types import TracebackType
from typing import Final, NamedTuple, Self

from websockets.exceptions import ConnectionClosed

from pommai.errors import ProtocolError, StoreError
from pommai.gateway.offer_state import is_due
from pommai.gateway.offers import Book, Kept, Offers
from pommai.gateway.server import Gateway
from pommai.gateway.session import Session
from pommai.io.tls import is_loopback
from pommai.protocol import messages as m

AT_ONCE: Final = 8
"""Toys of one gateway that are about to take a bundle at the same time."""
LOOK_SECONDS: Final = 1.0
"""Between two looks at what toys have said."""
READ_SECONDS: Final = 5.0
"""Between two looks at what another gateway of the same data file may have changed, and whose time has come."""
HEARD_AT_ONCE: Final = 100
"""Toys whose word is written down at one look: after a restart all of them have something to say."""
LOOKED_AT_AT_ONCE: Final = 50
"""Toys, before the sound of all others is looked after."""
PATIENCE_SECONDS: Final = 900.0
"""How long a toy may take to fetch a bundle and look at it, before another one is told too."""
PATH: Final = "/api/bundles/"
"""Where toys fetch bundles, by their hash."""
NO_ADDRESS: Final = (
    "toys fetch over https, and this gateway knows no such address of its own: --tls-cert, or --public-url"
)

_log = logging.getLogger(__name__)


class Addresses:
    """How toys call this gateway's HTTP side."""

    def __init__(self, public: str | None, secure: bool, port: Callable[[], int]) -> None:
        """`public`: what an operator has said. `secure`: whether it is https. `port`: asked when it listens."""
        self._public = public
        self._secure = secure
        self._port = port

    def of(self, called: str) -> str | None:
        """Its beginning, for a toy that has called the gateway by this host; None: there is none it would use."""
        if self._public is not None:
            return self._public.rstrip("/")
        if not called or not (self._secure or is_loopback(called.strip("[]"))):
            return None
        return f"{'https' if self._secure else 'http'}://{called}:{self._port()}"


class _Flight(NamedTuple):
    """A toy was told, and has not said what became of it."""

    sha256: str
    until: float


class Offering:
    """Works while it is entered."""

    def __init__(
        self,
        gateway: Gateway,
        offers: Offers,
        addresses: Addresses,
        changed: asyncio.Event | None = None,
        *,
        at_once: int = AT_ONCE,
        look: float = LOOK_SECONDS,
    ) -> None:
        """`changed` is set by whoever else learns that something is offered or withdrawn."""
        self._gateway = gateway
        self._offers = offers
        self._addresses = addresses
        self._at_once = at_once
        self._look_seconds = look
        self._book = Book()
        self._read_at = float("-inf")
        self._heard: dict[str, int] = {}
        self._flights: dict[str, _Flight] = {}
        self._trouble = ""
        self._changed = changed or asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work(), name="update offers")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None, "entered before it is left"
        self._task.cancel()
        await asyncio.wait([self._task])

    def changed(self) -> None:
        """Somebody has offered or withdrawn a bundle: look at once."""
        self._changed.set()

    @property
    def under_way(self) -> int:
        """Toys that were told and have not said what became of it."""
        return len(self._flights)

    async def _work(self) -> None:
        while True:
            try:
                await self._look()
                self._trouble = ""
            except StoreError as caught:
                if str(caught) != self._trouble:
                    self._trouble = str(caught)
                    _log.error("updates wait", extra={"reason": self._trouble})
            except Exception:  # a fault here is not to be the end of all updates
                _log.exception("update offers broken")
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()
            self._read_at = float("-inf")

    async def _look(self) -> None:
        """Hear what toys have said, and tell those whose turn it is."""
        now = asyncio.get_running_loop().time()
        sessions = {session.id: session for session in self._gateway.sessions if session.update is not None}
        said = ((session.id, session.updates_said) for session in sessions.values())
        heard = dict(islice(((id_, times) for id_, times in said if self._heard.get(id_) != times), HEARD_AT_ONCE))
        if heard:
            await self._offers.hear({sessions[id_].device_id: _said(sessions[id_]) for id_ in heard})
        self._heard = {id_: times for id_, times in (self._heard | heard).items() if id_ in sessions}
        landed = self._land(sessions, heard, now)
        if not (heard or landed or now - self._read_at >= READ_SECONDS):
            return
        self._book, self._read_at = await self._offers.read(reports=False), now
        if not self._book.kept:
            return
        for number, session in enumerate(sessions.values(), 1):
            if number % LOOKED_AT_AT_ONCE == 0:
                await asyncio.sleep(0)
            if len(self._flights) >= self._at_once:
                break
            if session.id not in self._flights and (kept := self._due(session)) is not None:
                await self._tell(session, kept, now)

    def _land(self, sessions: Mapping[str, Session], heard: Mapping[str, int], now: float) -> bool:
        """Whether there is room for another toy: one has said what became of its offer, or is gone."""
        before = len(self._flights)
        for id_, flight in tuple(self._flights.items()):
            report = sessions[id_].update if id_ in sessions else None
            is_over = id_ in heard and report is not None and report.offer == flight.sha256
            is_over = is_over and report is not None and report.outcome in ("taken", "refused")
            if report is None or is_over or now >= flight.until:
                del self._flights[id_]
        return len(self._flights) < before

    def _due(self, session: Session) -> Kept | None:
        """The newest bundle that a toy is to be told of now."""
        now = self._offers.now()
        for kept in self._book.kept:
            if self._offers.is_coming(kept.sha256):
                continue
            told = self._book.told.get(kept.sha256, {}).get(session.device_id)
            if (kept.everybody or told is not None) and is_due(kept, told, _said(session), now):
                return kept
        return None

    async def _tell(self, session: Session, kept: Kept, now: float) -> None:
        address = self._addresses.of(session.called)
        if address is None:
            known = self._book.told.get(kept.sha256, {}).get(session.device_id)
            if known is None or known.outcome != "unreachable":
                _log.warning("update not told", extra=session.fact(version=kept.version, reason=NO_ADDRESS))
                await self._offers.note(kept.sha256, session.device_id, "unreachable", NO_ADDRESS)
            return
        # It is written down first: a gateway that ends and starts again and again does not tell a toy each time.
        await self._offers.tell(kept.sha256, session.device_id)
        about = {"url": f"{address}{PATH}{kept.sha256}", "sha256": kept.sha256, "size": kept.size}
        try:
            await session.send(m.Command("update", about))
        except (ConnectionClosed, ProtocolError) as caught:
            _log.warning("update not told", extra=session.fact(version=kept.version, reason=str(caught)))
            return
        self._flights[session.id] = _Flight(kept.sha256, now + PATIENCE_SECONDS)
        _log.info("update told", extra=session.fact(version=kept.version))


def _said(session: Session) -> m.UpdateReport:
    assert session.update is not None, "it has said something"
    return session.update
