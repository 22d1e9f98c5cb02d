"""Answers to one toy's turns: made, paced, sent, and stopped as soon as nobody wants them any more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from websockets.exceptions import ConnectionClosed

from pommai.errors import FleetError, PommaiError, ProtocolError
from pommai.gateway.active import ActivePersonas
from pommai.gateway.archive import Archive
from pommai.gateway.bench import Bench
from pommai.gateway.metrics import Metrics
from pommai.gateway.personas import Persona
from pommai.gateway.responder import Alarm, Become, Do, Heard, Piece, Responder, Rest, Said
from pommai.gateway.signer import Signer
from pommai.gateway.turn import IncomingTurn
from pommai.gateway.waiting import ANSWER_SECONDS, MOST_SECONDS, Place, Waiting
from pommai.io.ports import Codec, Encoder
from pommai.protocol import messages as m
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS

LEAD: Final = 10
"""Frames of an answer sent at once (200 ms): more than a toy's prebuffer, so that it speaks without waiting."""
PACE: Final = 2.0
"""After those, frames go out at this many times real time: the toy's buffer fills, and abort still has much to stop."""
TOGETHER: Final = 5
"""Frames that go out one after the other, when it is time for the last of them: to wake up costs more than a frame."""
ENCODE_AT_ONCE: Final = 10
"""Frames encoded in one go, off the event loop: half a millisecond, or two."""
MOST_SHOWN: Final = 500
"""Characters of a toy's words that are logged."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions of a gateway have in common."""

    active: ActivePersonas
    """Who toys are to be, and what that sets on them."""
    responder: Responder
    codec: Codec
    quick: Codec
    """Speaks as well with less work, and more bits: for answers that begin while others wait."""
    archive: Archive
    metrics: Metrics
    bench: Bench
    signer: Signer | None = None
    """Signs what would change a toy, where there is a key for that."""
    waiting: Waiting = field(default_factory=Waiting)
    """The turns that have no sound yet."""


class Toy(Protocol):
    """Whom an answer goes to."""

    device_id: str
    toy_id: str

    def fact(self, **fields: object) -> dict[str, object]:
        """What a log line about this toy carries."""

    async def send(self, message: m.Message) -> None:
        """Send what is no sound, without waiting for the toy. Raises ConnectionClosed."""

    async def send_sound(self, audio: m.DownAudio) -> None:
        """Send a frame, as soon as the toy has room for it. Raises ConnectionClosed."""


class Answering:
    """The answers to one toy, at most one at a time.

    An answer is a task, which `stop` cancels and waits for: then not a frame of it is sent any more.
    """

    def __init__(self, toy: Toy, shared: Shared, on_end: Callable[[], None]) -> None:
        """`on_end` is called when an answer has ended, however it did."""
        self._toy = toy
        self._shared = shared
        self._on_end = on_end
        self._task: asyncio.Task[None] | None = None
        # Of the turn that is answered:
        self._heard_at = 0.0
        self._place: Place
        self._limit: asyncio.Timeout

    @property
    def is_running(self) -> bool:
        """Whether an answer is under way."""
        return self._task is not None and not self._task.done()

    def begin(self, incoming: IncomingTurn) -> None:
        """Answer a turn. Only while no other answer is under way."""
        assert not self.is_running, "one answer at a time"
        self._heard_at = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._answer(incoming), name=f"answer {incoming.turn}")
        self._task.add_done_callback(lambda _: self._on_end())

    async def stop(self, why: str) -> None:
        """End the answer that is under way, if there is one."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
            self._shared.metrics.turns_aborted += task.cancelled()
            _log.info("answer stopped", extra=self._toy.fact(reason=why))

    async def _answer(self, incoming: IncomingTurn) -> None:
        """Answer a turn, with sound or with an error that names it: the toy never waits in vain."""
        turn, shared = incoming.turn, self._shared
        wait = shared.waiting.expected(self._heard_at)
        if wait > MOST_SECONDS:
            await self._fail(turn, "RATE_LIMITED", "too many toys talk at once", retry_after=round(wait, 1))
            return
        self._place = shared.waiting.join(self._heard_at)
        try:
            async with asyncio.timeout(ANSWER_SECONDS) as self._limit:
                answered = await self._hear_and_speak(incoming)
            if answered:
                shared.metrics.turns_answered += 1
            else:
                await self._fail(turn, "AUDIO_ERROR", f"nothing was heard in turn {turn}")
        except ConnectionClosed:
            shared.metrics.turns_aborted += 1
            _log.info("answer undelivered", extra=self._toy.fact(turn=turn))
        except ProtocolError as caught:
            await self._fail(turn, caught.code, str(caught))
        except PommaiError as caught:
            await self._fail(turn, "AUDIO_ERROR", str(caught))
        except Exception:
            if self._limit.expired():
                words = f"turn {turn} has no answer within {ANSWER_SECONDS:g} s"
                await self._fail(turn, "RATE_LIMITED", words, retry_after=ANSWER_SECONDS)
                return
            _log.exception("answer broken", extra=self._toy.fact(turn=turn))
            await self._fail(turn, "AUDIO_ERROR", f"turn {turn} could not be answered: the gateway has a fault")
        finally:
            self._place.give_up()

    async def _hear_and_speak(self, incoming: IncomingTurn) -> bool:
        """Answer a turn. False when there was nothing to hear, or nothing to say to it."""
        shared = self._shared
        persona = shared.active.persona(self._toy.toy_id)
        pcm = await shared.bench.do(lambda: incoming.decode(shared.codec))
        heard = Heard(incoming.turn, pcm, self._toy.device_id, shared.active.personas)
        return bool(pcm) and await self._speak(heard, persona)

    async def _fail(self, turn: int, code: str, words: str, **details: object) -> None:
        _log.warning("answer failed", extra=self._toy.fact(turn=turn, code=code, reason=words))
        try:
            await self._toy.send(m.ErrorMessage(code, words, {**details, "turn": turn}))
        except ConnectionClosed:
            _log.info("answer undelivered", extra=self._toy.fact(turn=turn))
        self._shared.metrics.turns_failed[code] += 1

    async def _speak(self, heard: Heard, persona: Persona) -> bool:
        """Send the answer, paced: words, then their sound, the last frame marked. False when there was none."""
        pace, turn = _Pace(asyncio.get_running_loop()), heard.turn
        first_after = 0.0
        waiting: bytes | None = None  # the newest packet: it may be the last
        rests = False
        encode = self._encode_with(pace)

        async with (
            aclosing(self._shared.responder.answer(heard, persona)) as pieces,
            aclosing(_packets(pieces, encode)) as packets,
        ):
            async for packet in packets:
                if not isinstance(packet, bytes):
                    await self._carry_out(turn, packet)
                    rests = rests or isinstance(packet, Rest)
                    continue
                if waiting is None:
                    first_after = pace.elapsed
                else:
                    await pace.wait()
                    await self._send_frame(m.DownAudio(turn, pace.sent, waiting))
                    pace.sent += 1
                waiting = packet
        if waiting is None:
            return rests
        await self._send_frame(m.DownAudio(turn, pace.sent, waiting, final=True))
        fact = self._toy.fact(turn=turn, toy=persona.toy_id, frames=pace.sent + 1, first_ms=round(1000 * first_after))
        _log.info("answer sent", extra=fact)
        return True

    def _encode_with(self, pace: _Pace) -> Callable[[bytes], Coroutine[object, object, list[bytes]]]:
        """What makes packets of an answer. How, is decided when its first sound is there: an encoder has memory."""
        shared, encoder = self._shared, None

        async def encode(pcm: bytes) -> list[bytes]:
            nonlocal encoder
            if encoder is None:
                encoder = (shared.quick if shared.bench.is_behind else shared.codec).encoder()
            made = encoder
            return await shared.bench.do(lambda: _encode(made, pcm), pace.due)

        return encode

    async def _send_frame(self, audio: m.DownAudio) -> None:
        await self._toy.send_sound(audio)
        if audio.sequence == 0:
            now = asyncio.get_running_loop().time()
            self._shared.metrics.first_frame.observe(now - self._heard_at)
            self._place.served(now)
            self._limit.reschedule(None)

    async def _carry_out(self, turn: int, piece: Said | Alarm | Rest | Become | Do) -> None:
        """Carry out what comes with an answer and is no sound."""
        toy = self._toy
        match piece:
            case Said(text, user_text):
                await toy.send(m.TextResponse(turn, text, user_text))
            case Rest(seconds, message):
                _log.info("toy rests", extra=toy.fact(turn=turn, seconds=seconds))
                await toy.send(m.SafetyOverride("pause_interaction", seconds, message))
            case Alarm(severity, reason, transcript):
                _log.warning("guardian alert", extra=toy.fact(turn=turn, severity=severity, reason=reason))
                alert = m.GuardianAlert(severity, reason, now_text(), transcript)
                await self._see_through(self._shared.archive.alert(toy.device_id, toy.toy_id, alert), "nothing kept")
            case Become(toy_id):
                _log.info("toy asked to become another", extra=toy.fact(turn=turn, toy=toy_id))
                await self._see_through(self._become(toy_id), "toy not changed")
            case Do(name, args):
                _log.info("command", extra=toy.fact(turn=turn, command=name, arguments=json.dumps(dict(args))))
                await toy.send(m.Command(name, dict(args)))

    async def _become(self, toy_id: str) -> None:
        """Be somebody else from now on: a turn that begins before the toy has changed is the new one's already."""
        try:
            await self._shared.active.set(toy_id, self._toy.device_id)
        except FleetError as caught:
            # The other gateways hear of it later, when the toy has chosen it: a child need not wait for them.
            _log.warning("only this toy is told", extra=self._toy.fact(toy=toy_id, reason=str(caught)))
            await self._toy.send(m.SwitchToy(toy_id, "it was asked for"))
        else:
            self._toy.toy_id = toy_id

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
                _log.error(words, extra=self._toy.fact(reason=str(caught)))


class _Pace:
    """When the frames of one answer may go out, and how long the toy can play what it has."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._between = FRAME_SECONDS / PACE
        self._began = loop.time()
        self._ready = self._began - LEAD * self._between  # when the next frame may go out
        self._first_at: float | None = None
        self.sent = 0

    @property
    def elapsed(self) -> float:
        return self._loop.time() - self._began

    @property
    def due(self) -> float | None:
        """The loop's time at which the toy has played all that was sent; None when nothing was."""
        return None if self._first_at is None else self._first_at + self.sent * FRAME_SECONDS

    async def wait(self) -> None:
        """Return when the next frame may go out."""
        now = self._loop.time()
        if self._first_at is None:
            self._first_at = now
        self._ready = max(self._ready, now - LEAD * self._between) + self._between
        if self._ready > now and self.sent % TOGETHER == 0:
            await asyncio.sleep(self._ready - now + (TOGETHER - 1) * self._between)


async def _packets(
    pieces: AsyncGenerator[Piece, None], encode: Callable[[bytes], Coroutine[object, object, list[bytes]]]
) -> AsyncGenerator[Piece, None]:
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
            for packet in await encode(rest[start : min(start + ENCODE_AT_ONCE * FRAME_BYTES, whole)]):
                yield packet
        rest = rest[whole:]
    if rest:
        for packet in await encode(rest.ljust(FRAME_BYTES, b"\0")):
            yield packet


def now_text() -> str:
    """The time for the wire: UTC, ISO 8601. It stamps; nothing here is ordered or timed by it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _encode(encoder: Encoder, pcm: bytes) -> list[bytes]:
    return [encoder.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]
