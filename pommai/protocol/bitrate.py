"""Which bitrate to encode the next frame at, from how many wait to be sent."""

from __future__ import annotations

from pommai.protocol.audio import frames_in

BITRATES = (24_000, 16_000, 12_000)
"""Bits a second, best first. Opus carries wideband speech down to 12 kbit/s; below that, it narrows the band."""
STEP_DOWN_BACKLOG = 10
"""Frames waiting at which one step down is taken: 200 ms, more than any Wi-Fi that is well hesitates."""
CALM_BACKLOG = 2
"""At most this many waiting counts as drained: one being sent, one just encoded."""
SETTLE_FRAMES = frames_in(0.5)
"""After a step down the next one waits this long, for the frames already encoded are still the large ones."""
CALM_FRAMES = frames_in(3.0)
"""The backlog has to stay drained this long before one step up."""


class BitrateLadder:
    """Steps down while the backlog grows, and back up when it has stayed drained.

    Steps down when many frames wait and they have not become fewer since the last step. Going down is quick (speech
    late by a second is a broken conversation), going up slow and one step at a time (a network that just recovered is
    not trusted yet), and between the two backlogs nothing changes: so it never swings.
    """

    def __init__(self) -> None:
        self._step = 0
        self._settling = 0
        self._calm = 0
        self._backlog_at_step = 0

    @property
    def bitrate(self) -> int:
        """Bits a second for the next frame."""
        return BITRATES[self._step]

    def update(self, backlog: int) -> int:
        """Tell it the backlog (frames) before each frame is encoded; gives the bitrate for that frame."""
        self._settling = max(0, self._settling - 1)
        if backlog <= CALM_BACKLOG:
            self._calm += 1
            self._backlog_at_step = 0
        else:
            self._calm = 0
        stuck = backlog >= max(STEP_DOWN_BACKLOG, self._backlog_at_step)
        if stuck and not self._settling and self._step < len(BITRATES) - 1:
            self._step += 1
            self._settling = SETTLE_FRAMES
            self._backlog_at_step = backlog
        elif self._calm >= CALM_FRAMES and self._step > 0:
            self._step -= 1
            self._calm = 0
        return self.bitrate
