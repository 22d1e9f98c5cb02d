"""The speaker as the toy's voice: kept open, one thing at a time, silent at once when told so."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from pommai.errors import DeviceError
from pommai.io.capture import FADED_SECONDS, keep_open
from pommai.io.loudness import Loudness, fading, fading_from, mixed
from pommai.io.ports import Speaker
from pommai.protocol.audio import FRAME_SECONDS, SILENCE

logger = logging.getLogger(__name__)

AHEAD: Final = 4
"""Frames kept queued in the speaker while streaming, and handed to it at once: a loop that is late by 80 ms is not
heard."""


class Playback:
    """Implements the port Voice over a Speaker. `volume` and `ceiling` are factors, 0.0..1.0: see `Loudness`.

    What begins in its middle swells, and what is cut off or ends abruptly fades, within 8 ms: it does not click.
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
        self._loudness = Loudness(volume, ceiling)
        self._written: deque[bytes] = deque(maxlen=speaker.capacity)  # the last of them wait in the speaker's ring
        self._written_at = 0.0
        self._begins = True
        self._on_sound = on_sound
        self._fading: asyncio.TimerHandle | None = None  # while the room hears something
        self._silent_at = 0.0
        self._waiting: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._streaming = 0  # the latest stream; one of another number has been replaced
        self._open = False

    @property
    def volume(self) -> float:
        """Loudness; set, it stays within 0.0 and `ceiling`, and holds from the next frame on."""
        return self._loudness.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._loudness.volume = volume

    @property
    def ceiling(self) -> float:
        """The loudest this toy may be; set, it takes a volume above it down with it."""
        return self._loudness.ceiling

    @ceiling.setter
    def ceiling(self, ceiling: float) -> None:
        self._loudness.ceiling = ceiling

    async def run(self, on_lost: Callable[[str], None], on_back: Callable[[], None]) -> None:
        """Keep the speaker open until cancelled; see `keep_open`."""

        async def open_speaker(lost: Callable[[str], None]) -> None:
            await self._speaker.open(lost)
            self._open = True
            self._more.set()

        async def close_speaker() -> None:
            self._open = False
            self._drop()
            await self._speaker.close()

        feeder = asyncio.create_task(self._feed())
        try:
            await keep_open(open_speaker, close_speaker, on_lost, on_back)
        finally:
            self._faded()
            feeder.cancel()
            await asyncio.wait([feeder])

    def play(self, frames: Sequence[bytes]) -> None:
        """Play a short sound, instead of whatever is playing, which fades under it."""
        tail = fading_from(frames[-1]) if frames else None
        self._replace([*frames, tail] if tail else frames)
        self._write_waiting()
        self._more.set()

    async def stream(self, frames: AsyncIterator[bytes]) -> None:
        """Play frames as they come; returns when the last has been handed to the device. Cancelled: silence at once.

        Returns early when something else is played instead. Raises DeviceError when the speaker is not open or stands
        still. Whoever made `frames` closes them.
        """
        self.stop()
        mine = self._streaming
        last = SILENCE
        try:
            async for frame in frames:
                if (surplus := self._speaker.queued - AHEAD + 1) > 0:
                    await asyncio.sleep(surplus * FRAME_SECONDS)
                if mine != self._streaming:
                    return
                if not self._open or not self._write(frame):
                    raise DeviceError("the speaker does not take sound")
                last = frame
            if mine == self._streaming and (tail := fading_from(last)):
                self._write(tail)
            await self._speaker.drained()
        finally:
            if mine == self._streaming:
                self.stop()

    def stop(self) -> None:
        """Silence at once: what is playing fades within 8 ms."""
        self._replace(())

    def _replace(self, frames: Sequence[bytes]) -> None:
        """Play this instead of all there was to be played, which fades under its beginning."""
        self._streaming += 1
        self._waiting = deque(frames)
        # The speaker may take a frame at any moment, so what comes next is ready before it is told.
        ready: list[bytes] = []
        if self._open and self._waiting:
            self._begin()
            count = min(AHEAD, len(self._waiting))
            ready = [self._loudness.apply(self._waiting.popleft()) for _ in range(count)]
        while True:
            queued = self._speaker.queued
            instead = self._over_what_waits(ready, queued)
            if queued == self._speaker.queued:
                break
        taken = self._speaker.flush(instead)
        self._written.clear()
        self._begins = not ready
        self._fall_silent()
        for frame in instead if taken else ():
            self._note(frame)

    def _over_what_waits(self, frames: list[bytes], queued: int) -> list[bytes]:
        """These frames, and under them the beginning of what waits in the speaker, fading, if that can be heard."""
        tail = fading(self._written[-queued]) if 0 < queued <= len(self._written) else None
        if tail is None:
            return frames
        return [mixed(frames[0], tail, self._loudness.highest), *frames[1:]] if frames else [tail]

    def _drop(self) -> None:
        self._waiting.clear()
        self._speaker.flush()
        self._written.clear()
        self._begins = True
        self._fall_silent()

    def _fall_silent(self) -> None:
        if self._fading is not None:
            self._fading.cancel()  # it was set for the end of what is not played any more
            self._silent_at = asyncio.get_running_loop().time() + FADED_SECONDS
            self._wait_for_silence()

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
        """Queue a frame, as loud as it may be; false when there is no room for it."""
        if self._speaker.queued >= self._speaker.capacity:
            return False
        if self._begins or not self._speaker.queued:
            self._begin()
        return self._put(self._loudness.apply(frame))

    def _begin(self) -> None:
        self._loudness.begin(asyncio.get_running_loop().time() - self._written_at)
        self._begins = False

    def _put(self, frame: bytes) -> bool:
        if not self._speaker.write(frame):
            return False
        self._note(frame)
        return True

    def _note(self, frame: bytes) -> None:
        """The speaker has taken this."""
        self._written.append(frame)
        self._written_at = now = asyncio.get_running_loop().time()
        self._silent_at = now + self._speaker.queued * FRAME_SECONDS + FADED_SECONDS
        if self._fading is None:
            self._on_sound(True)
            self._wait_for_silence()

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
