"""One toy's connection, from the handshake to the end: hears its turns, answers them, keeps what it sends, tells it who
it is."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from typing import Final

from msgspec import structs
from websockets.frames import CloseCode

from pommai.errors import ProtocolError
from pommai.gateway.answering import MOST_SHOWN, Answering, Shared, now_text
from pommai.gateway.connection import ToyConnection
from pommai.gateway.keeping import keep
from pommai.gateway.outbox import Outbox
from pommai.gateway.turn import IncomingTurn
from pommai.protocol import messages as m
from pommai.protocol.limits import TURNS_PER_MINUTE, Flow, RateLimit
from pommai.protocol.wire import decode, decode_binary, encode_audio_response, encode_binary, encode_message

MOST_REFUSED: Final = 100
"""Messages refused by the rate limit, one after the other, after which the connection is closed."""
MOST_FRAMES_REFUSED: Final = 1_000
"""Frames of sound that came too fast, more than came in time, after which the connection is closed."""
REPLACED: Final = 4001
"""Close code of a connection whose device has connected anew (4000 to 4999 are for private use, RFC 6455, 7.4.2)."""
RESTARTS: Final = "this gateway ends; connect again"
"""What a toy is told that is to connect anew."""
MOST_NOTED: Final = 20
"""Different unknown message types that are logged, in one session; and refused settings that are kept of a toy."""
MOST_REPORTED: Final = 16_384
"""Characters that are kept of what a toy says it has set."""

_log = logging.getLogger(__name__)


class Session:
    """A toy that has introduced itself.

    The receiving side runs in `run()`; an answer is a task of its own, at most one, which a newer turn or an abort
    cancels and waits for. So once an abort has been read, not a frame of that answer is sent any more.
    """

    def __init__(self, connection: ToyConnection, handshake: m.Handshake, shared: Shared) -> None:
        self.id = secrets.token_hex(8)
        self.device_id = handshake.device_id
        self.toy_id = handshake.toy_id
        """Who the toy is: what it said at the handshake, then whose configuration it last asked for."""
        self.report: m.PiConfigReport | None = None
        """What the toy has said last of the settings it was given."""
        self.update: m.UpdateReport | None = None
        """What the toy has said last of its update bundles; nothing, when it takes none."""
        self.updates_said = 0
        """How often it has said so."""
        self.called = connection.called
        """The host by which the toy has called this gateway."""
        self._connection = connection
        self._now = connection.loop.time
        self._outbox = Outbox(connection, self._give_up)
        self._active = shared.active
        self._archive = shared.archive
        self._metrics = shared.metrics
        self._signer, self._challenge, self._signed = shared.signer, handshake.challenge, 0
        self._answering = Answering(self, shared, self._leave_when_idle)
        self._binary = handshake.capabilities.get("binary_audio", False)
        self._messages, self._sound, self._turns = RateLimit(), Flow(), RateLimit(TURNS_PER_MINUTE)
        self._refused = self._frames_refused = 0
        self._noted: set[str] = set()
        self._newest = -1
        self._incoming: IncomingTurn | None = None
        self._parted = self._leaving = False

    async def run(self) -> None:
        """Serve the toy until the connection ends. Raises ConnectionClosed when it is cut."""
        capabilities = {"audio": True, "toy_switching": True, "binary_audio": True}
        connection = self._connection
        try:
            await self.send(m.HandshakeAck(self.id, capabilities, now_text()))
            instead = self._active.met(self.device_id, self.toy_id)
            if instead is not None:
                await self.send(m.SwitchToy(instead, "set while the toy was away"))
            await self.configure()
            connection.on_sound = self._on_sound
            while True:
                data = await connection.recv()
                if self._parted:
                    continue
                connection.is_busy = True
                try:
                    self._metrics.bytes_in += len(data)
                    await self._receive(data)
                finally:
                    connection.is_busy = False
                # Reading does not pause while messages are waiting: a flood would keep the loop from everybody else.
                await asyncio.sleep(0)
        finally:
            self._parted = True
            connection.on_sound = None
            await self._begin(self._newest, "the connection ended")

    async def send(self, message: m.Message) -> None:
        """Send a message that is not sound. Never waits for the toy: one that does not read is given up when too much
        is waiting for it. Raises ConnectionClosed."""
        if self._signer is not None and self._challenge is not None:
            self._signed += 1
            message = self._signer.signed(message, self.device_id, self._challenge, self._signed)
        self.send_text(encode_message(message))

    def send_text(self, text: str) -> None:
        """Send a message that was encoded before, as `send` does. Raises ConnectionClosed."""
        self._metrics.bytes_out += self._outbox.send(text)

    async def send_sound(self, audio: m.DownAudio) -> None:
        """Send a frame, as soon as the toy has room for it. Raises ConnectionClosed."""
        if self._binary:
            data = encode_binary(audio)
        else:
            data = encode_audio_response(m.AudioResponse(audio.turn, (audio,))).encode()
        await self._outbox.send_sound(data, text=not self._binary)
        self._metrics.frames_out += 1
        self._metrics.bytes_out += len(data)

    async def configure(self) -> None:
        """Send what the toy's active persona sets on it. Raises ConnectionClosed."""
        await self.send(m.PiConfigUpdate(self._active.get_active_pi_config(self.device_id)))

    def fact(self, **fields: object) -> dict[str, object]:
        """What a log line of this session carries."""
        return {"session": self.id, "device": self.device_id, **fields}

    # -- the end ---------------------------------------------------------------------------

    @property
    def messages_waiting(self) -> int:
        """How many messages wait because the toy does not read."""
        return len(self._outbox)

    def part(self, code: int, reason: str) -> None:
        """End the session with a word to the toy: nothing that it sends counts any more."""
        if not self._parted:
            self._parted = True
            _log.info("session ends", extra=self.fact(code=int(code), reason=reason))
            self._connection.part(code, reason)

    async def drop(self, reason: str) -> None:
        """End the session because its device has another one now; returns when the connection is closed."""
        self.part(REPLACED, reason)
        await self._connection.wait_closed()

    def leave(self) -> None:
        """Have the toy connect anew: at once when it is at rest, else when the turn that is under way was answered."""
        self._leaving = True
        self._leave_when_idle()

    def _leave_when_idle(self) -> None:
        if self._leaving and self._incoming is None and not self._answering.is_running:
            self.part(CloseCode.SERVICE_RESTART, RESTARTS)

    def _give_up(self, reason: str) -> None:
        _log.warning("toy given up", extra=self.fact(reason=reason))
        self._metrics.refused["does not read"] += 1
        self.part(CloseCode.POLICY_VIOLATION, reason)

    # -- receiving -------------------------------------------------------------------------

    def _on_sound(self, data: bytes) -> bool:
        """A binary message, where it comes in: what has to wait for something else goes the long way, `_receive`."""
        if self._parted:
            return True
        try:
            audio = decode_binary(data)
        except ProtocolError:
            return False
        if not isinstance(audio, m.UpAudio) or (audio.turn > self._newest and self._answering.is_running):
            return False
        if audio.turn > self._newest:
            self._open_turn(audio.turn)
        self._metrics.bytes_in += len(data)
        self._hear(audio)
        return True

    async def _receive(self, data: str | bytes) -> None:
        try:
            message = decode(data)
        except ProtocolError as caught:
            if self._allowed():
                await self._complain(caught)
            return
        if isinstance(message, m.UpAudio):
            if message.turn > self._newest:
                await self._answering.stop(f"turn {message.turn} began")
                self._open_turn(message.turn)
            self._hear(message)
        elif self._allowed():
            try:
                await self._handle(message)
            except ProtocolError as caught:
                await self._complain(caught)

    async def _complain(self, error: ProtocolError) -> None:
        _log.warning("bad message", extra=self.fact(code=error.code, reason=str(error)))
        await self.send(m.ErrorMessage(error.code, str(error)))

    def _allowed(self) -> bool:
        """Whether one more message that is not sound may come in now; tells the toy when it may not."""
        now = self._now()
        if self._messages.allow(now):
            self._refused = 0
            return True
        self._refused += 1
        limit = self._messages
        if self._refused == 1:
            words = f"more than {limit.count} messages in {limit.seconds:g} s"
            self._tell_to_wait(words, limit.retry_after(now))
        elif self._refused >= MOST_REFUSED:
            self._cut_off("far too many messages")
        self._metrics.rate_limited += 1
        return False

    def _tell_to_wait(self, words: str, wait: float, **details: object) -> None:
        _log.warning("rate limited", extra=self.fact(reason=words, retry_after=round(wait, 1)))
        told = {**details, "retry_after": round(wait, 3)}
        self.send_text(encode_message(m.ErrorMessage("RATE_LIMITED", f"{words}; wait {wait:.1f} s", told)))

    def _cut_off(self, reason: str) -> None:
        _log.warning("session abusive", extra=self.fact(reason=reason))
        self.part(CloseCode.POLICY_VIOLATION, reason)

    async def _handle(self, message: object) -> None:
        match message:
            case m.Abort(turn, reason):
                if turn >= self._newest:
                    await self._begin(turn, f"aborted: {reason}")
            case m.Ping(timestamp):
                await self.send(m.Pong(timestamp, now_text()))
            case m.GetToyConfig(toy_id):
                await self._tell_who(toy_id)
            case m.SyncBatch() | m.SaveConversation() | m.GuardianAlert():
                await keep(self, self._archive, message)
            case m.PiConfigReport():
                self._note_report(message)
            case m.UpdateReport():
                self._note_update(message)
            case m.Handshake():
                await self.send(m.ErrorMessage("BAD_MESSAGE", "a handshake is the first message and comes once"))
            case _:
                self._note_unused(message.type if isinstance(message, m.Unknown) else type(message).__name__)

    def _note_report(self, report: m.PiConfigReport) -> None:
        applied = json.dumps(report.applied)
        if len(applied) > MOST_REPORTED:
            raise ProtocolError(f"pi_config_report.applied has {len(applied)} characters; {MOST_REPORTED} are kept")
        self.report = m.PiConfigReport(report.applied, report.refused[:MOST_NOTED])
        _log.info("settings in force", extra=self.fact(applied=applied[:MOST_SHOWN]))
        for setting in report.refused[:MOST_NOTED]:
            reason = setting.reason[:MOST_SHOWN]
            _log.warning("setting refused", extra=self.fact(key=setting.key[:MOST_SHOWN], reason=reason))

    def _note_update(self, report: m.UpdateReport) -> None:
        reason, why = _printable(report.reason), _printable(report.why)
        software = report.software
        if software is not None:
            failed, words = software.failed[-MOST_NOTED:], _printable(software.reason)
            software = structs.replace(software, failed=failed, reason=words)
        failed = report.failed[-MOST_NOTED:]
        self.update = structs.replace(report, failed=failed, reason=reason, software=software, why=why)
        self.updates_said += 1
        fact: dict[str, object] = {"version": report.version, "trial": report.trial, "offer": (report.offer or "")[:16]}
        if report.undone:
            fact |= {"undone": report.undone, "why": why}
        if software is not None:
            fact |= {"software": software.version, "software_trial": software.trial}
            if software.undone:
                fact |= {"software_undone": software.undone, "software_why": software.reason}
        _log.info("update reported", extra=self.fact(**fact, outcome=report.outcome, reason=reason))

    def _note_unused(self, name: str) -> None:
        if name not in self._noted and len(self._noted) < MOST_NOTED:
            self._noted.add(name)
            _log.info("message ignored", extra=self.fact(type=name))

    async def _tell_who(self, toy_id: str) -> None:
        try:
            persona = self._active.persona(toy_id)
        except ProtocolError as caught:
            _log.warning("toy not found", extra=self.fact(toy=toy_id))
            await self.send(m.ErrorMessage(caught.code, str(caught)))
            return
        before, self.toy_id = self.toy_id, toy_id
        _log.info("toy loaded", extra=self.fact(toy=toy_id))
        await self.send(m.ToyConfig(persona.profile))
        self._active.chose(self.device_id, toy_id)
        if toy_id != before:
            await self.configure()

    # -- turns -----------------------------------------------------------------------------

    def _open_turn(self, turn: int) -> None:
        """From now on only `turn` counts. Only while no answer is under way."""
        self._newest = turn
        self._metrics.turns_begun += 1
        self._metrics.turns_aborted += self._incoming is not None
        self._incoming = IncomingTurn(turn)

    def _hear(self, audio: m.UpAudio) -> None:
        self._metrics.frames_in += 1
        incoming = self._incoming
        now = self._now()
        if not self._sound.allow(now):
            self._refuse_sound(incoming, now)
            return
        self._frames_refused -= self._frames_refused > 0
        if incoming is None or audio.turn != incoming.turn:
            return  # of an older turn, or of one that has ended or was aborted
        incoming.add(audio.sequence, audio.packet)
        if audio.final:
            self._incoming = None
            _log.info(
                "turn heard", extra=self.fact(turn=incoming.turn, received=incoming.received, missing=incoming.missing)
            )
            if self._turns.allow(now):
                self._answering.begin(incoming)
                return
            self._metrics.turns_failed["RATE_LIMITED"] += 1
            words = f"more than {self._turns.count} turns in {self._turns.seconds:g} s"
            self._tell_to_wait(words, self._turns.retry_after(now), turn=incoming.turn)
            self._leave_when_idle()

    def _refuse_sound(self, incoming: IncomingTurn | None, now: float) -> None:
        """Sound came much faster than anybody can speak: the turn is given up, a toy that goes on is cut off."""
        self._frames_refused += 1
        self._metrics.rate_limited += 1
        self._incoming = None
        if incoming is not None:
            self._metrics.turns_failed["RATE_LIMITED"] += 1
            words = "sound comes faster than it was spoken"
            self._tell_to_wait(words, self._sound.retry_after(now), turn=incoming.turn)
        elif self._frames_refused >= MOST_FRAMES_REFUSED:
            self._cut_off("far too much sound")

    async def _begin(self, turn: int, why: str) -> None:
        """From now on only what comes after `turn` counts: whatever was under way stops."""
        self._newest = turn
        self._metrics.turns_aborted += self._incoming is not None
        self._incoming = None
        await self._answering.stop(why)
        self._leave_when_idle()


def _printable(words: str) -> str:
    """A toy's words, fit to be kept and shown."""
    return "".join(letter for letter in words[:MOST_SHOWN] if letter.isprintable())
