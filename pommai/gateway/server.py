"""The listening side: lets toys in, and knows who is connected."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State

from pommai.errors import ProtocolError, SettingsError
from pommai.gateway.active import ActivePersonas
from pommai.gateway.admission import Admission
from pommai.gateway.alert_feed import AlertFeed
from pommai.gateway.answering import Shared
from pommai.gateway.archive import Alert, Archive
from pommai.gateway.bench import Bench
from pommai.gateway.connection import CLOSE_SECONDS, ToyConnection
from pommai.gateway.door import Door, Doors, OneToken
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.hands import ToysHere
from pommai.gateway.fleet.port import Fleet, Order, Seat
from pommai.gateway.listening import Listening
from pommai.gateway.metrics import Metrics
from pommai.gateway.personas import Persona, Personas
from pommai.gateway.registry import Registry
from pommai.gateway.responder import Responder
from pommai.gateway.session import RESTARTS, Session
from pommai.gateway.signer import Signer
from pommai.gateway.speech.parrot import Parrot
from pommai.io.codec import QUICK, WHOLE, OpusCodec
from pommai.io.ports import Codec
from pommai.protocol import messages as m

MOST_TOYS = 1_000
"""Toys that one gateway lets in, unless told otherwise."""
TOLD_AT_ONCE = 10
"""Toys that are told something before the sound of the others is looked after: a millisecond or two."""
DRAIN_SECONDS = 20.0
"""How long turns that are under way may take to end. systemd waits for 90 s."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What a gateway needs to know. `port` 0 takes any free one. `token` lets every toy in; None: the gateway's door
    alone decides."""

    personas: Personas
    token: str | None
    host: str = "127.0.0.1"
    port: int = 8765
    most_toys: int = MOST_TOYS
    """Toys that are let in; who comes then is told to come again."""

    def __post_init__(self) -> None:
        if self.token is not None:
            OneToken(self.token)
        if not 0 <= self.port <= 65_535:
            raise SettingsError(f"the port must be 0..65535, not {self.port}")
        if self.most_toys < 1:
            raise SettingsError(f"a gateway has room for at least one toy, not {self.most_toys}")


class Gateway:
    """The protocol's other end. Listens while it is entered:

        async with Gateway(settings) as gateway:
            print(gateway.url)

    Raises PommaiError on entering when it cannot listen. On leaving, every toy is told goodbye and cut off after
    CLOSE_SECONDS.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        responder: Responder | None = None,
        codec: Codec | None = None,
        archive: Archive | None = None,
        door: Door | None = None,
        fleet: Fleet | None = None,
        tls: ssl.SSLContext | None = None,
        signer: Signer | None = None,
    ) -> None:
        """The responder is the Parrot and the codec Opus, when none is given. Raises CodecError without libopus.

        Toys come in with the token of the settings or by the door, when there are both. Without a fleet this gateway is
        alone. With `tls` the wire is encrypted. With a signer, what changes a toy is signed for toys that ask for it.

        An archive that is given stays the caller's to close. Else the gateway keeps what toys send in memory, until it
        is left.
        """
        self._settings = settings
        self._tls = tls
        self._signer = signer
        doors = [] if settings.token is None else [OneToken(settings.token)]
        self.fleet: Fleet = fleet or EmbeddedFleet()
        """The gateways that share their toys, this one among them."""
        self.active = ActivePersonas(settings.personas, self.fleet)
        """Who toys are to be. Whoever sets another has every toy told that it concerns."""
        self.alerts = AlertFeed()
        """The alerts of all toys of the fleet, as they come."""
        self.metrics = Metrics()
        """What it counts."""
        door = Doors(*doors, *([] if door is None else [door]))
        self._admission = Admission(door, self.metrics, settings.most_toys)
        self._given_archive = archive
        self._archive = archive
        self._responder = responder or Parrot()
        # What goes to a toy goes over TCP, which loses nothing.
        self._codec = codec or OpusCodec(WHOLE)
        self._quick = codec or OpusCodec(QUICK)
        self._sessions: dict[str, Session] = {}
        self._registry = Registry(self._sessions)
        self._toys_here = ToysHere(self.active, self._sessions, self._each, self.alerts.tell)
        self._listening: Listening | None = None
        self._shared: Shared | None = None

    async def __aenter__(self) -> Self:
        if self._archive is None:
            self._archive = await Archive.open()
        self._archive.on_alert = self._alarm
        try:
            await self.fleet.join(self._toys_here)
            await self._listen()
        except BaseException:
            await self.fleet.leave()
            await self._close_archive()
            raise
        _log.info("gateway open", extra={"url": self.url, "toys": ",".join(self.active.personas)})
        return self

    def _alarm(self, alert: Alert) -> None:
        """A toy that is connected here has something to tell."""
        self.metrics.alarmed(alert.severity)
        self.alerts.tell(alert)
        self.fleet.alert(alert)

    async def _listen(self) -> None:
        self._shared = Shared(
            self.active,
            self._responder,
            self._codec,
            self._quick,
            self.archive,
            self.metrics,
            Bench(),
            self._signer,
        )
        host, port = self._settings.host, self._settings.port
        try:
            self._listening = await Listening.open(host, port, self._admission, self._serve, self._tls)
        except BaseException:
            self._shared.bench.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._shared is not None, "entered before it is left"
        try:
            await self._entered.close()
        finally:
            self._listening = None
            self._shared.bench.close()
            await self.fleet.leave()
            await self._close_archive()  # its thread would keep the process from ending
        _log.info("gateway closed")

    @property
    def _entered(self) -> Listening:
        assert self._listening is not None, "the gateway is not entered"
        return self._listening

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Let nobody in any more, tell toys that are at rest to connect anew, and those with a turn under way when it
        was answered, or after so many seconds. Returns when all are gone. After that, leave the gateway."""
        listening = self._entered
        _log.info("gateway drains", extra={"toys": len(self._sessions), "seconds": seconds})
        listening.stop()
        for connection in listening.connections:
            if connection.on_sound is None:  # it has not introduced itself
                connection.part(CloseCode.SERVICE_RESTART, RESTARTS)
        for session in self.sessions:
            session.leave()
        if not await listening.emptied(seconds):
            for connection in listening.connections:
                connection.part(CloseCode.SERVICE_RESTART, RESTARTS)
            await listening.emptied(2 * CLOSE_SECONDS)
        _log.info("gateway drained")

    async def _close_archive(self) -> None:
        archive, self._archive = self._archive, self._given_archive
        if archive is not None and archive is not self._given_archive:
            await archive.close()

    @property
    def archive(self) -> Archive:
        """What toys have sent. Only while the gateway is entered."""
        assert self._archive is not None, "the gateway is not entered"
        return self._archive

    @property
    def port(self) -> int:
        """The port it listens on. Only while it is entered."""
        return self._entered.port

    @property
    def url(self) -> str:
        """Where toys connect to. Only while it is entered."""
        host = self._settings.host
        scheme = "ws" if self._tls is None else "wss"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/audio-stream"

    @property
    def is_listening(self) -> bool:
        """Whether toys can come in now."""
        return self._listening is not None and not self._admission.is_closed

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The toys connected now, in the order they came."""
        return tuple(self._sessions.values())

    @property
    def messages_waiting(self) -> int:
        """How many messages wait for toys that do not read now."""
        return sum(session.messages_waiting for session in self._sessions.values())

    def persona(self, toy_id: str) -> Persona:
        """The persona of a toyId. Raises ProtocolError (TOY_NOT_FOUND)."""
        return self.active.persona(toy_id)

    async def switch_toy(self, toy_id: str, device_id: str | None = None) -> int:
        """Have the toys, or the one with this device_id, be this one: now, and whenever they connect. How many were
        asked.

        Raises ProtocolError (TOY_NOT_FOUND), or FleetError when other gateways would have to know and cannot be told.
        """
        return await self.active.set(toy_id, device_id)

    async def pause(self, seconds: float = 0.0, message: str = "") -> int:
        """Put every toy of the fleet into safe mode for 0..86,400 seconds; 0 is until `resume`. How many were asked.

        Raises FleetError when other gateways cannot be told; the toys of this one are asked all the same.
        """
        return await self.fleet.order(Order("pause", seconds=seconds, message=message))

    async def resume(self) -> int:
        """Let every toy of the fleet out of safe mode. How many were asked. Raises FleetError, and none was asked."""
        return await self.fleet.order(Order("resume"))

    async def set_volume(self, percent: int, device_id: str | None = None) -> int:
        """Set the volume of every toy of the fleet, or of the one with this device_id, to 0..100. How many were told.

        Raises FleetError, and none was told.
        """
        return await self.fleet.order(Order("volume", percent=percent, device_id=device_id))

    async def restart(self, device_id: str) -> int:
        """Have the toy with this device_id begin again. How many were told. Raises FleetError, and none was told."""
        return await self.fleet.order(Order("restart", device_id=device_id))

    async def reset(self, device_id: str) -> int:
        """Have the toy with this device_id forget all it has kept. How many were told: a toy obeys only what is signed.

        Raises FleetError, and none was told.
        """
        return await self.fleet.order(Order("reset", device_id=device_id))

    async def change_personas(self, personas: Personas) -> int:
        """Answer with these personas from now on, and tell every toy whose own has changed. How many were told.

        A toy whose persona is gone stays who it is until it asks again. Raises SettingsError, and nothing is changed,
        when one of them wants to be answered for by what is not there.
        """
        self._responder.refuse(personas)
        settings = {session.id: self.active.get_active_pi_config(session.device_id) for session in self.sessions}
        before, self.active.personas = self.active.personas, personas

        def has_changed(session: Session) -> bool:
            was, now = before.get(session.toy_id), personas.get(session.toy_id)
            return now is not None and (was is None or was.profile != now.profile)

        def is_set_otherwise(session: Session) -> bool:
            return settings[session.id] != self.active.get_active_pi_config(session.device_id)

        async def tell(session: Session) -> None:
            settled = is_set_otherwise(session)
            if has_changed(session):
                await session.send(m.ToyConfigUpdate(personas[session.toy_id].profile))
            if settled:
                await session.configure()

        told = await self._each(lambda session: has_changed(session) or is_set_otherwise(session), tell)
        _log.info("personas changed", extra={"toys": ",".join(personas), "told": told})
        return told + await self._toys_here.follow()  # who was to be somebody that only now is in the file

    async def _each(self, concerned: Callable[[Session], bool], tell: Callable[[Session], Awaitable[None]]) -> int:
        """Tell every toy that is concerned. How many were there to hear it."""
        heard = 0
        for number, session in enumerate([each for each in self.sessions if concerned(each)], 1):
            try:
                await tell(session)  # no toy is waited for, whether it reads or not
                heard += 1
            except ConnectionClosed:
                pass
            except ProtocolError as caught:  # what one persona says is too much for the wire; others' is not
                _log.error("toy not told", extra=session.fact(reason=str(caught)))
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)
        return heard

    async def cut(self, device_id: str, reason: str) -> int:
        """Close every connection of a device, those that are still opening too. How many there were.

        The toy is told the reason (120 bytes at most). It may come back when the door lets it in.
        """
        here = [each for each in self._entered.connections if each.state in (State.CONNECTING, State.OPEN)]
        mine = [connection for connection in here if connection.is_of(device_id)]
        for connection in mine:
            connection.part(CloseCode.POLICY_VIOLATION, reason)
        if mine:
            _log.warning("device cut", extra={"device": device_id, "reason": reason, "connections": len(mine)})
        return len(mine)

    # -- letting toys in -------------------------------------------------------------------

    async def _serve(self, toy: ToyConnection) -> None:
        assert self._shared is not None, "only while the gateway is entered"
        try:
            handshake = await self._admission.meet(toy)
            if handshake is not None:
                await self._keep(toy, Session(toy, handshake, self._shared))
        except ConnectionClosed as caught:
            _log.info("connection cut", extra={"peer": toy.peer, "reason": str(caught)})
        except Exception:
            _log.exception("session failed", extra={"peer": toy.peer})  # websockets would tell a logger that is silent
            raise  # it tells the toy, by closing with 1011

    async def _keep(self, toy: ToyConnection, session: Session) -> None:
        wait = self._registry.enter(session, asyncio.get_running_loop().time())
        if wait is not None:
            words = f"two toys connect with the same id, or its network comes and goes; wait {wait:.0f} s"
            self._admission.refuse(
                toy, m.ErrorMessage("RATE_LIMITED", words, {"retry_after": round(wait, 3)}), CloseCode.TRY_AGAIN_LATER
            )
            return
        self._entered.porch.let_in(toy.remote_address)
        fact = {"session": session.id, "device": session.device_id, "toy": session.toy_id}
        _log.info("session open", extra=fact)
        try:
            self.fleet.seated(Seat(session.device_id, session.toy_id, session.id))
            await session.run()
        finally:
            is_gone = self._registry.leave(session)
            self.fleet.left(session.id)
            if is_gone:
                self.active.left(session.device_id)
            _log.info("session closed", extra={"session": session.id, "device": session.device_id})
