"""The speaker as the toy's voice: kept open, one thing at a time, silent at once when told so."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from pommai.errors import DeviceError
from pommai.io.capture import keep_open
from pommai.io.ports import Speaker
from pommai.protocol.audio import FRAME_SECONDS

logger = logging.getLogger(__name__)

AHEAD: Final = 4
"""Frames kept queued in the speaker while streaming: a loop that is late by 80 ms is not heard."""
FADED_SECONDS: Final = 0.1
"""After its last frame has left the queue, a sound is still in the card, the air and the microphone's own buffer."""


class Playback:
    """Implements the port Voice over a Speaker. `volume` and `ceiling` are factors, 0.0..1.0.

    `on_sound` is told true when the room begins to hear the toy, and false when all of it has faded.
    """

    def __init__(
        self,
        speaker: Speaker,
        volume: float = 1.0,
        *,
        ceiling: float = 1.0,
        on_sound: Callable[[bool], None] = lambda sounding: None,
    ) -> None:
        self._speaker = speaker
        self.volume = min(volume, ceiling)
        self.ceiling = ceiling
        self._on_sound = on_sound
        self._fading: asyncio.TimerHandle | None = None  # while the room hears something
        self._silent_at = 0.0
        self._waiting: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._streaming = 0  # the latest stream; one of another number has been replaced
        self._open = False

    async def run(self, on_lost: Callable[[str], None], on_back: Callable[[], None]) -> None:
        """Keep the speaker open until cancelled; see `keep_open`."""

        async def open_speaker(lost: Callable[[str], None]) -> None:
            await self._speaker.open(lost)
            self._open = True
            self._more.set()

        async def close_speaker() -> None:
            self._open = False
            self._faded()
            self._waiting.clear()
            await self._speaker.close()

        feeder = asyncio.create_task(self._feed())
        try:
            await keep_open(open_speaker, close_speaker, on_lost, on_back)
        finally:
            feeder.cancel()
            await asyncio.wait([feeder])

    def play(self, frames: Sequence[bytes]) -> None:
        """Play a short sound, instead of whatever is playing."""
        self.stop()
        self._waiting.extend(frames)
        self._write_waiting()
        self._more.set()

    async def stream(self, frames: AsyncIterator[bytes]) -> None:
        """Play frames as they come; returns when the last has been handed to the device. Cancelled: silence at once.

        Returns early when something else is played instead. Raises DeviceError when the speaker is not open or stands
        still. Whoever made `frames` closes them.
        """
        self.stop()
        self._streaming += 1
        mine = self._streaming
        try:
            async for frame in frames:
                if (surplus := self._speaker.queued - AHEAD + 1) > 0:
                    await asyncio.sleep(surplus * FRAME_SECONDS)
                if mine != self._streaming:
                    return
                if not self._open or not self._write(frame):
                    raise DeviceError("the speaker does not take sound")
            await self._speaker.drained()
        finally:
            if mine == self._streaming:
                self._speaker.flush()

    def stop(self) -> None:
        """Silence at once."""
        self._streaming += 1
        self._waiting.clear()
        self._speaker.flush()
        self._silent_at = asyncio.get_running_loop().time() + FADED_SECONDS

    async def _feed(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting and self._open:
                self._write_waiting()
                await asyncio.sleep(FRAME_SECONDS)

    def _write_waiting(self) -> None:
        while self._waiting and self._open and self._write(self._waiting[0]):
            self._waiting.popleft()

    def _write(self, frame: bytes) -> bool:
        if not self._speaker.write(self._at_volume(frame)):
            return False
        now = asyncio.get_running_loop().time()
        self._silent_at = now + self._speaker.queued * FRAME_SECONDS + FADED_SECONDS
        if self._fading is None:
            self._on_sound(True)
            self._wait_for_silence()
        return True

    def _wait_for_silence(self) -> None:
        loop = asyncio.get_running_loop()
        if self._silent_at > loop.time():
            self._fading = loop.call_at(self._silent_at, self._wait_for_silence)
        else:
            self._faded()

    def _faded(self) -> None:
        if self._fading is not None:
            self._fading.cancel()
            self._fading = None
            self._on_sound(False)

    def _at_volume(self, frame: bytes) -> bytes:
        if self.volume >= 1.0:
            return frame
        samples = array("h", frame)
        factor = self.volume
        return array("h", [int(sample * factor) for sample in samples]).tobytes()
