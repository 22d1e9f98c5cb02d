"""Microphone and speaker for simulations and tests: no threads, no device, only the event loop's clock."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from pommai.errors import AudioDeviceError
from pommai.io.speaker import CAPACITY, PacedSpeaker
from pommai.protocol.audio import FRAME_BYTES


class SimulatedMicrophone:
    """Delivers the frames it is fed, at the moment it is fed them.

    `broken` is the sentence with which opening fails, None when the microphone works.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self.attended = math.inf
        self._deliver: Callable[[bytes], None] | None = None
        self._lost: Callable[[str], None] | None = None

    @property
    def is_open(self) -> bool:
        return self._deliver is not None

    async def open(self, deliver: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to deliver. Raises AudioDeviceError while `broken`."""
        if self.broken is not None:
            raise AudioDeviceError(self.broken)
        self._deliver, self._lost = deliver, lost

    async def close(self) -> None:
        """Stop. Harmless when called again."""
        self._deliver = self._lost = None

    def attend(self, within: float) -> None:
        """Every frame is delivered at once in any case; `attended` says how late it might have come."""
        self.attended = within

    def feed(self, frame: bytes) -> None:
        """Deliver one frame; nobody hears it while the microphone is closed."""
        if len(frame) != FRAME_BYTES:
            raise ValueError(f"a frame is {FRAME_BYTES} bytes, not {len(frame)}")
        if self._deliver is not None:
            self._deliver(frame)

    def vanish(self, reason: str = "the simulated microphone was unplugged") -> None:
        """The card is gone: capture ends, and opening fails until `broken` is None again."""
        self.broken = reason
        lost, self._deliver, self._lost = self._lost, None, None
        if lost is not None:
            lost(reason)


class SimulatedSpeaker(PacedSpeaker):
    """Plays in real time on the loop's clock and remembers every frame.

    `played` holds (loop time in seconds, frame) of everything written and played, idle silence left out; clear it as
    you like. `broken` is the sentence with which opening fails, None when the speaker works.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        super().__init__(capacity)
        self.broken: str | None = None
        self.played: list[tuple[float, bytes]] = []
        self._lost: Callable[[str], None] | None = None

    async def open(self, lost: Callable[[str], None]) -> None:
        """Begin to play. Raises AudioDeviceError while `broken`."""
        if self.broken is not None:
            raise AudioDeviceError(self.broken)
        self._lost = lost
        await super().open(lost)

    async def close(self) -> None:
        """Stop; what is still queued is dropped. Harmless when called again."""
        self._lost = None
        await super().close()

    def vanish(self, reason: str = "the simulated speaker was unplugged") -> None:
        """The card is gone: what is queued is lost, and opening fails until `broken` is None again."""
        self.broken = reason
        self._ticker.stop()
        self._stop()
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(reason)

    def _play(self, frame: bytes | None) -> None:
        if frame is not None:
            self.played.append((asyncio.get_running_loop().time(), frame))


class RestingSpeaker(SimulatedSpeaker):
    """Its clock stands still while there is nothing to play."""

    def write(self, frame: bytes) -> bool:
        """Queue one frame; false when there is no room."""
        written = super().write(frame)
        if written:
            self._ticker.start()
        return written

    def _play(self, frame: bytes | None) -> None:
        super()._play(frame)
        if frame is None:
            self._ticker.stop()
