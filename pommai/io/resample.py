"""Sample rates changed by libsoxr, the SoX resampler: what espeak-ng says at 22,050 Hz becomes the toy's 16,000 Hz.

Called through ctypes: four functions are all it takes, and the Python package around them would bring numpy along,
25 MB of memory that a toy has no other use for. Other threads run meanwhile. Dithering is off, so that the same sound
in gives the same bytes out.
"""

from __future__ import annotations

import ctypes
import functools
import math
import weakref
from typing import Any, Final

from pommai.errors import CodecError
from pommai.protocol.audio import SAMPLE_BYTES

LOWEST_RATE: Final = 4_000
HIGHEST_RATE: Final = 192_000
"""Samples a second between which rates may be: whatever is recorded, telephone to studio, lies in there."""

# soxr.h, version 0.1.3
_INT16: Final = 3
_NO_DITHER: Final = 8
_HIGH_QUALITY: Final = 4  # 20 bit: above what 16 bit samples hold, and still below 1 % of a core


class _IoSpec(ctypes.Structure):
    _fields_ = (
        ("itype", ctypes.c_int),
        ("otype", ctypes.c_int),
        ("scale", ctypes.c_double),
        ("reserved", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
    )


class _QualitySpec(ctypes.Structure):
    _fields_ = (
        ("precision", ctypes.c_double),
        ("phase_response", ctypes.c_double),
        ("passband_end", ctypes.c_double),
        ("stopband_begin", ctypes.c_double),
        ("reserved", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
    )


@functools.cache
def _soxr() -> Any:
    """The library, loaded once. Raises CodecError when it is not installed."""
    try:
        library = ctypes.CDLL("libsoxr.so.0")
    except OSError as caught:
        raise CodecError(
            "libsoxr, which changes sample rates, is not installed; on Raspberry Pi OS and Debian install it with: "
            "sudo apt-get install libsoxr0"
        ) from caught
    library.soxr_quality_spec.argtypes = (ctypes.c_ulong, ctypes.c_ulong)
    library.soxr_quality_spec.restype = _QualitySpec
    library.soxr_create.argtypes = (
        *(ctypes.c_double, ctypes.c_double, ctypes.c_uint, ctypes.POINTER(ctypes.c_char_p)),
        *(ctypes.POINTER(_IoSpec), ctypes.POINTER(_QualitySpec), ctypes.c_void_p),
    )
    library.soxr_create.restype = ctypes.c_void_p
    size = ctypes.POINTER(ctypes.c_size_t)
    library.soxr_process.argtypes = (
        *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, size, ctypes.c_char_p, ctypes.c_size_t, size),
    )
    library.soxr_process.restype = ctypes.c_char_p
    library.soxr_delete.argtypes = (ctypes.c_void_p,)
    library.soxr_delete.restype = None
    return library


def resample(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    """A whole sound, mono s16le, at another rate: as long as it was, to the nearest sample.

    Raises CodecError when libsoxr is not installed, ValueError for half a sample or a rate beyond LOWEST_RATE and
    HIGHEST_RATE.
    """
    resampler = Resampler(rate_in, rate_out)
    return resampler.push(pcm) + resampler.finish()


class Resampler:
    """A sound that comes in pieces, mono s16le, at another rate. The native state goes with the object.

    What comes out lags some milliseconds behind what goes in, and is whole after `finish`. Raises as `resample` does.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        for rate in (rate_in, rate_out):
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise ValueError(f"no sound has {rate:,} samples a second; {LOWEST_RATE:,} to {HIGHEST_RATE:,} do")
        self._ratio = rate_out / rate_in
        self._same = rate_in == rate_out
        self._finished = False
        if self._same:
            return
        self._soxr = _soxr()
        error = ctypes.c_char_p()
        io = _IoSpec(_INT16, _INT16, 1.0, None, _NO_DITHER)
        quality = self._soxr.soxr_quality_spec(_HIGH_QUALITY, 0)
        self._state = self._soxr.soxr_create(rate_in, rate_out, 1, ctypes.byref(error), io, quality, None)
        _check(error.value)
        weakref.finalize(self, self._soxr.soxr_delete, self._state)

    def push(self, pcm: bytes) -> bytes:
        """Take the next samples; give what is ready."""
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes hold half a sample")
        if self._finished:
            raise ValueError("this sound was finished; begin another one with a new Resampler")
        if self._same:
            return pcm
        parts = []
        while pcm:
            part, taken = self._process(pcm)
            parts.append(part)
            pcm = pcm[taken * SAMPLE_BYTES :]
        return b"".join(parts)

    def finish(self) -> bytes:
        """Give the rest. Nothing can be pushed afterwards."""
        if self._finished or self._same:
            self._finished = True
            return b""
        self._finished = True
        parts = []
        while part := self._process(None)[0]:
            parts.append(part)
        return b"".join(parts)

    def _process(self, pcm: bytes | None) -> tuple[bytes, int]:
        """What comes out, and how many samples were taken; None says that no more will come in."""
        count = 0 if pcm is None else len(pcm) // SAMPLE_BYTES
        room = math.ceil(count * self._ratio) + 4096
        out = ctypes.create_string_buffer(room * SAMPLE_BYTES)
        taken, made = ctypes.c_size_t(), ctypes.c_size_t()
        _check(self._soxr.soxr_process(self._state, pcm, count, taken, out, room, made))
        if count and not taken.value and not made.value:
            raise CodecError("libsoxr stands still")
        return out.raw[: made.value * SAMPLE_BYTES], taken.value


def _check(error: bytes | None) -> None:
    if error is not None:
        raise CodecError(f"libsoxr cannot change the sample rate: {error.decode('ascii', 'replace')}")
