"""How `pommai gateway` ends: gently, so that toys hardly notice, or at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


class End:
    """Waits until somebody wants the end. SIGTERM asks for a gentle one; a second one, or SIGINT, for it at once."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()

    def heed_signals(self) -> None:
        """Take the process's signals as they are meant."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.gently)
        loop.add_signal_handler(signal.SIGINT, self.at_once)

    def gently(self) -> None:
        """End when toys can be let go; at once, when that was asked before."""
        if self._asked.is_set():
            self._at_once.set()
        self._asked.set()

    def at_once(self) -> None:
        """End now."""
        self._asked.set()
        self._at_once.set()

    async def wait(self) -> None:
        """Wait until somebody asks for the end."""
        await self._asked.wait()

    async def after(self, farewell: Coroutine[Any, Any, None]) -> None:
        """Carry out what a gentle end takes; leave it off as soon as somebody wants the end at once."""
        leaving = asyncio.create_task(farewell, name="gateway farewell")
        hurry = asyncio.create_task(self._at_once.wait(), name="gateway hurry")
        try:
            if not self._at_once.is_set():
                await asyncio.wait((leaving, hurry), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            hurry.cancel()
            await asyncio.wait((leaving, hurry))
        if not leaving.cancelled():
            leaving.result()
