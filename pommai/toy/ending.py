"""The end of a toy from which it begins again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

BETWEEN_RESTARTS: Final = 300.0
"""Seconds a toy must have run before a server may have it begin again: one that asks all the time must not keep a child
from playing. Counted from each start, so it needs no clock that is right, and nothing that is kept."""


class Ending:
    """Ends one toy. Made when it begins, on a running event loop."""

    def __init__(self, stop: Callable[[], None], *, least: float = BETWEEN_RESTARTS) -> None:
        self._stop = stop
        self._least = least
        self._began = asyncio.get_running_loop().time()
        self.wants_start = False
        """The toy has ended to be started again."""

    def end(self) -> None:
        """End it, to be started again."""
        self.wants_start = True
        self._stop()

    def begin_again(self) -> None:
        """End it because the server asks for it; so soon after its beginning, not at all, and that is logged."""
        age = asyncio.get_running_loop().time() - self._began
        if age >= self._least:
            logger.warning("restart", extra={"reason": "the server asks for it"})
            self.end()
        else:
            logger.warning("restart refused", extra={"reason": f"the toy has begun {age:.0f} s ago"})
