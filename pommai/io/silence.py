"""Stand-ins for sound devices a toy does not have."""

from __future__ import annotations

from pommai.io.speaker import PacedSpeaker


class SilentSpeaker(PacedSpeaker):
    """Plays into the void, at the pace of a real speaker."""

    def _play(self, frame: bytes | None) -> None:
        pass
