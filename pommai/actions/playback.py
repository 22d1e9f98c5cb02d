"""Speaking: the toy's own sounds, and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from pommai.actions.body import Body, Turn
from pommai.actions.registry import SoundName, action, activity
from pommai.errors import CodecError
from pommai.events import Event
from pommai.protocol.audio import FRAME_SECONDS
from pommai.protocol.jitter import PREBUFFER, End, Missing, NotYet, Packet

logger = logging.getLogger(__name__)

STALL_LIMIT: Final = 3.0
"""Seconds without anything to play after which an answer counts as broken off."""
OFFLINE_ANSWER: Final = "offline"
"""The sound that answers when the server is away."""


class _BrokeOffError(Exception):
    """Nothing more of the answer comes."""


@activity
async def speak(toy: Body) -> None:
    """Keep the speaker open."""
    await toy.voice.run(
        lambda reason: toy.post(Event("speaker.lost", {"reason": reason})),
        lambda: toy.post(Event("speaker.back")),
    )


@action
def play(toy: Body, sound: SoundName) -> None:
    """Play one of the toy's own sounds, instead of whatever is playing."""
    toy.voice.play(toy.sounds.frames(sound))


@action
def answer_offline(toy: Body) -> None:
    """Answer from what is on board."""
    toy.turn.reply.local = toy.sounds.frames(OFFLINE_ANSWER)


@activity
async def play_reply(toy: Body) -> None:
    """Play the turn's answer as it comes; ends with reply.finished or reply.stalled."""
    turn = toy.turn
    buffer = turn.reply.buffer
    how = "answer silenced"
    try:
        async with aclosing(_answer(toy, turn)) as frames:
            await toy.voice.stream(frames)
        how = "answer played"
        turn.over = True
        toy.mark("last_sample", turn=turn.id)
        toy.post(Event("reply.finished", turn=turn.id))
    except _BrokeOffError:
        how = "answer broke off"
        toy.post(Event("reply.stalled", {"reason": f"nothing came for {STALL_LIMIT:g} s"}, turn.id))
    except asyncio.CancelledError:
        toy.mark("silenced", turn=turn.id)
        raise
    finally:
        toy.mark("reply_received", turn=turn.id, frames=turn.reply.frames, bytes=turn.reply.bytes)
        counts = {"late": buffer.late, "concealed": buffer.concealed, "refused": buffer.refused}
        logger.info(how, extra={"turn": turn.id, **counts})


async def _answer(toy: Body, turn: Turn) -> AsyncGenerator[bytes, None]:
    """Frames of the answer in order. Raises _BrokeOffError."""
    frames = _remote(toy, turn) if turn.reply.local is None else _local(turn.reply.local)
    first = True
    async with aclosing(frames):
        async for frame in frames:
            yield frame
            if first:
                first = False
                toy.mark("first_sample", turn=turn.id)


async def _local(frames: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    for frame in frames:
        yield frame


async def _remote(toy: Body, turn: Turn) -> AsyncGenerator[bytes, None]:
    decoder = toy.codec.decoder()
    buffer = turn.reply.buffer
    complained = False
    while True:
        match buffer.pop():
            case Packet(packet=packet):
                try:
                    yield await toy.offload(decoder.decode, packet)
                except CodecError as caught:
                    if not complained:  # there may be thousands
                        logger.warning("no Opus in the answer", extra={"turn": turn.id, "reason": str(caught)})
                    complained = True
                    yield await toy.offload(decoder.conceal)
            case Missing(next_packet=following):
                yield await toy.offload(decoder.conceal, following)
            case NotYet():
                if buffer.starved * FRAME_SECONDS >= STALL_LIMIT:
                    raise _BrokeOffError
                await turn.reply.more(FRAME_SECONDS, PREBUFFER)
            case End():
                return
