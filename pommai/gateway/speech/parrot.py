"""The parrot: answers with what it heard, at another pitch. No model, no download; real sound in, real sound out.

The pitch moves in two steps. WSOLA (waveform similarity overlap-add: Verhelst and Roelands, "An overlap-add technique
based on waveform similarity (WSOLA) for high quality time-scale modification of speech", ICASSP 1993) makes the speech
longer by the wanted ratio without touching its pitch: it lays windowed pieces of the input on a new raster and takes
each piece from where the waveform continues the one before most alike. Resampling the result back to the old length
then moves the pitch, and with it the formants, which is what makes a parrot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from pommai.gateway.personas import Persona, Personas
from pommai.gateway.responder import Heard
from pommai.protocol.audio import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

WINDOW = SAMPLE_RATE * 32 // 1000
"""Samples in a piece: 32 ms, two periods of the deepest voices."""
HOP = WINDOW // 2
"""Samples between pieces in the output; Hann windows half over each other sum to one."""
REACH = SAMPLE_RATE * 8 // 1000
"""How far a piece may be moved to fit, either way: 8 ms, in sum one period of a voice of 62 Hz."""

SILENT_PEAK = 0.004
"""What stays below this part of full scale (-48 dBFS) is the room, not a voice: there is nothing to say back."""
QUIET_PEAK = 0.05
"""Speech that peaks below this part of full scale (-26 dBFS) is made louder ..."""
WANTED_PEAK = 0.35
"""... until it peaks here (-9 dBFS), but ..."""
MOST_GAIN = 8.0
"""... not by more than this (18 dB): beyond it, the room's noise would be all one hears."""
CEILING = 0.97
"""No sample goes above this part of full scale: Opus overshoots a little."""


class Parrot:
    """Says back what it heard, moved by the persona's `semitones`, as long as it was."""

    def refuse(self, personas: Personas) -> None:
        """Nobody is refused: whatever a persona wants, a parrot answers for it."""

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        """One piece, the whole answer; none to silence. The work is done off the event loop."""
        said = await asyncio.to_thread(shift_pitch, heard.pcm, persona.answers.semitones)
        if said:
            yield said


def shift_pitch(pcm: bytes, semitones: float) -> bytes:
    """`pcm` (s16le, mono, 16 kHz) with its pitch moved by `semitones`, of the same length to the sample.

    Level is kept, save that quiet speech is raised (QUIET_PEAK) and peaks are held below CEILING. Empty when `pcm` is
    silence (SILENT_PEAK). Takes about 5 ms for a second of sound, and 190 MB for a moment when it is a minute long.
    """
    import numpy as np

    heard = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32768.0
    before = float(np.abs(heard).max(initial=0.0))
    if before < SILENT_PEAK:
        return b""
    ratio = 2.0 ** (semitones / 12.0)
    shifted = _resample(_stretch(heard, round(len(heard) * ratio)), len(heard))
    after = float(np.abs(shifted).max())
    gain = min(MOST_GAIN, WANTED_PEAK / before) if before < QUIET_PEAK else 1.0
    gain = min(gain, CEILING / after) if after else gain
    return np.rint(shifted * (gain * 32767.0)).astype("<i2").tobytes()


def _stretch(heard: Samples, length: int) -> Samples:
    """`heard` spread over `length` samples at its own pitch (WSOLA)."""
    import numpy as np

    window = np.hanning(WINDOW + 1)[:-1]
    ratio = length / len(heard)
    pieces = length // HOP + 2
    # Silence before the beginning, so that the first piece can reach back and fade in on nothing; the same at the end.
    margin = HOP + REACH
    padded = np.concatenate([np.zeros(margin), heard, np.zeros(margin + WINDOW + HOP + REACH)])
    energy = np.concatenate([[0.0], np.cumsum(padded * padded)])
    stretched = np.zeros((pieces + 1) * HOP)
    last = len(padded) - WINDOW - HOP
    chosen = REACH  # where the first piece is taken: HOP before the first sample, as it is laid in the output
    for piece in range(pieces):
        if piece:
            wanted = min(chosen + HOP, last)  # what would follow the last piece if nothing were stretched
            target = padded[wanted : wanted + WINDOW]
            start = min(max(round((piece - 1) * HOP / ratio) + HOP, REACH), last - 2 * REACH)
            around = padded[start : start + WINDOW + 2 * REACH]
            likeness = np.correlate(around, target, "valid")
            power = energy[start + WINDOW : start + WINDOW + 2 * REACH + 1] - energy[start : start + 2 * REACH + 1]
            chosen = start + int(np.argmax(likeness / np.sqrt(power + 1e-6)))
        at = piece * HOP
        stretched[at : at + WINDOW] += padded[chosen : chosen + WINDOW] * window
    return stretched[HOP : HOP + length]


def _resample(samples: Samples, length: int) -> Samples:
    """`samples` squeezed or spread into `length` samples, through the spectrum: no aliasing, no delay."""
    import numpy as np

    spectrum = np.fft.rfft(samples)
    kept: Samples = np.fft.irfft(spectrum[: length // 2 + 1], length) * (length / len(samples))
    return kept
