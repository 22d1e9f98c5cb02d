"""Sample rates changed while they run, by libspeexdsp: between a card's own rate and the toy's 16,000 Hz.

libsoxr (see resample.py) works in blocks, which costs a stream 20 to 58 ms each way; libspeexdsp takes 2 ms. Called
through ctypes, and holding Python's lock: a call is over sooner than another thread would give the lock back, and the
thread that calls it, PortAudio's, has 20 ms for everything.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from typing import Any, Final

from pommai.errors import CodecError
from pommai.protocol.audio import SAMPLE_BYTES

FRAMES_A_SECOND: Final = 50
QUALITY: Final = 4
"""Of 0..10. Level up to 7 kHz, and what is too high for the lower rate is 80 dB down; 2 ms of delay."""


@functools.cache
def _speexdsp() -> Any:
    """The library, loaded once. Raises CodecError when it is not installed."""
    try:
        library = ctypes.PyDLL("libspeexdsp.so.1")
    except OSError as caught:
        raise CodecError(
            "libspeexdsp, which lets a sound card keep its own sample rate, is not installed; on Raspberry Pi OS and "
            "Debian install it with: sudo apt-get install libspeexdsp1"
        ) from caught
    number = ctypes.POINTER(ctypes.c_uint32)
    library.speex_resampler_init.argtypes = (
        *(ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int, ctypes.POINTER(ctypes.c_int)),
    )
    library.speex_resampler_init.restype = ctypes.c_void_p
    library.speex_resampler_process_int.argtypes = (
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, number, ctypes.c_char_p, number),
    )
    library.speex_resampler_get_output_latency.argtypes = (ctypes.c_void_p,)
    library.speex_resampler_destroy.argtypes = (ctypes.c_void_p,)
    library.speex_resampler_destroy.restype = None
    return library


class FrameResampler:
    """Mono s16le, 20 ms at a time, from one rate to another. The native state goes with the object.

    20 ms must be a whole number of samples at both rates. Raises ValueError when they are not, CodecError when
    libspeexdsp is not installed or refuses the rates.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        if rate_in % FRAMES_A_SECOND or rate_out % FRAMES_A_SECOND:
            raise ValueError(f"20 ms are no whole number of samples at {rate_in:,} or {rate_out:,} Hz")
        self._speex = _speexdsp()
        error = ctypes.c_int()
        self._state = self._speex.speex_resampler_init(1, rate_in, rate_out, QUALITY, ctypes.byref(error))
        if error.value or not self._state:
            raise CodecError(f"libspeexdsp cannot change {rate_in:,} Hz into {rate_out:,} Hz (error {error.value})")
        weakref.finalize(self, self._speex.speex_resampler_destroy, self._state)
        self._samples_in, self._samples_out = rate_in // FRAMES_A_SECOND, rate_out // FRAMES_A_SECOND
        self._out = ctypes.create_string_buffer(self._samples_out * SAMPLE_BYTES)
        self._counts = ctypes.c_uint32(), ctypes.c_uint32()
        self.delay = self._speex.speex_resampler_get_output_latency(self._state) / rate_out
        """Seconds that what comes out lags behind what goes in."""

    def push(self, frame: bytes) -> bytes:
        """The next 20 ms, at the other rate: always as many samples as that is. Raises ValueError for another size."""
        if len(frame) != self._samples_in * SAMPLE_BYTES:
            raise ValueError(f"20 ms are {self._samples_in * SAMPLE_BYTES} bytes here, not {len(frame)}")
        taken, made = self._counts
        taken.value, made.value = self._samples_in, self._samples_out
        self._speex.speex_resampler_process_int(self._state, 0, frame, taken, self._out, made)
        return self._out.raw
