"""Hearing: the open microphone, the recording of a turn, and its way to the server."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pommai.actions.body import Body, Turn
from pommai.actions.registry import Seconds, activity, sends_to_cloud
from pommai.actions.voices import may_leave
from pommai.events import Event
from pommai.io.ports import Encoder
from pommai.protocol.audio import FRAME_SECONDS
from pommai.protocol.bitrate import BitrateLadder

logger = logging.getLogger(__name__)

FLUSH_LIMIT: Final = 8.0
"""Seconds a finished recording may take to reach the server over a slow network."""


@activity
async def hear(toy: Body) -> None:
    """Keep the microphone open."""

    def lost(reason: str) -> None:
        toy.microphone_works = False
        toy.post(Event("microphone.lost", {"reason": reason}))

    def back() -> None:
        toy.microphone_works = True
        toy.post(Event("microphone.back"))

    await toy.hearing.run(lost, back)


@activity
async def record(toy: Body, silence: Seconds = Seconds(0.8)) -> None:  # noqa: B008 (a number)
    """Record the turn, from 300 ms before it began, and notice speech; after so much `silence` it has ended.

    A toy that was called by name records from then on: what came before was its name.
    """
    turn = toy.turn
    activity, gate = toy.voice_activity(), toy.speech_gate(silence)

    def take(frame: bytes) -> None:
        if not turn.recording.frames:
            toy.mark("first_frame_captured", turn=turn.id)
        turn.recording.append(frame)
        fact = gate.hear(activity.is_speech(frame))
        if fact == "started":
            turn.heard_speech = True
        if fact is not None:
            toy.post(Event(f"speech.{fact}", turn=turn.id))

    stream = toy.hearing.subscribe(preroll=not turn.hands_free)
    try:
        async for frame in stream:
            take(frame)
    finally:
        stream.close()
        for frame in stream.drain():
            take(frame)
        turn.recording.close()
        turn.ended_at = asyncio.get_running_loop().time()
        toy.mark("last_frame_captured", turn=turn.id, frames=len(turn.recording.frames))


@activity
@sends_to_cloud
async def stream_speech(toy: Body) -> None:
    """Send the recording as it grows. Left with the turn alive, it sends what is left, then the end mark.

    Speech that the server does not take in FLUSH_LIMIT fails the turn: reply.failed.
    """
    turn = toy.turn
    uplink = _Uplink(toy, turn)
    try:
        await uplink.follow()
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None:
            task.uncancel()  # or else Python 3.11.2, which is Debian 12's, takes the timeout for the cancelling
        try:
            async with asyncio.timeout(FLUSH_LIMIT):
                await uplink.follow()
        except TimeoutError:
            words = f"the server did not take all of the speech in {FLUSH_LIMIT:g} s"
            logger.warning("speech not sent", extra={"turn": turn.id, "reason": words})
            if not turn.reply.begun:
                toy.post(Event("reply.failed", {"code": "NOT_SENT", "message": words}, turn.id))
        raise
    finally:
        toy.mark("speech_sent", turn=turn.id, frames=uplink.sequence, bytes=uplink.bytes)


class _Uplink:
    """One turn's way to the server: encodes frame after frame, holds back while too many are in flight.

    The server keeps nothing of a turn beyond its connection, so on a new one the recording is sent from its beginning.
    """

    def __init__(self, toy: Body, turn: Turn) -> None:
        self.toy, self.turn = toy, turn
        self.bytes = 0
        self.begin()

    def begin(self) -> None:
        """Nothing is sent yet, on the connection there is now."""
        self.connection = self.toy.connections
        self.encoder: Encoder = self.toy.codec.encoder()
        self.ladder = BitrateLadder()
        self.bitrate = self.ladder.bitrate
        self.sequence = 0
        self.encoded: bytes | None = None  # made, and not yet taken by the link
        self.turn.packets = []

    async def follow(self) -> None:
        """Send until the recording is closed and all of it is sent, or the turn is over. May be called again."""
        recording = self.turn.recording
        while self.turn.is_with_server:
            if self.connection != self.toy.connections:
                self.begin()
            elif self.sequence < len(recording.frames):
                await self.send(recording.frames[self.sequence])
            elif not recording.closed:
                await recording.changed()
            elif self.sequence == 0 or self.finish():
                return
            else:
                await asyncio.sleep(FRAME_SECONDS)

    async def send(self, frame: bytes) -> None:
        if self.encoded is None:
            bitrate = self.ladder.update(self.toy.link.backlog)
            if bitrate != self.bitrate:
                self.bitrate = bitrate
                self.encoder.set_bitrate(bitrate)
                logger.info("bitrate", extra={"turn": self.turn.id, "bits_per_second": bitrate})
            self.encoded = await self.toy.offload(self.encoder.encode, frame)
            return  # meanwhile the turn may be over, or the connection another one
        if not self.toy.link.send_audio(self.turn.id, self.sequence, self.encoded, final=False):
            await asyncio.sleep(FRAME_SECONDS)  # nobody there, or too many in flight: the recording waits
            return
        if self.sequence == 0:
            self.toy.mark("first_frame_sent", turn=self.turn.id)
        self.turn.sent = True
        self.bytes += len(self.encoded)
        if may_leave(self.toy, self.toy.toy_id):
            self.turn.packets.append(self.encoded)
        self.encoded = None
        self.sequence += 1

    def finish(self) -> bool:
        """Mark the end; false when the link has no room for it."""
        if not self.toy.link.send_audio(self.turn.id, self.sequence, b"", final=True):
            return False
        self.toy.mark("last_frame_sent", turn=self.turn.id, frames=self.sequence)
        return True
