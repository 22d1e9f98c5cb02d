"""What a child has said, held in RAM until its conversation goes to the cloud: the newest few turns alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST: Final = 3
"""Recordings. Of 120 s at most, 24 kbit/s: 1.1 MB in all; usually 30 kB."""


class Recordings:
    """Turns as Opus packets, by the conversation they belong to."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, tuple[bytes, ...]]] = {}

    def keep(self, conversation: str, toy_id: str, packets: Sequence[bytes]) -> None:
        """Hold a turn of this toy; the oldest makes room."""
        self._held[conversation] = (toy_id, tuple(packets))
        while len(self._held) > MOST:
            del self._held[next(iter(self._held))]

    def take(self, conversation: str) -> tuple[str, tuple[bytes, ...]] | None:
        """The toy and the packets; they are held no longer."""
        return self._held.pop(conversation, None)

    def clear(self) -> None:
        """Hold nothing any more."""
        self._held.clear()
