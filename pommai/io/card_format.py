"""Between the toy's sound, 16,000 Hz mono, and what a card has of its own: other rates, two channels and more.

A card that is addressed directly has the rates and channels its chip has, and refuses all others. So it is opened as it
is, and converted here, 20 ms at a time, on PortAudio's thread. Where rate and channels agree nothing is in the path.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from pommai.io.speexdsp import FRAMES_A_SECOND, FrameResampler
from pommai.protocol.audio import CHANNELS, FRAME_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE, SILENCE

USUAL_RATES: Final = (48_000, 44_100, 32_000, 96_000, 24_000, 22_050, 8_000)
"""Asked for after 16,000 Hz and the rate PortAudio names: the best first, what only a headset has last."""
MOST_CHANNELS: Final = 8
"""Cards with more are the system's, not of wood and wire; they can do with two."""


class CardFormat(Struct, frozen=True):
    """How a card is opened: s16le, in pieces of 20 ms."""

    rate: int
    channels: int

    @property
    def frame_samples(self) -> int:
        """Samples of each channel in 20 ms."""
        return self.rate // FRAMES_A_SECOND

    def __str__(self) -> str:
        return f"{self.rate:,} Hz, {self.channels} channel{'s' * (self.channels > 1)}"


TOYS_OWN: Final = CardFormat(SAMPLE_RATE, CHANNELS)


def formats(channels: int, rate: float) -> list[CardFormat]:
    """What to try on a card with so many channels whose default rate is `rate`, the least work first."""
    rates = dict.fromkeys((SAMPLE_RATE, round(rate), *USUAL_RATES))
    counts = [count for count in dict.fromkeys((1, 2, channels)) if 0 < count <= min(channels, MOST_CHANNELS)]
    return [
        CardFormat(rate, count)
        for rate in rates
        if rate % FRAMES_A_SECOND == 0 and min(USUAL_RATES) <= rate <= 2 * max(USUAL_RATES)
        for count in counts
    ]


def from_card(card: CardFormat) -> Callable[[bytes], bytes]:
    """Turns 20 ms of what the card captures into a frame. Raises CodecError when libspeexdsp is needed and missing.

    Of several channels the first two count, both alike: a child may hold a hand before one of the microphones.
    """
    if card == TOYS_OWN:
        return _same
    push = _push(card.rate, SAMPLE_RATE)
    count = card.channels
    if count == 1:
        return push

    def convert(data: bytes) -> bytes:
        samples = array("h", data)
        return push(mean(samples[::count].tobytes(), samples[1::count].tobytes()))

    return convert


def to_card(card: CardFormat) -> Callable[[bytes | None], bytes]:
    """Turns a frame, or None for silence, into 20 ms of what the card plays. Raises as `from_card` does.

    The first two channels get the same sound. No sample is larger than the largest that went in during these 20 ms and
    the 20 ms before: what the resampler draws between two samples must not exceed the ceiling they were held to.
    """
    if card == TOYS_OWN:
        return lambda frame: SILENCE if frame is None else frame
    silence = bytes(card.frame_samples * card.channels * SAMPLE_BYTES)
    widen = _same if card.channels == 1 else functools.partial(_widened, channels=card.channels)
    if card.rate == SAMPLE_RATE:
        return lambda frame: silence if frame is None else widen(frame)
    push = FrameResampler(SAMPLE_RATE, card.rate).push
    loudest = before = 0

    def convert(frame: bytes | None) -> bytes:
        nonlocal loudest, before
        if frame is None and loudest == before == 0:
            return silence  # the resampler has nothing left in it
        before, loudest = loudest, 0 if frame is None else _loudest(array("h", frame).tolist())
        data = push(SILENCE if frame is None else frame)
        samples, limit = array("h", data).tolist(), max(before, loudest)
        if _loudest(samples) > limit:
            lowest = -limit
            data = array("h", [limit if s > limit else lowest if s < lowest else s for s in samples]).tobytes()
        return widen(data)

    return convert


def _push(rate_in: int, rate_out: int) -> Callable[[bytes], bytes]:
    return _same if rate_in == rate_out else FrameResampler(rate_in, rate_out).push


def _same(data: bytes) -> bytes:
    return data


def _loudest(samples: list[int]) -> int:
    return min(32_767, max(max(samples), -min(samples)))


def _widened(data: bytes, channels: int) -> bytes:
    wide = array("h", bytes(channels * len(data)))
    wide[::channels] = wide[1::channels] = array("h", data)
    return wide.tobytes()


_LANES: Final = FRAME_SAMPLES * 12  # 192,000 Hz
_MIDDLE: Final = int.from_bytes(b"\x00\x80" * _LANES, "little")
_ALL_BUT_LAST: Final = int.from_bytes(b"\xfe\xff" * _LANES, "little")


def mean(one: bytes, other: bytes) -> bytes:
    """The mean of two sounds, s16le, of equal length up to 20 ms at 192,000 Hz, rounded down.

    All samples at once, in whole numbers a few thousand bits long: a loop over them takes ten times as long, on the
    thread that has the least time.
    """
    middle = _MIDDLE & ((1 << 8 * len(one)) - 1)
    a = int.from_bytes(one, "little") ^ middle  # from 0 up, so that no sign reaches into its neighbour
    b = int.from_bytes(other, "little") ^ middle
    return (((a & b) + (((a ^ b) & _ALL_BUT_LAST) >> 1)) ^ middle).to_bytes(len(one), "little")
