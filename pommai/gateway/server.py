"""The listening side: lets toys in, and knows who is connected."""

from __future__ import annotations

import asyncio
import errno
import http
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import State

from pommai.errors import PommaiError, ProtocolError, SettingsError, StoreError
from pommai.gateway.active import ActivePersonas
from pommai.gateway.alert_feed import AlertFeed
from pommai.gateway.archive import Archive
from pommai.gateway.door import Door, Doors, OneToken
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.hands import ToysHere
from pommai.gateway.fleet.port import Fleet, Order, Seat
from pommai.gateway.metrics import Metrics
from pommai.gateway.personas import Persona, Personas
from pommai.gateway.responder import Responder
from pommai.gateway.session import Session
from pommai.gateway.speech.parrot import Parrot
from pommai.io.codec import OpusCodec
from pommai.io.ports import Codec
from pommai.protocol import messages as m
from pommai.protocol.limits import MAX_MESSAGE_BYTES, PROTOCOL_VERSION
from pommai.protocol.wire import decode, encode_message

HANDSHAKE_SECONDS = 10.0
"""How long a toy may take to introduce itself."""
CLOSE_SECONDS = 0.4
"""How long a toy may take to say goodbye when the gateway closes."""
UNSENT_BYTES = 4096
"""What may wait for a toy that reads slowly: about two seconds of sound. Then its answer waits, and no memory grows."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What a gateway needs to know. `port` 0 takes any free one. `token` lets every toy in; None: the gateway's door
    alone decides."""

    personas: Personas
    token: str | None
    host: str = "127.0.0.1"
    port: int = 8765

    def __post_init__(self) -> None:
        if self.token is not None:
            OneToken(self.token)
        if not 0 <= self.port <= 65_535:
            raise SettingsError(f"the port must be 0..65535, not {self.port}")


class _Connection(ServerConnection):
    """A connection that can be cut from the first byte on: the server's own close() waits for those still opening."""

    _alive: ClassVar[WeakSet[_Connection]] = WeakSet()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._alive.add(self)

    @classmethod
    def all_of(cls, server: Server) -> list[_Connection]:
        """Every connection of a server, those that are still opening among them."""
        return [connection for connection in cls._alive if connection.server is server]

    def is_of(self, device_id: str) -> bool:
        """Whether the other end says that it is this device."""
        return self.request is not None and self.request.headers.get_all("X-Device-ID") == [device_id]

    async def cut(self, reason: str) -> None:
        """Close, with a goodbye where there has been a hello."""
        if self.state is State.OPEN:
            await self.close(CloseCode.POLICY_VIOLATION, reason)
        else:
            self.transport.abort()


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
    ) -> None:
        """The responder is the Parrot and the codec Opus, when none is given. Raises CodecError without libopus.

        Toys come in with the token of the settings or by the door, when there are both. Without a fleet this gateway is
        alone.

        An archive that is given stays the caller's to close. Else the gateway keeps what toys send in memory, until it
        is left.
        """
        self._settings = settings
        doors = [] if settings.token is None else [OneToken(settings.token)]
        self._door = Doors(*doors, *([] if door is None else [door]))
        self.fleet: Fleet = fleet or EmbeddedFleet()
        """The gateways that share their toys, this one among them."""
        self.active = ActivePersonas(settings.personas, self.fleet)
        """Who toys are to be. Whoever sets another has every toy told that it concerns."""
        self.alerts = AlertFeed()
        """The alerts of the toys, as they come."""
        self.metrics = Metrics()
        """What it counts."""
        self.alerts.listen(lambda alert: self.metrics.alarmed(alert.severity))
        self._given_archive = archive
        self._archive = archive
        self._responder = responder or Parrot()
        self._codec = codec or OpusCodec()
        self._sessions: dict[str, Session] = {}
        self._toys_here = ToysHere(self.active, self._sessions, self._each, self.alerts.tell)
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        if self._archive is None:
            self._archive = await Archive.open()
        self._archive.on_alert = self.alerts.tell
        try:
            await self.fleet.join(self._toys_here)
            await self._listen()
        except BaseException:
            await self.fleet.leave()
            await self._close_archive()
            raise
        _log.info("gateway open", extra={"url": self.url, "toys": ",".join(self.active.personas)})
        return self

    async def _listen(self) -> None:
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._admit,
                create_connection=_Connection,
                compression=None,  # Opus is compressed already
                max_size=MAX_MESSAGE_BYTES,
                write_limit=UNSENT_BYTES,
                ping_interval=20.0,
                ping_timeout=10.0,
                close_timeout=CLOSE_SECONDS,
                server_header=None,
            )
        except OSError as caught:
            hint = ""
            if caught.errno == errno.EADDRINUSE:
                hint = "; is another gateway running? Choose another port, or 0 for any that is free"
            raise PommaiError(f"cannot listen on {host} port {port}: {caught.strerror or caught}{hint}") from caught

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "entered before it is left"
        try:
            self._server.close()
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._server.wait_closed()
            except TimeoutError:  # somebody does not read, or has connected and never said a word
                for connection in _Connection.all_of(self._server):
                    connection.transport.abort()
                await self._server.wait_closed()
        finally:
            self._server = None
            await self.fleet.leave()
            await self._close_archive()  # its thread would keep the process from ending
        _log.info("gateway closed")

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
        assert self._server is not None, "the gateway is not entered"
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where toys connect to. Only while it is entered."""
        host = self._settings.host
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}/audio-stream"

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The toys connected now, in the order they came."""
        return tuple(self._sessions.values())

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
        told = [session for session in self.sessions if concerned(session)]
        outcomes = await asyncio.gather(*(tell(session) for session in told), return_exceptions=True)
        return len(told) - sum(isinstance(outcome, ConnectionClosed) for outcome in outcomes)

    async def cut(self, device_id: str, reason: str) -> int:
        """Close every connection of a device, those that are still opening too. How many there were.

        The toy is told the reason (120 bytes at most). It may come back when the door lets it in.
        """
        assert self._server is not None, "the gateway is not entered"
        mine = [connection for connection in _Connection.all_of(self._server) if connection.is_of(device_id)]
        await asyncio.gather(*(connection.cut(reason) for connection in mine))
        if mine:
            _log.warning("device cut", extra={"device": device_id, "reason": reason, "connections": len(mine)})
        return len(mine)

    # -- letting toys in -------------------------------------------------------------------

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answers the HTTP request: None lets the toy in. Headers that come twice count as missing."""
        shown, named = request.headers.get_all("Authorization"), request.headers.get_all("X-Device-ID")
        device_id = named[0] if len(named) == 1 else ""
        token = shown[0].removeprefix("Bearer ") if len(shown) == 1 and shown[0].startswith("Bearer ") else None
        try:
            admitted = token is not None and await self._door.admits(device_id, token)
        except StoreError as caught:
            self.metrics.refused["store"] += 1
            _log.error("toy not let in", extra={"peer": _peer(connection), "reason": str(caught)})
            words = "This gateway cannot look up your token now; try again later.\n"
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, words)
        if not admitted:
            self.metrics.refused["token"] += 1
            _log.warning("toy refused", extra={"peer": _peer(connection), "reason": "token"})
            words = (
                "This gateway does not know your token. Send the one it was started with, or the websocketToken that "
                "this device was given: Authorization: Bearer TOKEN\n"
            )
            response = connection.respond(http.HTTPStatus.UNAUTHORIZED, words)
            response.headers["WWW-Authenticate"] = 'Bearer realm="pommai"'
            return response
        if not device_id:
            self.metrics.refused["no X-Device-ID"] += 1
            _log.warning("toy refused", extra={"peer": _peer(connection), "reason": "no X-Device-ID"})
            return connection.respond(
                http.HTTPStatus.BAD_REQUEST, "The header X-Device-ID is missing: who is calling?\n"
            )
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            handshake = await self._meet(connection)
            if handshake is not None:
                await self._keep(
                    Session(
                        connection, handshake, self.active, self._responder, self._codec, self.archive, self.metrics
                    )
                )
        except ConnectionClosed as caught:
            _log.info("connection cut", extra={"peer": _peer(connection), "reason": str(caught)})

    async def _meet(self, connection: ServerConnection) -> m.Handshake | None:
        """The handshake; None, and the connection closed with a reason, when it is not one."""
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                message = decode(await connection.recv())
            if not isinstance(message, m.Handshake):
                raise ProtocolError("the first message must be a handshake")
            if message.protocol != PROTOCOL_VERSION:
                raise ProtocolError(f"protocol {message.protocol}; this gateway speaks {PROTOCOL_VERSION}")
            assert connection.request is not None
            named = connection.request.headers["X-Device-ID"]
            if message.device_id != named:
                raise ProtocolError("deviceId of the handshake is not the X-Device-ID of the connection")
        except TimeoutError:
            refusal = ProtocolError(f"no handshake within {HANDSHAKE_SECONDS:g} s")
        except ProtocolError as caught:
            refusal = caught
        else:
            return message
        self.metrics.refused["handshake"] += 1
        _log.warning("handshake refused", extra={"peer": _peer(connection), "reason": str(refusal)})
        await connection.send(encode_message(m.ErrorMessage(refusal.code, str(refusal))))
        await connection.close(CloseCode.POLICY_VIOLATION, str(refusal)[:100])
        return None

    async def _keep(self, session: Session) -> None:
        self._sessions[session.id] = session
        fact = {"session": session.id, "device": session.device_id, "toy": session.toy_id}
        _log.info("session open", extra=fact)
        try:
            self.fleet.seated(Seat(session.device_id, session.toy_id, session.id))
            await session.run()
        finally:
            del self._sessions[session.id]
            self.fleet.left(session.id)
            if all(other.device_id != session.device_id for other in self.sessions):
                self.active.left(session.device_id)
            _log.info("session closed", extra={"session": session.id, "device": session.device_id})


def _peer(connection: ServerConnection) -> str:
    """Host and port at the other end."""
    address = connection.remote_address
    return f"{address[0]}:{address[1]}" if address else "gone"
