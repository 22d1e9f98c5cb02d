"""Speech on board for simulations and tests: no process, no sound card, only the event loop's clock."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from typing import Final

from pommai.errors import SpeechError
from pommai.protocol.audio import FRAME_SAMPLES
from pommai.protocol.messages import VoiceSettings

LEVEL: Final = 500
"""Every sample of simulated speech, so that it can be told from other sounds."""
FRAMES_A_CHARACTER: Final = 3
"""60 ms a character: about the pace of somebody who reads to children."""
_FRAME: Final = array("h", [LEVEL] * FRAME_SAMPLES).tobytes()


class SimulatedSpeech:
    """Speaks after `seconds_each`; `broken` is the sentence with which it fails, None when it works.

    `spoken` holds every text and voice asked for, in order, failed ones included.
    """

    def __init__(self, seconds_each: float = 0.0, broken: str | None = None) -> None:
        self.seconds_each = seconds_each
        self.broken = broken
        self.spoken: list[tuple[str, VoiceSettings]] = []

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        """Frames whose number grows with the text. Raises SpeechError while `broken`."""
        self.spoken.append((text, voice))
        await asyncio.sleep(self.seconds_each)
        if self.broken is not None:
            raise SpeechError(self.broken)
        return [_FRAME] * (FRAMES_A_CHARACTER * len(text.strip()))
