"""Files of sound, of the kinds a toy plays: `.wav`, `.opus`, and `.raw` without any header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pommai.errors import SoundError
from pommai.io.opus_file import read_opus
from pommai.io.wav import frames_of, read_wav
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_BYTES, frames_in

MAX_SECONDS: Final = 30.0
"""Longest sound: more is no sound of a toy but a mistake that fills its memory (1 MB)."""
_HEADER_ROOM: Final = 65_536
"""Bytes that a file may have besides its samples: titles, cover texts."""
_MOST_BYTES: Final = frames_in(MAX_SECONDS) * FRAME_BYTES + _HEADER_ROOM
"""Of uncompressed samples; more than Opus makes of MAX_SECONDS at 256 kbit/s, ten times what a voice needs."""


def read_sound(path: Path) -> list[bytes]:
    """The frames of a sound file, by its suffix; the last one filled up with silence.

    Raises SoundError when the file is missing, is no plain file, holds nothing, is longer than MAX_SECONDS, or is not
    what its suffix says. The message says how to put it right.
    """
    try:
        size = path.stat().st_size
    except OSError as caught:
        raise SoundError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    if not path.is_file():  # a pipe would keep the toy waiting for ever
        raise SoundError(f"{path} is no file; a sound is a {', '.join(sorted(READERS))} file")
    if size > _MOST_BYTES:
        raise SoundError(f"{path} is too long: {size:,} bytes; a sound lasts {MAX_SECONDS:g} s at most")
    frames = READERS[path.suffix](path)
    if not frames:
        raise SoundError(f"{path} holds no sound")
    return frames


def _read_raw(path: Path) -> list[bytes]:
    try:
        data = path.read_bytes()
    except OSError as caught:
        raise SoundError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    if data[:4] in (b"RIFF", b"OggS"):
        suffix = ".wav" if data.startswith(b"RIFF") else ".opus"
        raise SoundError(f"{path} is a {suffix} file by its contents; name it {path.stem}{suffix}")
    if len(data) % SAMPLE_BYTES:
        raise SoundError(
            f"{path} has {len(data):,} bytes, which is half a sample too many; "
            "a .raw file is nothing but samples: 16,000 Hz, mono, 16 bit, little-endian"
        )
    if len(data) > frames_in(MAX_SECONDS) * FRAME_BYTES:
        raise SoundError(f"{path} is too long: {len(data):,} bytes; a sound lasts {MAX_SECONDS:g} s at most")
    return frames_of(data)


READERS: Final[dict[str, Callable[[Path], list[bytes]]]] = {
    ".wav": read_wav,
    ".opus": lambda path: read_opus(path, MAX_SECONDS),
    ".raw": _read_raw,
}
"""How a file is read, by its suffix."""
