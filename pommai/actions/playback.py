"""Speaking: the toy's own sounds, and answers."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from pommai.actions.body import Body, Turn
from pommai.actions.registry import SoundName, action, activity
from pommai.actions.saying import say_what_comes
from pommai.actions.voices import hold_recording
from pommai.errors import CodecError, SoundError
from pommai.events import Event
from pommai.protocol.audio import FRAME_SECONDS
from pommai.protocol.jitter import PREBUFFER, End, Missing, NotYet, Packet
from pommai.protocol.messages import Conversation

logger = logging.getLogger(__name__)

STALL_LIMIT: Final = 3.0
"""Seconds without anything to play after which an answer counts as broken off."""
VOLUME_SOUND: Final = "volume_limit"
"""What is heard when somebody wants the toy louder than it may be."""
VOLUME_FACT: Final = "volume"
"""What the toy remembers of its loudness: percent."""


class _BrokeOffError(Exception):
    """Nothing more of the answer comes."""


@activity
async def speak(toy: Body) -> None:
    """Keep the speaker open, and say what the toy wants to say of its own accord."""
    async with asyncio.TaskGroup() as both:
        both.create_task(say_what_comes(toy), name="saying")
        await toy.voice.run(
            lambda reason: toy.post(Event("speaker.lost", {"reason": reason})),
            lambda: toy.post(Event("speaker.back")),
        )


@action
def play(toy: Body, sound: SoundName) -> None:
    """Play one of the toy's own sounds, instead of whatever is playing."""
    play_sound(toy, sound)


def play_sound(toy: Body, name: str) -> None:
    """What `play` does, for actions that choose the sound themselves. Raises SoundError."""
    frames = toy.sounds.frames(name)
    toy.voice.play(frames)
    toy.sound_until = asyncio.get_running_loop().time() + len(frames) * FRAME_SECONDS


@action
def set_volume(toy: Body) -> None:
    """Be as loud as the event says, but never louder than is good for a child's ears."""
    percent = toy.event.data.get("percent")
    if not isinstance(percent, int | float) or isinstance(percent, bool) or math.isnan(percent):
        return
    wanted = min(max(float(percent), 0.0), 100.0) / 100
    toy.voice.volume = min(wanted, toy.voice.ceiling)
    toy.memory.keep_fact(VOLUME_FACT, f"{100 * toy.voice.volume:.0f}")
    logger.info("volume", extra={"asked": wanted, "volume": toy.voice.volume})
    play_sound(toy, VOLUME_SOUND if wanted > toy.voice.ceiling else "press")


@action
def play_asked(toy: Body) -> None:
    """Play the sound that the event names, if the toy has one of that name."""
    name = toy.event.data.get("sound")
    if not isinstance(name, str) or name not in toy.sounds.names():
        logger.warning("sound not played", extra={"reason": "there is none of that name"})
        return
    try:
        play_sound(toy, name)
    except SoundError as caught:
        logger.warning("sound not played", extra={"reason": str(caught)})


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
        _remember(toy, turn)
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
                if turn.ended_at is not None:
                    seconds = asyncio.get_running_loop().time() - turn.ended_at
                    toy.memory.keep_metric("offline_answer_s" if turn.alone else "answer_s", round(seconds, 3))


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


def _remember(toy: Body, turn: Turn) -> None:
    """Keep the exchange, if anybody knows in words what was said. Of sound nothing is ever written."""
    if not turn.user_text and not turn.reply_text:
        return
    stamp = toy.clock.now().text
    exchange = (toy.toy_id, turn.user_text, turn.reply_text, stamp, turn.alone)
    conversation = Conversation(secrets.token_hex(8), *exchange)
    hold_recording(toy, turn, conversation.id)
    toy.memory.keep_conversation(conversation)
