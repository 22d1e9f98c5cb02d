"""What the first turn needs and a start does not: imported once the toy rests, off the event loop.

Who switches a toy on waits for it to rest, and who presses its button waits for light and ear: neither has time for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Final

MODULES: Final = ("webrtcvad",)
"""It looks up its own version, and for that imports a hundred modules of mail and zip."""


class FirstTurn:
    """Waits for the first rest. For one event loop."""

    def __init__(self, modules: Sequence[str] = MODULES) -> None:
        self._modules = modules
        self._rests = asyncio.Event()

    def on_configuration(self, resting: bool) -> None:
        """The toy is in another configuration now."""
        if resting:
            self._rests.set()

    async def prepare(self) -> None:
        """Have everything there, as soon as the toy rests."""
        await self._rests.wait()
        for name in self._modules:
            await asyncio.to_thread(import_module, name)
