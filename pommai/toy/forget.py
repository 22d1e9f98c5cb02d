"""Factory reset, of the toy that its settings describe."""

from __future__ import annotations

import logging

from pommai.errors import StoreError
from pommai.io import reset
from pommai.toy.settings import Settings

logger = logging.getLogger(__name__)


def belongings_of(settings: Settings) -> reset.Belongings:
    """What this toy has kept."""
    return reset.Belongings(settings.memory, settings.memory_copy)


def finish_reset(settings: Settings) -> None:
    """Finish a reset that has begun. Blocks; to be asked before anything is opened. Never raises."""
    belongings = belongings_of(settings)
    if not reset.is_begun(belongings):
        return
    try:
        done = reset.finish(belongings)
    except StoreError as caught:
        logger.error("reset not finished", extra={"reason": str(caught)})
    else:
        logger.warning("reset to how it left the factory", extra={"files": len(done.files), "left": len(done.left)})
