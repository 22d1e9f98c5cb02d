"""How loud the toy may be, whatever it is given to play: volume, and a limiter that holds a ceiling.

A child holds a toy to its ear, and a server can send a siren. What software can promise is a bound on the samples, in
dBFS (decibels below the largest sample there is). What reaches the ear is sound pressure, and that depends on the
amplifier and the speaker: limits for toys (EN 71-1, 4.20; ISO 8124-1, 4.28) are in dB SPL, measured with the toy whole,
and so is the World Health Organization's for children (75 dB(A) for 40 hours a week; ITU-T H.870). Whoever builds a toy
plays noise at the ceiling, measures, and sets the ceiling to what the meter says. The limiter then keeps it: with a
ceiling of c below 1.0 no sample exceeds c times PEAK, no frame c times RMS (but for its first ATTACK), and what goes on
and on settles at c times LASTING_RMS within two seconds.
"""

from __future__ import annotations

import math
from array import array
from operator import mul
from typing import Final

from pommai.protocol.audio import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE

PEAK: Final = 10 ** (-1 / 20)
"""Loudest sample at a ceiling of 1.0: -1 dBFS."""
RMS: Final = 10 ** (-9 / 20)
"""Loudest frame at a ceiling of 1.0: -9 dBFS; the loudest vowels of speech are there."""
LASTING_RMS: Final = 10 ** (-14 / 20)
"""Loudest sound over LASTING_SECONDS at a ceiling of 1.0: -14 dBFS. Speech that is meant to be loud is there."""
LASTING_SECONDS: Final = 1.0
"""Over which loudness is averaged: the time weighting `slow` of a sound level meter (IEC 61672-1)."""
ATTACK: Final = SAMPLE_RATE * 2 // 1000
"""Samples in which the gain goes from one frame's to the next one's: 2 ms. Meanwhile samples above PEAK are clipped."""
FADE: Final = SAMPLE_RATE * 8 // 1000
"""Samples in which a sound swells that begins in its middle, and fades that is cut short: 8 ms, too short to be noticed
and long enough not to click."""
RELEASE: Final = 10 ** (0.5 / 20)
"""How much of what was taken away comes back with each frame: 25 dB a second, so that nothing is heard to pump."""
QUIET: Final = 200
"""A step of this height does not click: -44 dBFS."""
_LARGEST: Final = 32767
_SHARE: Final = 1 - math.exp(-FRAME_SECONDS / LASTING_SECONDS)


class Loudness:
    """Frames at `volume`, never above `ceiling`; both are factors, 0.0..1.0, and hold from the next frame on.

    A ceiling of 1.0 is none: frames pass as they are, at the volume.
    """

    def __init__(self, volume: float, ceiling: float) -> None:
        self._ceiling = self._volume = 0.0
        self._gain: float | None = None  # at the last sample; None where a sound begins
        self._kept = 1.0  # share of the volume that the limiter left
        self._energy = 0.0  # mean square over the last LASTING_SECONDS, of what came in
        self.ceiling = ceiling
        self.volume = volume

    @property
    def volume(self) -> float:
        """Set, it stays within 0.0 and `ceiling`."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._volume = max(0.0, min(self._ceiling, volume))

    @property
    def ceiling(self) -> float:
        """Set, it stays within 0.0 and 1.0, and takes a volume above it down with it."""
        return self._ceiling

    @ceiling.setter
    def ceiling(self, ceiling: float) -> None:
        self._ceiling = max(0.0, min(1.0, ceiling))
        self.volume = self._volume

    @property
    def highest(self) -> int:
        """The largest sample, up or down, that may be played."""
        return int(_LARGEST * self._ceiling * PEAK) if self._ceiling < 1.0 else _LARGEST

    def begin(self, silence: float) -> None:
        """A sound begins, `silence` seconds after the last frame of another one."""
        self._gain = None
        self._kept = 1.0
        self._energy *= math.exp(-silence / LASTING_SECONDS)

    def apply(self, frame: bytes) -> bytes:
        """The next frame, as loud as it may be. A sound that begins in its middle swells; so does a new volume."""
        samples = array("h", frame).tolist()  # a list of integers is faster than an array that makes them
        gain = self._volume if self._ceiling >= 1.0 else self._limited(samples)
        before, self._gain = self._gain, gain
        length = ATTACK
        if before is None:
            begins_loud = abs(samples[0] * gain) > QUIET
            before, length = (0.0, FADE) if begins_loud else (gain, 0)
        if before == gain:
            return frame if gain == 1.0 else array("h", _scaled(samples, gain)).tobytes()
        highest, step = self.highest, (gain - before) / length
        swelling = [
            max(-highest, min(highest, int(sample * (before + step * i)))) for i, sample in enumerate(samples[:length])
        ]
        return array("h", swelling + _scaled(samples[length:], gain)).tobytes()

    def _limited(self, samples: list[int]) -> float:
        energy = sum(map(mul, samples, samples)) / FRAME_SAMPLES
        self._energy += (energy - self._energy) * _SHARE
        over = max(
            max(max(samples), -min(samples)) / PEAK,
            math.sqrt(energy) / RMS,
            math.sqrt(min(self._energy, energy)) / LASTING_RMS,  # what is soft by itself need not be softer
        )
        most = self._ceiling * _LARGEST / over if over else 1.0
        kept = min(1.0, most / self._volume) if self._volume else 1.0
        self._kept = min(kept, self._kept * RELEASE) if self._gain is not None else kept
        return self._volume * self._kept


def _scaled(samples: list[int], gain: float) -> list[int]:
    """In whole numbers, which takes two thirds of the time; never louder by more than one step."""
    factor = int(gain * 32768)
    return [sample * factor >> 15 for sample in samples]


def fading(frame: bytes) -> bytes | None:
    """The beginning of a frame, faded within FADE samples, and silence: what to play instead of being cut off by it.

    None when it is too quiet to click.
    """
    head = array("h", frame[: 2 * FADE])
    if max(max(head), -min(head)) <= QUIET:
        return None
    faded = [sample * (FADE - i) // FADE for i, sample in enumerate(head)]
    return array("h", faded + [0] * (FRAME_SAMPLES - FADE)).tobytes()


def fading_from(frame: bytes) -> bytes | None:
    """What to play after a frame that is the last, though it does not end in silence; None when it does."""
    (last,) = array("h", frame[-2:])
    return fading(array("h", [last] * FADE).tobytes())


def mixed(frame: bytes, other: bytes, highest: int) -> bytes:
    """Two frames at once, no sample above `highest`."""
    pairs = zip(array("h", frame), array("h", other), strict=True)
    return array("h", [max(-highest, min(highest, one + two)) for one, two in pairs]).tobytes()
