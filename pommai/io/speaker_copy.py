"""A copy, as a WAV file, of what a speaker plays."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from pommai.io.ports import Speaker
from pommai.io.ticker import Ticker
from pommai.io.wav import WavRecorder
from pommai.protocol.audio import SILENCE

log = logging.getLogger(__name__)


class SpeakerCopy:
    """A Speaker that plays through another one and keeps what that one really took.

    Frames that are flushed before the device took them are not in the copy. See WavRecorder for what becomes of
    silence. A copy that cannot be written is given up, and logged; the sound goes on.
    """

    def __init__(self, speaker: Speaker, copy: Path) -> None:
        self._speaker = speaker
        self._path = copy
        self._recorder: WavRecorder | None = WavRecorder(copy)
        self._ahead: deque[bytes] = deque()  # given to the speaker, and still waiting there when last looked
        self._ticker = Ticker(self._look)

    async def open(self, lost: Callable[[str], None]) -> None:
        """Begin to play. Raises DeviceError when the speaker itself cannot be opened."""
        await self._speaker.open(lost)
        self._keep(WavRecorder.open)
        self._ticker.start()

    def write(self, frame: bytes) -> bool:
        """As the speaker's."""
        taken = self._speaker.write(frame)
        if taken:
            self._ahead.append(frame)
        return taken

    @property
    def queued(self) -> int:
        """As the speaker's."""
        return self._speaker.queued

    @property
    def capacity(self) -> int:
        """As the speaker's."""
        return self._speaker.capacity

    @property
    def gaps(self) -> int:
        """As the speaker's."""
        return getattr(self._speaker, "gaps", 0)

    async def drained(self) -> None:
        """As the speaker's."""
        await self._speaker.drained()

    def flush(self, instead: Sequence[bytes] = ()) -> bool:
        """As the speaker's. What it had not taken yet is not in the copy."""
        self._add_taken()
        self._ahead.clear()
        taken = self._speaker.flush(instead)
        if taken:
            self._ahead.extend(instead)
        return taken

    async def close(self) -> None:
        """Stop and complete the copy. Harmless when called again."""
        self._ticker.stop()
        self._add_taken()
        self._ahead.clear()
        await self._speaker.close()
        self._keep(WavRecorder.close)

    def _look(self) -> None:
        if not self._add_taken() and not self._ahead:
            self._keep(WavRecorder.add, SILENCE)

    def _add_taken(self) -> bool:
        """Keep what the speaker has taken since the last look. Whether that was anything."""
        taken = len(self._ahead) - self._speaker.queued
        for _ in range(taken):
            self._keep(WavRecorder.add, self._ahead.popleft())
        return taken > 0

    def _keep(self, write: Callable[..., None], *frame: bytes) -> None:
        if self._recorder is None:
            return
        try:
            write(self._recorder, *frame)
        except OSError as caught:
            self._recorder = None
            log.error("no copy of the sound", extra={"file": str(self._path), "reason": caught.strerror})
