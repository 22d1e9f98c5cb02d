"""Answering without the server: what was recorded is understood on board, and an answer from the file is spoken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from pommai.actions.body import Body, Turn
from pommai.actions.registry import activity
from pommai.actions.safety import raise_alarm, record_incident
from pommai.errors import RecognitionError, SoundError, SpeechError
from pommai.events import Event
from pommai.protocol.messages import NOTE
from pommai.responses import Answer

logger = logging.getLogger(__name__)

LAST_RESORT: Final = "offline"
"""The sound that answers when there is neither a recording nor a voice that could."""


@activity
async def answer_alone(toy: Body, confidence: float = 0.6) -> None:
    """Make an answer to the turn on board; answer.ready says that there is something to play.

    Words of which recognition is less sure than `confidence`, 0.0..1.0, count as not understood. One violation too many
    becomes safety.pause instead of an answer.
    """
    turn = toy.turn
    answer = await _answer(toy, turn, confidence)
    logger.info("answered on board", extra={"turn": turn.id, "outcome": answer.outcome, "answer": answer.name})
    toy.mark("answered", turn=turn.id, text=answer.reply, outcome=answer.outcome, answer=answer.name)
    reason = f"{answer.name}: {', '.join(answer.because)}" if answer.because else answer.name
    if answer.outcome == "blocked" and answer.alert is None:
        record_incident(toy, NOTE, reason, turn.user_text)
    elif answer.alert is not None:
        raise_alarm(toy, answer.alert, reason, turn.user_text)
    if answer.pause_seconds is not None:
        toy.post(Event("safety.pause", {"seconds": answer.pause_seconds, "message": answer.reply}))
    else:
        turn.reply_text = answer.reply
        turn.reply.local = await spoken(toy, answer)
        toy.post(Event("answer.ready", turn=turn.id))
    await asyncio.get_running_loop().create_future()  # until the chart has moved on


async def _answer(toy: Body, turn: Turn, confidence: float) -> Answer:
    now = asyncio.get_running_loop().time()
    if turn.blocked is not None:
        return toy.answerer.redirect(turn.blocked, toy.listener)
    try:
        heard = await toy.recogniser.transcribe(turn.recording.frames)
    except RecognitionError as caught:
        logger.warning("not understood on board", extra={"turn": turn.id, "reason": str(caught)})
        return toy.answerer.not_understood(toy.listener, now)
    toy.mark("understood", turn=turn.id, text=heard.text, confidence=heard.confidence)
    turn.user_text = heard.text
    if not heard.text or heard.confidence < confidence:
        return toy.answerer.not_understood(toy.listener, now)
    return toy.answerer.answer(heard.text, toy.listener, now, toy.memory.popular())


async def spoken(toy: Body, answer: Answer) -> Sequence[bytes]:
    """Frames that say an answer: its recording, else the toy's voice, else a sound."""
    if answer.audio is not None:
        try:
            return toy.sounds.frames(answer.audio)
        except SoundError as caught:
            logger.warning("answer without its recording", extra={"reason": str(caught)})
    try:
        frames = await toy.speech.speak(answer.reply, toy.voice_settings)
    except SpeechError as caught:
        logger.warning("answer without a voice", extra={"reason": str(caught)})
        frames = ()
    return frames or toy.sounds.frames(LAST_RESORT)
