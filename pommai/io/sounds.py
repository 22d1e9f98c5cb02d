"""The toy's own short sounds, from a folder of WAV files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pommai.errors import SoundError
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_BYTES, frames_in
from pommai.source import did_you_mean

MAX_SECONDS: Final = 30.0
"""Longest sound: more is no sound of a toy but a mistake that fills its memory (1 MB)."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_HEADER_ROOM: Final = 65_536
"""Bytes that a file may have besides its samples: titles, cover texts."""


class SoundFolder:
    """The WAV files of a folder, by bare name: `press` is `press.wav`.

    All are read once, when this is made, so that playing never waits for a disk. A name comes from a chart or a server
    and cannot lead out of the folder, nor can a link in it.
    """

    def __init__(self, directory: Path) -> None:
        """Read the folder. Raises SoundError when there is none; a wrong file is an error only when it is asked for."""
        self._directory = directory
        self._sounds: dict[str, list[bytes] | SoundError] = {}
        if not directory.is_dir():
            raise SoundError(f"there is no folder of sounds {directory}")
        home = directory.resolve()
        for path in sorted(directory.glob("*.wav")):
            try:
                self._sounds[path.stem] = _read(path, home)
            except SoundError as caught:
                self._sounds[path.stem] = caught

    def names(self) -> frozenset[str]:
        """Sounds there are, those with a fault included: `frames` says what it is."""
        return frozenset(self._sounds)

    def frames(self, name: str) -> Sequence[bytes]:
        """The sound as frames.

        Raises SoundError when there is no such sound (with the name that was probably meant), or when its file is not
        16 kHz, mono, 16 bit (with the command that converts it), breaks off or is longer than MAX_SECONDS.
        """
        sound = self._sounds.get(name)
        if sound is None:
            hint = did_you_mean(name, self._sounds.keys())
            raise SoundError(f"there is no sound '{name}' in {self._directory}" + (f"; {hint}" if hint else ""))
        if isinstance(sound, SoundError):
            raise sound
        return sound


def _read(path: Path, home: Path) -> list[bytes]:
    if not _NAME.fullmatch(path.stem):
        raise SoundError(f"{path} needs another name to be played: letters, digits, - and _")
    if path.resolve().parent != home:
        raise SoundError(f"{path} is a link that leads out of its folder; copy the file instead")
    try:
        size = path.stat().st_size
    except OSError as caught:
        raise SoundError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    if size > frames_in(MAX_SECONDS) * FRAME_BYTES + _HEADER_ROOM:
        raise SoundError(f"{path} is too long: {size:,} bytes; a sound lasts {MAX_SECONDS:g} s at most")
    return read_wav(path)
