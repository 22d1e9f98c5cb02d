"""The toy's own short sounds, from a folder of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pommai.errors import SoundError
from pommai.hints import did_you_mean
from pommai.io.sound_files import READERS, read_sound

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class SoundFolder:
    """The sound files of a folder, by bare name: `press` is `press.wav`, `press.opus` or `press.raw`.

    All are read once, when this is made, so that playing never waits for a disk. A name comes from a chart or a server
    and cannot lead out of the folder, nor can a link in it.
    """

    def __init__(self, directory: Path) -> None:
        """Read the folder. Raises SoundError when there is none; a wrong file is an error only when it is asked for."""
        self._directory = directory
        self._sounds: dict[str, list[bytes] | SoundError] = {}
        self._files: dict[str, Path] = {}
        if not directory.is_dir():
            raise SoundError(f"there is no folder of sounds {directory}")
        home = directory.resolve()
        files: dict[str, list[Path]] = {}
        for path in sorted(directory.iterdir()):
            if path.suffix in READERS and not path.name.startswith("."):
                files.setdefault(path.stem, []).append(path)
        for name, paths in files.items():
            self._files[name] = paths[0]
            try:
                self._sounds[name] = _read(paths, home)
            except SoundError as caught:
                self._sounds[name] = caught

    def names(self) -> frozenset[str]:
        """Sounds there are, those with a fault included: `frames` says what it is."""
        return frozenset(self._sounds)

    def file(self, name: str) -> Path:
        """The file a sound is in, for messages about it. Raises KeyError when there is no such sound."""
        return self._files[name]

    def frames(self, name: str) -> Sequence[bytes]:
        """The sound as frames.

        Raises SoundError when there is no such sound (with the name that was probably meant), when two files have its
        name, or when its file cannot be played (see `read_sound`).
        """
        sound = self._sounds.get(name)
        if sound is None:
            hint = did_you_mean(name, self._sounds.keys())
            raise SoundError(f"there is no sound '{name}' in {self._directory}" + (f"; {hint}" if hint else ""))
        if isinstance(sound, SoundError):
            raise sound
        return sound


def _read(paths: list[Path], home: Path) -> list[bytes]:
    path, *others = paths
    if others:
        names = " and ".join(other.name for other in paths)
        raise SoundError(f"{path.parent} has {names}: keep one of them, for both are the sound '{path.stem}'")
    if not _NAME.fullmatch(path.stem):
        raise SoundError(f"{path} needs another name to be played: letters, digits, - and _")
    if path.resolve().parent != home:
        raise SoundError(f"{path} is a link that leads out of its folder; copy the file instead")
    return read_sound(path)
