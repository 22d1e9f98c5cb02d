"""Speech to text for simulations and tests: understands what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pommai.errors import RecognitionError
from pommai.io.ports import Transcript, Word


class SimulatedRecogniser:
    """Hears `says`, or what that makes of the frames, after `seconds`; or fails with the sentence `broken`.

    All three may be changed at any time. `heard` counts the recordings it was asked about, failed ones included.
    """

    def __init__(
        self, says: Callable[[Sequence[bytes]], str] | str = "", seconds: float = 0.0, broken: str | None = None
    ) -> None:
        self.says = says
        self.seconds = seconds
        self.broken = broken
        self.heard = 0
        self.closed = False

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        """What was said, each word with confidence 1.0. Raises RecognitionError while `broken`, or once closed."""
        self.heard += 1
        await asyncio.sleep(self.seconds)
        if self.closed:
            raise RecognitionError("speech is not understood on board any more: the recogniser was closed")
        if self.broken is not None:
            raise RecognitionError(self.broken)
        words = (self.says if isinstance(self.says, str) else self.says(frames)).lower().split()
        return Transcript(" ".join(words), tuple(Word(word, 1.0) for word in words))

    async def close(self) -> None:
        """Understand nothing any more. Harmless when called again."""
        self.closed = True
