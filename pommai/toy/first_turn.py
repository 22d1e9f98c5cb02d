"""What the first turn needs and a start does not: imported once the toy rests, off the event loop.

Who switches a toy on waits for it to rest, and who presses its button waits for light and ear: neither has time for it.

Then all that there is is set aside from what Python's garbage collector looks through. It has come to stay, and looking
through it holds up every thread, those that sound comes from among them, for tens of milliseconds on a fast machine.
"""

from __future__ import annotations

import asyncio
import gc
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
        gc.collect()
        gc.freeze()
        gc.collect()  # it comes again when a quarter has been added to what it leaves: to next to nothing, from here on
