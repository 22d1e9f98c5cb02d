"""Several recognisers side by side: one toy's recording does not wait for another's while a core is free."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pommai.errors import RecognitionError
from pommai.io.ports import Recogniser, Transcript


class Hearing:
    """Implements the port Recogniser with several, which share their model. The owner closes it, and so all of them."""

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self._busy: dict[Recogniser, int] = dict.fromkeys(recognisers, 0)
        self._trouble = "the speech model is not loaded yet"

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        """As the port says, by the recogniser that has least to do; of those, by the first, whose model is loaded."""
        chosen = min(self._busy, key=self._busy.__getitem__)
        self._busy[chosen] += 1
        try:
            transcript = await chosen.transcribe(frames)
        except RecognitionError as caught:
            self._trouble = str(caught)
            raise
        finally:
            self._busy[chosen] -= 1
        self._trouble = ""
        return transcript

    async def trouble(self) -> str:
        """Why nothing would be understood now; empty when all is well."""
        return self._trouble

    async def close(self) -> None:
        """Let the models go. Harmless when called again."""
        await asyncio.gather(*(recogniser.close() for recogniser in self._busy))
