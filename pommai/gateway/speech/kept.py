"""Sound that is kept: sentences of the file are said again and again, to many children."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from pommai.protocol.messages import VoiceSettings

MOST_BYTES: Final = 32_000_000
"""A quarter of an hour of sound."""


class Kept:
    """Sentences by voice, and their sound: of more than fits, what was not said longest is forgotten.

    Only what stands in a file may be kept here. What a language model says to a child is between the two of them.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._size = 0
        self._sounds: OrderedDict[tuple[str, VoiceSettings], bytes] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def get(self, sentence: str, voice: VoiceSettings) -> bytes | None:
        """The sound, if it is kept."""
        sound = self._sounds.get((sentence, voice))
        if sound is not None:
            self._sounds.move_to_end((sentence, voice))
        return sound

    def keep(self, sentence: str, voice: VoiceSettings, sound: bytes) -> None:
        """Keep a sound, if it is no larger than all that may be kept."""
        if len(sound) > self._most:
            return
        self._size += len(sound) - len(self._sounds.pop((sentence, voice), b""))
        self._sounds[sentence, voice] = sound
        while self._size > self._most:
            self._size -= len(self._sounds.popitem(last=False)[1])
