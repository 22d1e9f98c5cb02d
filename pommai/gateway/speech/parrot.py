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
from functools import cache
from itertools import count
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
COARSE = 4
"""Samples that are one when it is first looked for where a piece fits."""

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
_SMOOTH = 2**20 * 3**12 * 5**9
"""What every number up to a million divides that has no prime factors but 2, 3 and 5."""


class Parrot:
    """Says back what it heard, moved by the persona's `semitones`, as long as it was.

    One at a time: the small steps of the work hold the interpreter, so that two at once would be no sooner ready, and
    the event loop would have to wait for both.
    """

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    def refuse(self, personas: Personas) -> None:
        """Nobody is refused: whatever a persona wants, a parrot answers for it."""

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        """One piece, the whole answer; none to silence. The work is done off the event loop."""
        async with self._one:
            said = await asyncio.to_thread(shift_pitch, heard.pcm, persona.answers.semitones)
        if said:
            yield said


def shift_pitch(pcm: bytes, semitones: float) -> bytes:
    """`pcm` (s16le, mono, 16 kHz) with its pitch moved by `semitones`, of the same length to the sample.

    Level is kept, save that quiet speech is raised (QUIET_PEAK) and peaks are held below CEILING. Empty when `pcm` is
    silence (SILENT_PEAK). Takes about 2 ms for a second of sound, and 80 MB for a moment when it is a minute long.
    """
    import numpy as np

    heard = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32768.0
    before = float(np.abs(heard).max(initial=0.0))
    if before < SILENT_PEAK:
        return b""
    longer, length = _ratio(semitones)
    shifted = _resample(_stretch(heard, round(len(heard) * longer / length)), longer, length)[: len(heard)]
    after = float(np.abs(shifted).max())
    gain = min(MOST_GAIN, WANTED_PEAK / before) if before < QUIET_PEAK else 1.0
    gain = min(gain, CEILING / after) if after else gain
    return np.rint(shifted * (gain * 32767.0)).astype("<i2").tobytes()


def _stretch(heard: Samples, length: int) -> Samples:
    """`heard` spread over `length` samples at its own pitch (WSOLA).

    Where a piece fits best is looked for twice: among sums of COARSE samples, then sample by sample around the best of
    those. A voice is made of what is left when they are summed up, and it takes a tenth of the work.
    """
    import numpy as np

    ratio = length / len(heard)
    pieces = length // HOP + 2
    # Silence before the beginning, so that the first piece can reach back and fade in on nothing; the same at the end.
    margin = HOP + REACH
    behind = margin + WINDOW + HOP + REACH
    padded = np.concatenate([np.zeros(margin), heard, np.zeros(behind + -(margin + len(heard) + behind) % COARSE)])
    sums = padded.reshape(-1, COARSE).sum(axis=1)
    loudness, loudness_of_sums = _loudness(padded, WINDOW), _loudness(sums, WINDOW // COARSE)
    last = len(padded) - WINDOW - HOP
    reach = 2 * REACH // COARSE
    chosen = [REACH]  # where pieces are taken: the first HOP before the first sample, as it is laid in the output
    for piece in range(1, pieces):
        wanted = min(chosen[-1] + HOP, last)  # what would follow the last piece if nothing were stretched
        target = padded[wanted : wanted + WINDOW]
        first = min(max(round((piece - 1) * HOP / ratio) + HOP, REACH), last - 2 * REACH) // COARSE
        around = sums[first : first + WINDOW // COARSE + reach]
        likeness = np.correlate(around, target.reshape(-1, COARSE).sum(axis=1), "valid")
        best = (first + int(np.argmax(likeness / loudness_of_sums[first : first + reach + 1]))) * COARSE
        first = max(best - COARSE, 0)
        likeness = np.correlate(padded[first : best + COARSE + WINDOW], target, "valid")
        chosen.append(first + int(np.argmax(likeness / loudness[first : first + len(likeness)])))
    window = np.hanning(WINDOW + 1)[:-1]
    laid = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[chosen] * window
    # A piece's second half lies on the first half of the next one.
    return (laid[:-1, HOP:] + laid[1:, :HOP]).ravel()[:length]


def _loudness(samples: Samples, width: int) -> Samples:
    """How loud each stretch of `width` samples is, never nothing."""
    import numpy as np

    energy = np.concatenate([[0.0], np.cumsum(samples * samples)])
    loudness: Samples = np.sqrt(np.maximum(energy[width:] - energy[:-width], 0.0) + 1e-6)
    return loudness


@cache
def _ratio(semitones: float) -> tuple[int, int]:
    """Two numbers whose ratio is that of the frequencies, to a tenth of a semitone, and which have no prime factors but
    2, 3 and 5: a spectrum of any other length takes ten times as long."""
    ratio = 2.0 ** (semitones / 12.0)
    return min(
        ((above, below) for below in range(64, 513) if _is_smooth(below) for above in _around(below * ratio)),
        key=lambda pair: abs(pair[0] / pair[1] / ratio - 1.0),
    )


def _around(wanted: float) -> tuple[int, int]:
    """The nearest smooth numbers on both sides."""
    below = next(number for number in range(max(1, int(wanted)), 0, -1) if _is_smooth(number))
    return below, next(number for number in count(below + 1) if _is_smooth(number))


def _is_smooth(number: int) -> bool:
    """Whether it has no prime factors but 2, 3 and 5."""
    return _SMOOTH % number == 0


def _resample(samples: Samples, longer: int, length: int) -> Samples:
    """`samples` with `length` instead of every `longer` of them, and then some silence. Through the spectrum: no
    aliasing, no delay."""
    import numpy as np

    needed = -(-len(samples) // longer)
    times = next(number for number in count(needed) if _is_smooth(number))
    spectrum = np.fft.rfft(samples, longer * times)[: length * times // 2 + 1]
    kept: Samples = np.fft.irfft(spectrum, length * times) * (length / longer)
    return kept
