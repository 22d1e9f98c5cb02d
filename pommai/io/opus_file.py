"""Ogg Opus files, as `opusenc`, ffmpeg and studios write them, read by libopusfile: any rate and channels become ours.

The library is Xiph's own, the one players use: it knows what the first samples are to be skipped for, which gain a
header asks for, and what to make of damaged pages. It is loaded when the first such file is read.
"""

from __future__ import annotations

import ctypes
import functools
from array import array
from pathlib import Path
from typing import Any, Final

from pommai.errors import CodecError, SoundError
from pommai.io.resample import Resampler
from pommai.io.wav import frames_of
from pommai.protocol.audio import SAMPLE_BYTES, SAMPLE_RATE

RATE: Final = 48_000
"""Samples a second that libopusfile gives, whatever was recorded."""
_MOST_VALUES: Final = 2 * 5760
"""Room for the longest Opus packet, 120 ms, in stereo."""

# opusfile.h, version 0.12
_ERRORS: Final = {
    -3: "a part of it is missing or damaged",
    -130: "it is of a kind that is rarely used",
    -132: "its bytes are no Ogg Opus",
    -133: "its header is damaged",
    -134: "it is of a version yet to come",
    -136: "a packet in it is damaged",
    -137: "a part of it is missing",
    -139: "its times contradict each other",
}


@functools.cache
def _opusfile() -> Any:
    """The library, loaded once. Raises SoundError when it is not installed."""
    try:
        library = ctypes.CDLL("libopusfile.so.0")
    except OSError as caught:
        raise SoundError(
            "libopusfile, which reads .opus files, is not installed; on Raspberry Pi OS and Debian install it with: "
            "sudo apt-get install libopusfile0"
        ) from caught
    handle, integer = ctypes.c_void_p, ctypes.c_int
    for name, result, arguments in (
        ("op_open_memory", handle, (ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(integer))),
        ("op_free", None, (handle,)),
        ("op_link_count", integer, (handle,)),
        ("op_pcm_total", ctypes.c_int64, (handle, integer)),
        ("op_set_dither_enabled", None, (handle, integer)),
        ("op_read_stereo", integer, (handle, ctypes.c_char_p, integer)),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def read_opus(path: Path, most_seconds: float) -> list[bytes]:
    """The frames of an Ogg Opus file, the last one filled up with silence; stereo and more are mixed to mono.

    Raises SoundError when the file is missing, is no Ogg Opus file, breaks off, is damaged anywhere, holds several
    sounds or one that is longer than `most_seconds`, or when a library for it is not installed.
    """
    try:
        data = path.read_bytes()
    except OSError as caught:
        raise SoundError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    if data.startswith(b"OggS") and not _is_whole(data):
        raise SoundError(f"{path} breaks off, or something else follows its end; make it anew")
    library = _opusfile()
    error = ctypes.c_int()
    file = library.op_open_memory(data, len(data), ctypes.byref(error))
    if not file:
        raise _wrong(path, error.value)
    try:
        if (links := library.op_link_count(file)) != 1:
            raise SoundError(f"{path} holds {links} sounds, one after another; it must hold one")
        library.op_set_dither_enabled(file, 0)
        if (total := library.op_pcm_total(file, -1)) > most_seconds * RATE:
            raise SoundError(f"{path} is too long: {total / RATE:.1f} s; a sound lasts {most_seconds:g} s at most")
        return frames_of(_decoded(path, library, file, most_seconds))
    except CodecError as caught:
        raise SoundError(f"{path} cannot be played: {caught}") from caught
    finally:
        library.op_free(file)


def _decoded(path: Path, library: Any, file: int, most_seconds: float) -> bytes:
    """All samples, 16 kHz mono."""
    buffer = ctypes.create_string_buffer(_MOST_VALUES * SAMPLE_BYTES)
    left, right = Resampler(RATE, SAMPLE_RATE), Resampler(RATE, SAMPLE_RATE)
    parts = []
    most = most_seconds * RATE
    while (count := library.op_read_stereo(file, buffer, _MOST_VALUES)) > 0:
        most -= count
        if most < 0:
            raise SoundError(f"{path} is longer than its header says, and than {most_seconds:g} s")
        pairs = array("h", buffer.raw[: 2 * count * SAMPLE_BYTES])
        parts.append(_mixed(left.push(pairs[::2].tobytes()), right.push(pairs[1::2].tobytes())))
    if count < 0:
        raise _wrong(path, count)
    parts.append(_mixed(left.finish(), right.finish()))
    return b"".join(parts)


def _mixed(left: bytes, right: bytes) -> bytes:
    """The mean of two channels."""
    if left == right:
        return left
    pairs = zip(array("h", left), array("h", right), strict=True)
    return array("h", [(one + other) >> 1 for one, other in pairs]).tobytes()


def _is_whole(data: bytes) -> bool:
    """Whether Ogg pages fill the file to its last byte (RFC 3533, 6), and the last of them says that it is the last."""
    at = flags = 0
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        flags = data[at + 5]
        segments = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + data[at + 26] + sum(segments)
    return at == len(data) and bool(flags & 4)


def _wrong(path: Path, code: int) -> SoundError:
    return SoundError(
        f"{path} is no Opus file that can be played: {_ERRORS.get(code, f'libopusfile says {code}')}; "
        f"make it anew from the recording, with: opusenc --downmix-mono recording.wav {path.name}"
    )
