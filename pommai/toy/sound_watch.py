"""A toy whose sound system hangs ends itself, to be started anew.

A driver that does not come back from opening or closing a card, as when a USB card is pulled out at that moment, holds
the one thread that PortAudio is called on, and nothing in the process can free it. The event loop turns on, and so the
service manager's watchdog is content with a toy that neither hears nor speaks. Only a new process may open the card.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pommai.events import Event
from pommai.io.ports import Memory

if TYPE_CHECKING:
    from pommai.io.control_thread import Hang

logger = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds between two looks."""
TELL_SECONDS: Final = 5.0
"""A call that nobody waits for any more may still come back by itself; most of those that ever do, do so by then."""
END_SECONDS: Final = 20.0
"""A call that hangs for so long does not come back. Each time in a row the toy waits twice as long with ending ..."""
MOST_SECONDS: Final = 1800.0
"""... up to so long: a driver that hangs at every start must not have the toy be born all day."""
REST_SECONDS: Final = 5.0
"""The toy ends when it has rested for so long ..."""
PATIENCE_SECONDS: Final = 60.0
"""... or after so long anyway: whoever presses again and again wants a toy that hears."""
WELL_SECONDS: Final = 600.0
"""After so long without a hang the next one is the first again."""
FACT: Final = "sound_hangs"
"""What the toy remembers: how often in a row it has ended for this."""


def portaudio_hang() -> Hang | None:
    """What PortAudio hangs in."""
    from pommai.io.portaudio_host import HOST  # long since there, where there is a card

    return HOST.hang


def sound_gaps(*devices: object) -> int:
    """How often these have lost sound so far. What is no card counts nothing."""
    return sum(getattr(device, "gaps", 0) for device in devices)


class SoundWatch:
    """`stop` ends the toy; `post` takes events; `hang` tells what hangs, if anything does."""

    def __init__(
        self,
        stop: Callable[[], None],
        post: Callable[[Event], None],
        memory: Memory,
        hang: Callable[[], Hang | None] = portaudio_hang,
    ) -> None:
        self._stop = stop
        self._post = post
        self._memory = memory
        self._hang = hang
        self._rests_since: float | None = None
        self.trouble = ""
        """Why the toy has ended, if it was for this: a sentence."""

    def on_configuration(self, resting: bool) -> None:
        """The toy is in another configuration now."""
        self._rests_since = asyncio.get_running_loop().time() if resting else None

    async def run(self) -> None:
        """Watch until cancelled, or until the toy is to end."""
        loop = asyncio.get_running_loop()
        well_since, told, shown = loop.time(), False, False
        while not self.trouble:
            await asyncio.sleep(LOOK)
            hang = self._hang()
            if hang is None:
                told = shown = False
                if loop.time() - well_since >= WELL_SECONDS and self._times:
                    self._memory.keep_fact(FACT, None)
                continue
            well_since = loop.time()
            if hang.seconds >= TELL_SECONDS and not told:
                told = True
                self._tell(hang)
            if told and not shown and self._rests_since is not None:
                # At rest only: otherwise the chart has learnt of a lost device, or a story goes on.
                shown = True
                self._post(Event("error.activity", {"activity": "sound", "error": f"{hang.what} has not come back"}))
            wait = min(END_SECONDS * 2**self._times, MOST_SECONDS)
            if hang.seconds >= wait + (0.0 if self._has_rested(loop.time()) else PATIENCE_SECONDS):
                self._end(hang)

    @property
    def _times(self) -> int:
        kept = self._memory.fact(FACT)
        return min(int(kept), 20) if kept is not None and kept.isdecimal() else 0

    def _has_rested(self, now: float) -> bool:
        return self._rests_since is not None and now - self._rests_since >= REST_SECONDS

    def _tell(self, hang: Hang) -> None:
        logger.error(
            "sound system hangs", extra={"call": hang.what, "seconds": round(hang.seconds), "times": self._times}
        )
        self._memory.keep_metric("sound_hangs", 1.0)

    def _end(self, hang: Hang) -> None:
        self._memory.keep_fact(FACT, str(self._times + 1))
        self.trouble = (
            f"the sound system hangs: {hang.what} has not come back for {hang.seconds:.0f} s, and only a new process "
            "can open the card; start the toy again, as systemd does. If it goes on, pull the card out and put it in "
            "again, or restart the machine"
        )
        self._stop()
