"""The toy's end, from which it begins again: fresh from the factory, or as it was."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pommai.actions.body import Body
from pommai.actions.registry import action, activity
from pommai.actions.safety import record_incident
from pommai.errors import StoreError
from pommai.events import Event
from pommai.protocol.messages import NOTE

logger = logging.getLogger(__name__)

FAREWELL: Final = 5.0
"""Seconds the toy has to say that it forgets, before it ends."""


@activity
async def forget_everything(toy: Body) -> None:
    """Have the toy forget all that it has kept, and end it, to begin again as it left the factory.

    What cannot be begun becomes reset.failed. From when it has begun, switching the toy off does not stop it.
    """
    try:
        await toy.forget()
    except StoreError as caught:
        logger.error("reset failed", extra={"reason": str(caught)})
        record_incident(toy, NOTE, f"the toy was to forget everything, and could not: {caught}")
        toy.post(Event("reset.failed", {"reason": str(caught)}))
        return
    finally:
        toy.reset_asked = toy.held_at_power_up = False  # once is enough, whatever came of it
    logger.warning("reset begun")
    await asyncio.sleep(FAREWELL)
    toy.end()


@action
def begin_again(toy: Body) -> None:
    """End, to be started again; unless the toy has only just begun."""
    toy.restart_wanted = False
    toy.begin_again()


@action
def remember_restart(toy: Body) -> None:
    """Keep in mind to begin again at the next rest."""
    toy.restart_wanted = True


@action
def recall_restart(toy: Body) -> None:
    """If a new start was asked for while there was no time, ask for it again."""
    if toy.restart_wanted:
        toy.restart_wanted = False
        toy.post(Event("restart.asked"))
