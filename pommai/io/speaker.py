"""What all speakers share: the ring between the toy, which writes, and whatever plays at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from pommai.io.ticker import Ticker
from pommai.protocol.audio import FRAME_BYTES

CAPACITY: Final = 50
"""Frames a ring holds: 1 s, more than a player ever needs ahead and soon forgotten after a barge-in."""
UNDERRUN_FRAMES: Final = 10
"""A silence of at most this many frames (200 ms) between two frames of sound was not meant: an underrun."""


class RingSpeaker:
    """The writer's side of `ports.Speaker`; a subclass opens and closes the device and takes frames for it.

    `_take` may be called on another thread; everything else belongs to the event loop's.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.underruns = 0
        """Times the ring ran empty in the middle of a sound."""
        self._capacity = capacity
        self._ring: deque[bytes] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._empty = asyncio.Event()
        self._silent = UNDERRUN_FRAMES + 1

    def write(self, frame: bytes) -> bool:
        """Queue one frame; false (and nothing queued) when the ring is full or the speaker is not open."""
        if len(frame) != FRAME_BYTES:
            raise ValueError(f"a frame is {FRAME_BYTES} bytes, not {len(frame)}")
        if self._loop is None or len(self._ring) >= self._capacity:
            return False
        self._empty.clear()
        self._ring.append(frame)
        return True

    @property
    def queued(self) -> int:
        """Frames waiting in the ring."""
        return len(self._ring)

    @property
    def capacity(self) -> int:
        """Frames the ring holds."""
        return self._capacity

    async def drained(self) -> None:
        """Wait until everything queued has been handed to the device, or was dropped, or the speaker is closed."""
        if self._loop is not None and self._ring:
            await self._empty.wait()

    def flush(self, instead: Sequence[bytes] = ()) -> bool:
        """Drop all that is queued: the device gets `instead`, or silence, from its next turn on.

        The next turn may come at any moment, so both happen at once. False when the speaker is not open.
        """
        is_open = self._loop is not None
        self._silent = UNDERRUN_FRAMES + 1
        self._ring = deque(instead if is_open else ())  # who is about to take a frame takes it from the old one
        self._empty.set()
        if self._ring:
            self._empty.clear()
        return is_open

    def _start(self) -> None:
        """From now on frames are accepted. To be called when the device is open."""
        self._loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        self._silent = UNDERRUN_FRAMES + 1

    def _stop(self) -> None:
        """From now on nothing is accepted, and nothing is left of what was queued."""
        self._loop = None
        self.flush()

    def _take(self) -> bytes | None:
        """The next frame to play; None when there is none. May be called on another thread."""
        ring = self._ring
        try:
            frame = ring.popleft()
        except IndexError:
            self._silent += 1
            return None
        if 0 < self._silent <= UNDERRUN_FRAMES:
            self.underruns += 1
        self._silent = 0
        if not ring and (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self._tell_empty)
        return frame

    def _tell_empty(self) -> None:
        if not self._ring:
            self._empty.set()


class PacedSpeaker(RingSpeaker):
    """A speaker without a sound card: plays one frame every 20 ms of the event loop's clock.

    A subclass says what playing means. `lost` is never called.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        super().__init__(capacity)
        self._ticker = Ticker(lambda: self._play(self._take()))

    async def open(self, lost: Callable[[str], None]) -> None:
        """Begin to play."""
        if self._loop is None:
            self._start()
            self._ticker.start()

    async def close(self) -> None:
        """Stop; what is still queued is dropped. Harmless when called again."""
        self._ticker.stop()
        self._stop()

    def _play(self, frame: bytes | None) -> None:
        """Called every 20 ms with the frame to play, or None for silence because there is none."""
        raise NotImplementedError
