"""Turns: beginning them, ending them early, taking them over, and the connection they need."""

from __future__ import annotations

import logging

from pommai.actions.body import Body
from pommai.actions.inbox import Inbox
from pommai.actions.registry import action, activity, sends_to_cloud
from pommai.protocol.messages import Abort

logger = logging.getLogger(__name__)


@action
def begin_turn(toy: Body) -> None:
    """Begin a new turn; answers to older ones are dropped from now on, and so is what the toy meant to say.

    A toy that makes a sound hears nothing: at a press it falls silent. One that was called has just said that it hears.
    """
    toy.sayings.drop()
    turn = toy.next_turn()
    turn.hands_free = toy.event.name == "wake.heard"
    if not turn.hands_free:
        toy.voice.stop()


@action
@sends_to_cloud
def abort_turn(toy: Body, reason: str) -> None:
    """End the turn: send nothing more of it, play nothing more of its answer, and tell the server."""
    turn = toy.turn
    if turn.over:
        return
    turn.over = True
    turn.recording.close()
    logger.info("turn aborted", extra={"turn": turn.id, "reason": reason})
    if turn.sent and not turn.alone:
        toy.link.send(Abort(turn.id, reason))


@action
@sends_to_cloud
def take_over(toy: Body, reason: str) -> None:
    """From here on the turn is answered from on board; the server, if it is there, need not go on."""
    turn = toy.turn
    if turn.over or turn.alone:
        return
    turn.alone = True
    logger.info("turn taken over", extra={"turn": turn.id, "reason": reason})
    if turn.sent:
        toy.link.send(Abort(turn.id, reason))


@action
def log(toy: Body, words: str) -> None:
    """Write a line into the log."""
    logger.info(words, extra={"event": toy.event.name})


@activity
async def stay_connected(toy: Body) -> None:
    """Keep the connection to the server; its comings and goings are the events link.*."""
    await toy.link.run(Inbox(toy))
