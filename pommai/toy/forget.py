"""Factory reset, of the toy that its settings describe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from pommai.actions.body import Body
from pommai.actions.safety import record_incident
from pommai.errors import StoreError
from pommai.io import reset
from pommai.protocol.messages import NOTE
from pommai.toy.settings import Settings

logger = logging.getLogger(__name__)

LEAST_HOLD: Final = 9.5
"""Seconds: no chart, whoever made it, has the toy forget for a shorter hold than this."""


def belongings_of(settings: Settings) -> reset.Belongings:
    """What this toy has kept."""
    return reset.Belongings(settings.memory, settings.memory_copy)


def finish_reset(settings: Settings) -> bool:
    """Finish a reset that has begun; whether there was one, and it is done. Blocks; to be asked before anything is
    opened. Never raises."""
    belongings = belongings_of(settings)
    if not reset.is_begun(belongings):
        return False
    try:
        done = reset.finish(belongings)
    except StoreError as caught:
        logger.error("reset not finished", extra={"reason": str(caught)})
        return False
    logger.warning("reset to how it left the factory", extra={"files": len(done.files), "left": len(done.left)})
    return not done.left


def tell_of_reset(toy: Body) -> None:
    """Keep for the grown-ups that the toy is fresh: it is the one thing it knows of the time before."""
    record_incident(toy, NOTE, "the toy was reset to how it left the factory")


class Forgetting:
    """Begins a reset of a toy that runs: only where a server that signs has asked, or a hand that held the button from
    power-up on for long enough, whatever the chart says."""

    def __init__(self, settings: Settings, toy: Callable[[], Body], first_press: Callable[[], float | None]) -> None:
        """`first_press`: see the port Button."""
        self._belongings = belongings_of(settings)
        self._toy = toy
        self._first_press = first_press

    async def begin(self) -> None:
        """Mark that everything is to be forgotten. Raises StoreError."""
        toy = self._toy()
        if not toy.reset_asked and not (toy.held_at_power_up and (self._first_press() or 0.0) >= LEAST_HOLD):
            raise StoreError("nobody has asked for a reset, by the server or by the button at power-up")
        await asyncio.to_thread(reset.begin, self._belongings)
