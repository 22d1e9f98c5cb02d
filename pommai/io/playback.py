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


class Playback:
    """Implements the port Voice over a Speaker. `volume` is a factor, 0.0..1.0."""

    def __init__(self, speaker: Speaker, volume: float = 1.0) -> None:
        self._speaker = speaker
        self.volume = volume
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
                if not self._open or not self._speaker.write(self._at_volume(frame)):
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

    async def _feed(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting and self._open:
                self._write_waiting()
                await asyncio.sleep(FRAME_SECONDS)

    def _write_waiting(self) -> None:
        while self._waiting and self._open and self._speaker.write(self._at_volume(self._waiting[0])):
            self._waiting.popleft()

    def _at_volume(self, frame: bytes) -> bytes:
        if self.volume >= 1.0:
            return frame
        samples = array("h", frame)
        factor = self.volume
        return array("h", [int(sample * factor) for sample in samples]).tobytes()
