"""Notices that the personas' file was edited, while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from pommai.errors import PersonasError, PommaiError
from pommai.gateway.personas import Personas, load_personas

EVERY: Final = 1.0
"""Seconds between two looks at the file."""

_log = logging.getLogger(__name__)


class PersonasWatch:
    """Looks at the file each second. Make it before the file is read for the first time: no edit is missed then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)

    async def run(self, changed: Callable[[Personas], Awaitable[object]]) -> None:
        """Call `changed` with what the file says whenever it says something else, until cancelled.

        A file that is wrong or gone, or refused with a PommaiError, is logged, with the line, and leaves everything as
        it is.
        """
        while True:
            await asyncio.sleep(EVERY)
            stamp = await asyncio.to_thread(_stamp, self._path)
            if stamp == self._seen:
                continue
            self._seen = stamp
            try:
                personas = await asyncio.to_thread(load_personas, self._path)
            except PersonasError as caught:
                _log.warning("personas not read, the last good ones stay", extra={"reason": str(caught)})
            except Exception:  # a fault here must not be the end of watching
                _log.exception("personas not read, the last good ones stay")
            else:
                await self._hand_over(personas, changed)

    async def _hand_over(self, personas: Personas, changed: Callable[[Personas], Awaitable[object]]) -> None:
        try:
            await changed(personas)
        except PommaiError as caught:
            _log.warning("personas refused, the last good ones stay", extra={"reason": str(caught)})


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs after an edit; None when there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
