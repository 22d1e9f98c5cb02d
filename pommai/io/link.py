"""The toy's connection to the server: a WebSocket that is called again and again until it answers.

One task runs it (`run`), everything else is plain calls on the event loop. Per connection there is a reader and a
writer; what is to be sent waits in an `Outbox`, which dies with the connection: what matters beyond that is repeated by
whoever sent it (a turn is given up when the link goes down, a sync batch is kept until it is acknowledged).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from random import Random
from socket import socket
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, NoReturn, cast

from msgspec import Struct, structs

from pommai.errors import AuthenticationError, CertificateError, LinkError, ProtocolError, SecretError, SettingsError
from pommai.io.link_address import address_of
from pommai.io.link_dial import dial
from pommai.io.link_outbox import Outbox
from pommai.io.link_reason import connection_errors, reason_of
from pommai.io.link_retry import Backoff
from pommai.io.link_token import Credentials, FixedToken, check_header
from pommai.io.ports import LinkListener
from pommai.io.sent import NoteSent, SentNotes
from pommai.io.signed import CommandGuard
from pommai.io.tls import ServerTrust, check_encrypted
from pommai.protocol.limits import MAX_MESSAGE_BYTES, MESSAGES_PER_MINUTE, SENDER_SECONDS, RateLimit
from pommai.protocol.messages import (
    AudioResponse,
    DownAudio,
    ErrorMessage,
    Handshake,
    HandshakeAck,
    Message,
    Ping,
    Pong,
    TextResponse,
    Unknown,
    UpAudio,
)
from pommai.protocol.signing import only_signed
from pommai.protocol.wire import Decoded, decode, encode_audio_chunk, encode_binary, encode_message

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

logger = logging.getLogger(__name__)

_websockets_logger = logging.getLogger(__name__ + ".websockets")
_websockets_logger.setLevel(logging.WARNING)  # its debug level writes all headers to the log, the token among them

_KINDS = 50
"""Kinds of oddities told apart; a server that makes up types without end does not fill the memory."""


MOST_PER_MINUTE = 20_000
"""Messages and frames of sound, whatever they are, before the toy hangs up: seven minutes of answers in one. What is
refused is not free, and a toy that does nothing but refuse is hot, and answers nobody."""
LONGEST_TEXT = 16_000
"""Characters of an answer's words that are read, a quarter of an hour of talk: all are searched for what a child is not
to hear."""


class _FloodError(LinkError):
    """The server sends far more than any honest one."""


class LinkTimes(Struct, frozen=True):
    """Seconds. The defaults are the protocol's; tests use shorter ones."""

    open: float = 10.0
    """For connecting, TLS and the WebSocket's opening, together."""
    handshake: float = 10.0
    """Until the server has answered the handshake."""
    close: float = 0.5
    """For saying goodbye."""
    settled: float = 5.0
    """A connection that ends sooner counts as a failure."""
    retry_first: float = 1.0
    retry_limit: float = 60.0
    ping_interval: float = 20.0
    ping_timeout: float = 10.0


class WebSocketLink:
    """The Link over a WebSocket.

    Calls its listener in this order only: `on_connecting`, then perhaps `on_up`, then `on_down`, and again. When `run`
    is cancelled it closes the connection and says nothing more.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | Credentials,
        device_id: str,
        toy_id: str,
        capabilities: Mapping[str, bool],
        device_type: str = "raspberry-pi-zero-2w",
        trust: ServerTrust | None = None,
        plaintext: bool = False,
        guard: CommandGuard | None = None,
        on_sent: NoteSent | None = None,
        times: LinkTimes | None = None,
        random: Random | None = None,
    ) -> None:
        """`url` is wss://, or ws:// on this machine (anywhere with `plaintext`); `token` is asked for at each connect
        where it is not always the same; `trust` replaces that in the system's authorities; `guard` asks for signatures;
        `on_sent` hears of what leaves the toy. Raises SettingsError."""
        self._address = address_of(url)
        check_encrypted("the server's address", self._address.secure, self._address.host, "wss", plaintext=plaintext)
        check_header("device id", device_id)
        check_header("device type", device_type)
        self._url = url
        self._credentials = FixedToken(token) if isinstance(token, str) else token
        self._device_id = device_id
        self._device_type = device_type
        self._capabilities = dict(capabilities)
        self._trust = (trust or ServerTrust()) if self._address.secure else None
        self._guard = guard
        self._notes = SentNotes(on_sent or (lambda *_: None), self._address.host)
        self._times = times or LinkTimes()
        self._backoff = Backoff(random or Random(), first=self._times.retry_first, limit=self._times.retry_limit)
        self._binary = False
        self._outbox: Outbox | None = None
        self._sending = RateLimit(MESSAGES_PER_MINUTE, SENDER_SECONDS)
        self._receiving = RateLimit()
        self._flood = RateLimit(MOST_PER_MINUTE)
        self.oddities: Counter[str] = Counter()
        """What was ignored or refused, by kind. Each kind is logged the first time."""
        self.toy_id = toy_id

    @property
    def toy_id(self) -> str:
        """The toy this device is; a change counts from the next connection on."""
        return self._toy_id

    @toy_id.setter
    def toy_id(self, toy_id: str) -> None:
        try:
            encode_message(Handshake(self._device_id, toy_id, capabilities=self._capabilities))
        except ProtocolError as caught:
            raise SettingsError(f"the server would not understand this device: {caught}") from caught
        self._toy_id = toy_id

    # -- the port --------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self._outbox is not None

    @property
    def backlog(self) -> int:
        return 0 if self._outbox is None else self._outbox.frames

    def send(self, message: Message) -> bool:
        if self._outbox is None:
            return False
        try:
            text = encode_message(message)
        except ProtocolError as caught:
            self._odd("unsendable_message", str(caught))
            return False
        if not self._sending.allow(asyncio.get_running_loop().time()):
            self._odd("own_rate_limit", f"more than {MESSAGES_PER_MINUTE} messages a minute to be sent")
            return False
        taken = self._outbox.put_message(text)
        if taken:
            self._notes.message(message, len(text.encode()))
        return taken

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        if self._outbox is None:
            return False
        audio = UpAudio(turn, sequence, packet, final)
        try:
            data = encode_binary(audio) if self._binary else encode_audio_chunk(audio, _now())
        except ProtocolError as caught:
            self._odd("unsendable_audio", str(caught))
            return False
        taken = self._outbox.put_audio(data, final=final)
        if taken:
            self._notes.sound(turn, len(packet), final=final)
        return taken

    async def run(self, listener: LinkListener) -> None:
        """As the port. Raises SecretError, from outside a connection, when what it shows the server cannot be read."""
        while True:
            listener.on_connecting()
            try:
                reason, delay = await self._attempt(listener)
            except SecretError as caught:
                listener.on_down(str(caught))
                raise
            logger.info("link down", extra={"reason": reason, "retry_s": round(delay, 1)})
            listener.on_down(reason)
            await asyncio.sleep(delay)

    # -- one connection --------------------------------------------------------------------

    async def _attempt(self, listener: LinkListener) -> tuple[str, float]:
        """One connection, from dialling to its end: why it ended, and seconds to wait before the next."""
        loop = asyncio.get_running_loop()
        up_at: float | None = None
        token: str | None = None
        websocket: ClientConnection | None = None
        self._flood = RateLimit(MOST_PER_MINUTE)
        try:
            token = await self._credentials.token()
            websocket = await self._open(token)
            ack = await self._shake_hands(websocket)
            up_at = loop.time()
            self._binary = self._capabilities.get("binary_audio", False) and ack.capabilities.get("binary_audio", False)
            self._outbox = Outbox()
            logger.info("link up", extra={"session": ack.session_id, "binary_audio": self._binary})
            listener.on_up(ack.session_id, ack.server_time)
            await self._talk(websocket, self._outbox, listener)
        except AuthenticationError as caught:
            soon = token is not None and self._credentials.refused(token)
            return str(caught), self._backoff.failed() if soon else self._backoff.refused()
        except (CertificateError, SSLCertVerificationError) as caught:
            # Whoever that is: it will not be somebody else in a second, and the token is not for them.
            reason = reason_of(caught, datetime.now(UTC))
            logger.error("server not trusted", extra={"host": self._address.host, "reason": reason})
            return reason, self._backoff.refused()
        except _FloodError as caught:
            logger.error("flood", extra={"reason": str(caught)})
            return str(caught), self._backoff.refused()
        except connection_errors() as caught:
            if up_at is not None and loop.time() - up_at >= self._times.settled:
                self._backoff.succeeded()
            return reason_of(caught, datetime.now(UTC)), self._backoff.failed()
        finally:
            self._outbox = None
            self._notes.end()
            if websocket is not None:
                await self._close(websocket)

    async def _open(self, token: str) -> ClientConnection:
        try:
            async with asyncio.timeout(self._times.open):
                return await self._upgrade(await self._call(), token)
        except TimeoutError:
            raise LinkError(f"{self._address.host} does not answer") from None
        except SSLCertVerificationError:  # is a ValueError, too
            raise
        except ValueError as caught:  # a host name that cannot be one; a redirect
            raise LinkError(f"{self._address.host} cannot be called: {caught}") from caught

    async def _call(self) -> socket:
        connection = await dial(self._address.host, self._address.port)
        try:
            # To import the library takes a slow core half a second. A toy that nobody answers rests without it.
            await asyncio.to_thread(import_module, "pommai.io.link_socket")
        except BaseException:
            connection.close()
            raise
        return connection

    async def _upgrade(self, connection: socket, token: str) -> ClientConnection:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus

        from pommai.io.link_socket import SteadyConnection

        headers = {
            "Authorization": f"Bearer {token}",
            "X-Device-ID": self._device_id,
            "X-Device-Type": self._device_type,
            "X-Toy-ID": self._toy_id,
        }
        check = None if self._trust is None else self._trust.check
        try:
            return await connect(
                self._url,
                # For the library it is a class of connections.
                create_connection=cast("type[ClientConnection]", partial(SteadyConnection, check=check)),
                additional_headers=headers,
                proxy=None,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=4,
                write_limit=0,  # send() returns when the socket has taken all of it: only so is the backlog true
                open_timeout=None,
                ping_interval=self._times.ping_interval,
                ping_timeout=self._times.ping_timeout,
                close_timeout=self._times.close,
                logger=_websockets_logger,
                sock=connection,
                ssl=None if self._trust is None else self._trust.context(),
            )
        except InvalidStatus as caught:
            status = caught.response.status_code
            if status in (401, 403):
                raise AuthenticationError(f"the server refuses the toy's token (HTTP {status})") from None
            raise LinkError(f"the server answers HTTP {status} instead of opening a WebSocket") from None

    async def _shake_hands(self, websocket: ClientConnection) -> HandshakeAck:
        try:
            async with asyncio.timeout(self._times.handshake):
                challenge = None if self._guard is None else await self._guard.begin()
                handshake = Handshake(
                    self._device_id, self._toy_id, capabilities=self._capabilities, challenge=challenge
                )
                self._sending.allow(asyncio.get_running_loop().time())  # counts, and is never held back
                await websocket.send(encode_message(handshake))
                while True:
                    match await self._receive(websocket):
                        case HandshakeAck() as ack:
                            return ack
                        case ErrorMessage(code="AUTH_FAILED", message=message):
                            raise AuthenticationError(f"the server refuses the toy's token: {message}")
                        case ErrorMessage(code=code, message=message):
                            raise LinkError(f"the server refuses the toy: {message} ({code})")
                        case None:
                            pass
                        case other:
                            self._odd("before_handshake", f"{type(other).__name__} before the handshake's answer")
        except TimeoutError:
            raise LinkError(f"no answer to the handshake within {self._times.handshake:g} s") from None

    async def _talk(self, websocket: ClientConnection, outbox: Outbox, listener: LinkListener) -> NoReturn:
        """Read and write until one of them fails."""
        tasks = [
            asyncio.create_task(self._read(websocket, listener), name="link reader"),
            asyncio.create_task(self._write(websocket, outbox), name="link writer"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if task in done:
                task.result()
        raise AssertionError("reader and writer end by raising only")

    async def _write(self, websocket: ClientConnection, outbox: Outbox) -> NoReturn:
        while True:
            item = await outbox.next()
            await websocket.send(item.data)
            outbox.sent()

    async def _read(self, websocket: ClientConnection, listener: LinkListener) -> NoReturn:
        while True:
            match await self._receive(websocket):
                case None:
                    pass
                case DownAudio() as audio:
                    listener.on_audio(audio)
                case AudioResponse() as response:
                    if response.transcript is not None:
                        self._take(TextResponse(response.turn, response.transcript), listener)
                    for audio in response.chunks:
                        listener.on_audio(audio)
                case UpAudio():
                    self._odd("wrong_direction", "the server sends audio of the kind that toys send")
                case Unknown(type=name):
                    self._odd(f"unknown_type {name}", "a message of a type this toy does not know")
                case message:
                    self._take(message, listener)

    def _take(self, message: Message, listener: LinkListener) -> None:
        if not self._receiving.allow(asyncio.get_running_loop().time()):
            self._odd("rate_limit", f"the server sends more than {MESSAGES_PER_MINUTE} messages a minute")
        elif isinstance(message, Ping):
            self.send(Pong(message.timestamp))
        elif isinstance(message, (Handshake, HandshakeAck)):
            self._odd("second_handshake", "a handshake in the middle of a connection")
        else:
            self._hear(message, listener)

    def _hear(self, message: Message, listener: LinkListener) -> None:
        admitted: Message | None = message
        why = ""
        if self._guard is not None:
            admitted, why = self._guard.admit(message)
        elif only_signed(message):
            admitted, why = None, "this toy has no keys of its server (the setting server_keys) to check a signature by"
        if why:
            self._odd(f"unsigned {type(message).__name__}", why)
        if isinstance(admitted, TextResponse):
            admitted = self._shortened(admitted)
        if admitted is not None:
            listener.on_message(admitted)

    def _shortened(self, answer: TextResponse) -> TextResponse:
        heard = answer.user_text
        if max(len(answer.text), len(heard or "")) <= LONGEST_TEXT:
            return answer
        self._odd("long_text", f"an answer of {len(answer.text)} characters; {LONGEST_TEXT} of them are read")
        return structs.replace(answer, text=answer.text[:LONGEST_TEXT], user_text=heard and heard[:LONGEST_TEXT])

    async def _receive(self, websocket: ClientConnection) -> Decoded | None:
        """The next message, or None for one that was none."""
        data = await websocket.recv()
        # recv() does not pause while messages are waiting: a flood would keep the loop from everybody else.
        await asyncio.sleep(0)
        if not self._flood.allow(asyncio.get_running_loop().time()):
            raise _FloodError(f"the server sends more than {MOST_PER_MINUTE} messages and frames a minute")
        try:
            return decode(data)
        except ProtocolError as caught:
            self._odd(caught.code, str(caught))
            return None

    async def _close(self, websocket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self._times.close):
                await websocket.close()
        except TimeoutError:
            pass  # it does not even read
        finally:
            websocket.transport.abort()
        await websocket.wait_closed()

    def _odd(self, kind: str, words: str) -> None:
        if kind not in self.oddities and len(self.oddities) >= _KINDS:
            kind = "other"
        if kind not in self.oddities:
            logger.warning("link oddity", extra={"oddity": kind, "words": words})
        self.oddities[kind] += 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
