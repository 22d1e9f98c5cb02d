"""One toy's connection, from the handshake to the end: hears its turns, answers them, keeps what it sends, tells it who
it is."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from pommai.errors import PommaiError, ProtocolError, StoreError
from pommai.gateway.active import ActivePersonas
from pommai.gateway.archive import Archive
from pommai.gateway.metrics import Metrics
from pommai.gateway.personas import Persona
from pommai.gateway.responder import Alarm, Become, Do, Heard, Piece, Responder, Rest, Said
from pommai.gateway.turn import IncomingTurn
from pommai.io.ports import Codec, Encoder
from pommai.protocol import messages as m
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS
from pommai.protocol.limits import RateLimit
from pommai.protocol.wire import decode, encode_audio_response, encode_binary, encode_message

LEAD = 10
"""Frames of an answer sent at once (200 ms): more than a toy's prebuffer, so that it speaks without waiting."""
PACE = 2.0
"""After those, frames go out at this many times real time: the toy's buffer fills, and abort still has much to stop."""
ENCODE_AT_ONCE = 10
"""Frames encoded in one go, off the event loop: about 2 ms."""
MOST_REFUSED = 100
"""Messages refused by the rate limit, one after the other, after which the connection is closed."""
LATER = 30.0
"""Seconds after which a toy may try again to have something kept, when the disk did not take it."""
MOST_NOTED = 20
"""Different unknown message types that are logged, in one session."""

MOST_SHOWN = 500
"""Characters of a toy's words that are logged."""

_log = logging.getLogger(__name__)


class Session:
    """A toy that has introduced itself.

    The receiving side runs in `run()`; an answer is a task of its own, at most one, which a newer turn or an abort
    cancels and waits for. So once an abort has been read, not a frame of that answer is sent any more.
    """

    def __init__(
        self,
        connection: ServerConnection,
        handshake: m.Handshake,
        active: ActivePersonas,
        responder: Responder,
        codec: Codec,
        archive: Archive,
        metrics: Metrics,
    ) -> None:
        """`active` says who the toy is to be, and what that sets on it; in `metrics` it counts what it does."""
        self.id = secrets.token_hex(8)
        self.device_id = handshake.device_id
        self.toy_id = handshake.toy_id
        """Who the toy is: what it said at the handshake, then whose configuration it last asked for."""
        self._connection = connection
        self.report: m.PiConfigReport | None = None
        """What the toy has said last of the settings it was given."""
        self._active = active
        self._persona_of = active.persona
        self._responder = responder
        self._codec = codec
        self._archive = archive
        self._metrics = metrics
        self._heard_at = 0.0
        self._binary = handshake.capabilities.get("binary_audio", False)
        self._limit = RateLimit()
        self._refused = 0
        self._noted: set[str] = set()
        self._newest = -1
        self._incoming: IncomingTurn | None = None
        self._answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the toy until the connection ends. Raises ConnectionClosed when it is cut."""
        capabilities = {"audio": True, "toy_switching": True, "binary_audio": True}
        try:
            await self.send(m.HandshakeAck(self.id, capabilities, _now()))
            instead = self._active.met(self.device_id, self.toy_id)
            if instead is not None:
                await self.send(m.SwitchToy(instead, "set while the toy was away"))
            await self.configure()
            async for data in self._connection:
                self._metrics.bytes_in += len(data)
                await self._receive(data)
                # Reading does not pause while messages are waiting: a flood would keep the loop from everybody else.
                await asyncio.sleep(0)
        finally:
            await self._begin(self._newest, "the connection ended")

    async def send(self, message: m.Message) -> None:
        """Send a message that is not sound. Raises ConnectionClosed."""
        text = encode_message(message)
        await self._connection.send(text)
        self._metrics.bytes_out += len(text)

    async def configure(self) -> None:
        """Send what the toy's active persona sets on it. Raises ConnectionClosed."""
        await self.send(m.PiConfigUpdate(self._active.get_active_pi_config(self.device_id)))

    def _fact(self, **fields: object) -> dict[str, object]:
        """What a log line of this session carries."""
        return {"session": self.id, "device": self.device_id, **fields}

    # -- receiving -------------------------------------------------------------------------

    async def _receive(self, data: str | bytes) -> None:
        try:
            message = decode(data)
        except ProtocolError as caught:
            if await self._allowed():
                _log.warning("bad message", extra=self._fact(code=caught.code, reason=str(caught)))
                await self.send(m.ErrorMessage(caught.code, str(caught)))
            return
        if isinstance(message, m.UpAudio):
            await self._hear(message)
        elif await self._allowed():
            await self._handle(message)

    async def _allowed(self) -> bool:
        """Whether one more message that is not sound may come in now; tells the toy when it may not."""
        now = asyncio.get_running_loop().time()
        if self._limit.allow(now):
            self._refused = 0
            return True
        self._refused += 1
        self._metrics.rate_limited += 1
        if self._refused == 1:
            wait = self._limit.retry_after(now)
            _log.warning("rate limited", extra=self._fact(retry_after=round(wait, 1)))
            words = f"more than {self._limit.count} messages in {self._limit.seconds:g} s; wait {wait:.1f} s"
            await self.send(m.ErrorMessage("RATE_LIMITED", words, {"retry_after": round(wait, 3)}))
        elif self._refused >= MOST_REFUSED:
            _log.warning("session abusive", extra=self._fact(refused=self._refused))
            await self._connection.close(CloseCode.POLICY_VIOLATION, "far too many messages")
        return False

    async def _handle(self, message: object) -> None:
        match message:
            case m.Abort(turn, reason):
                await self._abort(turn, reason)
            case m.Ping(timestamp):
                await self.send(m.Pong(timestamp, _now()))
            case m.GetToyConfig(toy_id):
                await self._tell_who(toy_id)
            case m.SyncBatch() | m.SaveConversation() | m.GuardianAlert():
                await self._keep(message)
            case m.PiConfigReport():
                self._note_report(message)
            case m.Handshake():
                await self.send(m.ErrorMessage("BAD_MESSAGE", "a handshake is the first message and comes once"))
            case _:
                self._note_unused(message.type if isinstance(message, m.Unknown) else type(message).__name__)

    def _note_report(self, report: m.PiConfigReport) -> None:
        self.report = report
        _log.info("settings in force", extra=self._fact(applied=json.dumps(report.applied)[:MOST_SHOWN]))
        for setting in report.refused[:MOST_NOTED]:
            reason = setting.reason[:MOST_SHOWN]
            _log.warning("setting refused", extra=self._fact(key=setting.key[:MOST_SHOWN], reason=reason))

    def _note_unused(self, name: str) -> None:
        if name not in self._noted and len(self._noted) < MOST_NOTED:
            self._noted.add(name)
            _log.info("message ignored", extra=self._fact(type=name))

    async def _keep(self, message: m.SyncBatch | m.SaveConversation | m.GuardianAlert) -> None:
        """Keep what the toy sends. A batch is acknowledged once it is kept, and not at all when it cannot be."""
        try:
            match message:
                case m.SyncBatch():
                    ack = await self._archive.take(self.device_id, self.toy_id, message)
                    fact = self._fact(batch=ack.batch, accepted=len(ack.accepted), rejected=len(ack.rejected))
                    _log.info("batch kept", extra=fact)
                    await self.send(ack)
                case m.SaveConversation(conversation):
                    await self._archive.save(self.device_id, conversation)
                case m.GuardianAlert(severity, reason):
                    _log.warning("guardian alert", extra=self._fact(severity=severity, reason=reason))
                    await self._archive.alert(self.device_id, self.toy_id, message)
        except StoreError as caught:
            _log.error("nothing kept", extra=self._fact(reason=str(caught)))
            # Of the wire's codes the one that says *later*, and by which no turn fails.
            words = f"this cannot be kept now; try again in {LATER:g} s"
            await self.send(m.ErrorMessage("RATE_LIMITED", words, {"retry_after": LATER}))
        except ProtocolError as caught:
            _log.warning("not kept", extra=self._fact(code=caught.code, reason=str(caught)))
            await self.send(m.ErrorMessage(caught.code, str(caught)))

    async def _tell_who(self, toy_id: str) -> None:
        try:
            persona = self._persona_of(toy_id)
        except ProtocolError as caught:
            _log.warning("toy not found", extra=self._fact(toy=toy_id))
            await self.send(m.ErrorMessage(caught.code, str(caught)))
            return
        before, self.toy_id = self.toy_id, toy_id
        _log.info("toy loaded", extra=self._fact(toy=toy_id))
        await self.send(m.ToyConfig(persona.profile))
        if toy_id != before:
            self._active.chose(self.device_id, toy_id)
            await self.configure()

    # -- turns -----------------------------------------------------------------------------

    async def _hear(self, audio: m.UpAudio) -> None:
        self._metrics.frames_in += 1
        if audio.turn > self._newest:
            await self._begin(audio.turn, f"turn {audio.turn} began")
            self._metrics.turns_begun += 1
            self._incoming = IncomingTurn(audio.turn)
        incoming = self._incoming
        if incoming is None or audio.turn != incoming.turn:
            return  # of an older turn, or of one that has ended or was aborted
        incoming.add(audio.sequence, audio.packet)
        if audio.final:
            self._incoming = None
            self._heard_at = asyncio.get_running_loop().time()
            fact = self._fact(turn=incoming.turn, received=incoming.received, missing=incoming.missing)
            _log.info("turn heard", extra=fact)
            self._answering = asyncio.create_task(self._answer(incoming), name=f"answer {self.id} {incoming.turn}")

    async def _abort(self, turn: int, reason: str) -> None:
        if turn >= self._newest:
            await self._begin(turn, f"aborted: {reason}")

    async def _begin(self, turn: int, why: str) -> None:
        """From now on only `turn` counts: whatever belongs to another stops."""
        self._newest = turn
        self._metrics.turns_aborted += self._incoming is not None
        self._incoming = None
        await self._stop_answer(why)

    async def _stop_answer(self, why: str) -> None:
        task, self._answering = self._answering, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
            self._metrics.turns_aborted += task.cancelled()
            _log.info("answer stopped", extra=self._fact(reason=why))

    # -- answering -------------------------------------------------------------------------

    async def _answer(self, incoming: IncomingTurn) -> None:
        """Answer a turn, with sound or with an error that names it: the toy never waits in vain."""
        turn = incoming.turn
        try:
            persona = self._persona_of(self.toy_id)
            pcm = await asyncio.to_thread(incoming.decode, self._codec)
            heard = Heard(turn, pcm, self.device_id, self._active.personas)
            if not pcm or not await self._speak(heard, persona):
                await self._fail(turn, "AUDIO_ERROR", f"nothing was heard in turn {turn}")
            else:
                self._metrics.turns_answered += 1
        except ConnectionClosed:
            self._metrics.turns_aborted += 1
            _log.info("answer undelivered", extra=self._fact(turn=turn))
        except ProtocolError as caught:
            await self._fail(turn, caught.code, str(caught))
        except PommaiError as caught:
            await self._fail(turn, "AUDIO_ERROR", str(caught))
        except Exception:
            _log.exception("answer broken", extra=self._fact(turn=turn))
            await self._fail(turn, "AUDIO_ERROR", f"turn {turn} could not be answered: the gateway has a fault")

    async def _fail(self, turn: int, code: str, words: str) -> None:
        _log.warning("answer failed", extra=self._fact(turn=turn, code=code, reason=words))
        try:
            await self.send(m.ErrorMessage(code, words, {"turn": turn}))
        except ConnectionClosed:
            _log.info("answer undelivered", extra=self._fact(turn=turn))
        self._metrics.turns_failed[code] += 1

    async def _speak(self, heard: Heard, persona: Persona) -> bool:
        """Send the answer, paced: words, then their sound, the last frame marked. False when there was none."""
        loop = asyncio.get_running_loop()
        between = FRAME_SECONDS / PACE
        began = loop.time()
        ready = began - LEAD * between  # when the next frame may go out
        first_after = 0.0
        sequence = 0
        waiting: bytes | None = None  # the newest packet: it may be the last
        rests = False
        async with (
            aclosing(self._responder.answer(heard, persona)) as pieces,
            aclosing(_packets(pieces, self._codec.encoder())) as packets,
        ):
            async for packet in packets:
                if not isinstance(packet, bytes):
                    await self._mention(heard.turn, packet)
                    rests = rests or isinstance(packet, Rest)
                    continue
                if waiting is None:
                    first_after = loop.time() - began
                else:
                    ready = max(ready, loop.time() - LEAD * between) + between
                    await asyncio.sleep(ready - loop.time())
                    await self._send_frame(m.DownAudio(heard.turn, sequence, waiting))
                    sequence += 1
                waiting = packet
        if waiting is None:
            return rests
        await self._send_frame(m.DownAudio(heard.turn, sequence, waiting, final=True))
        fact = self._fact(turn=heard.turn, toy=persona.toy_id, frames=sequence + 1, first_ms=round(1000 * first_after))
        _log.info("answer sent", extra=fact)
        return True

    async def _mention(self, turn: int, piece: Said | Alarm | Rest | Become | Do) -> None:
        """Carry out what comes with an answer and is no sound."""
        match piece:
            case Said(text, user_text):
                await self.send(m.TextResponse(turn, text, user_text))
            case Rest(seconds, message):
                _log.info("toy rests", extra=self._fact(turn=turn, seconds=seconds))
                await self.send(m.SafetyOverride("pause_interaction", seconds, message))
            case Alarm(severity, reason, transcript):
                _log.warning("guardian alert", extra=self._fact(turn=turn, severity=severity, reason=reason))
                alert = m.GuardianAlert(severity, reason, _now(), transcript)
                await self._see_through(self._archive.alert(self.device_id, self.toy_id, alert), "nothing kept")
            case Become(toy_id):
                _log.info("toy asked to become another", extra=self._fact(turn=turn, toy=toy_id))
                await self._see_through(self._become(toy_id), "toy not changed")
            case Do(name, args):
                _log.info("command", extra=self._fact(turn=turn, command=name, arguments=json.dumps(dict(args))))
                await self.send(m.Command(name, dict(args)))

    async def _become(self, toy_id: str) -> None:
        """Be somebody else from now on: a turn that begins before the toy has changed is the new one's already."""
        await self._active.set(toy_id, self.device_id)
        self.toy_id = toy_id

    async def _see_through(self, work: Coroutine[object, object, object], words: str) -> None:
        """Do something to its end: a child who interrupts does not undo it."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise
        finally:
            if task.done() and not task.cancelled() and (caught := task.exception()) is not None:
                _log.error(words, extra=self._fact(reason=str(caught)))

    async def _send_frame(self, audio: m.DownAudio) -> None:
        data = encode_binary(audio) if self._binary else encode_audio_response(m.AudioResponse(audio.turn, (audio,)))
        await self._connection.send(data)
        if audio.sequence == 0:
            self._metrics.first_frame.observe(asyncio.get_running_loop().time() - self._heard_at)
        self._metrics.frames_out += 1
        self._metrics.bytes_out += len(data)


async def _packets(pieces: AsyncGenerator[Piece, None], encoder: Encoder) -> AsyncGenerator[Piece, None]:
    """Opus packets of an answer that comes in pieces of any length; the last frame is filled up with silence.

    What is no sound goes through as it is, in its place.
    """
    rest = b""
    async for piece in pieces:
        if not isinstance(piece, bytes):
            yield piece
            continue
        rest += piece
        whole = len(rest) - len(rest) % FRAME_BYTES
        for start in range(0, whole, ENCODE_AT_ONCE * FRAME_BYTES):
            some = rest[start : min(start + ENCODE_AT_ONCE * FRAME_BYTES, whole)]
            for packet in await asyncio.to_thread(_encode, encoder, some):
                yield packet
        rest = rest[whole:]
    if rest:
        yield encoder.encode(rest.ljust(FRAME_BYTES, b"\0"))


def _encode(encoder: Encoder, pcm: bytes) -> list[bytes]:
    return [encoder.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
