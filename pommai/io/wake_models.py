"""What the two engines share that have a model for each phrase: where a model is, how sure it must be, and how often.

A model's name comes from a toy's configuration, and so from a server: it cannot lead out of the folder it is in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from pommai.errors import ModelError
from pommai.hints import did_you_mean, quote
from pommai.io.ports import WakeSpec
from pommai.protocol.audio import SAMPLE_BYTES, SAMPLE_RATE

COOLDOWN_SECONDS: Final = 2.0
"""After a hit, so much of the stream passes before the next: one call is one hit."""
MOST_SURE: Final = 0.99
"""No cutoff is above it: a quantised model's surest answer is 255/256."""
ODDS: Final = 9.0
"""A sensitivity of 0.0 asks for odds so many times better than the model's own cutoff, 1.0 for as many times worse.
Home Assistant's three steps for these models span a factor of about 5 below the model's own."""
MOST_BYTES: Final = 50_000_000
"""Largest model file that is read: the toy's memory is 512 MB, and a wake model is 0.1 to 1 MB."""
MOST_MODELS: Final = 8
"""Wake words at a time: each costs its share of a slow core."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Cooldown:
    """Keeps apart the hits of one model, in the time of the audio: a stream that is heard late counts the same."""

    def __init__(self) -> None:
        self._bytes = 0

    def hear(self, size: int) -> bool:
        """Take `size` bytes of the stream; whether a hit in them counts."""
        self._bytes = max(0, self._bytes - size)
        return not self._bytes

    def begin(self) -> None:
        """There was a hit."""
        self._bytes = round(COOLDOWN_SECONDS * SAMPLE_RATE) * SAMPLE_BYTES

    def end(self) -> None:
        """The stream has a gap: whatever is heard now is another call."""
        self._bytes = 0


def cutoff_at(own: float, sensitivity: float) -> float:
    """The probability (0.0..1.0) from which a model has heard its wake word.

    `own` is what its maker found best, which 0.5 leaves as it is. Every other sensitivity scales its odds, so that a
    cutoff near 1.0 moves as much for the ear as one in the middle.

    >>> [round(cutoff_at(0.85, sensitivity), 2) for sensitivity in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [0.98, 0.94, 0.85, 0.65, 0.39]
    """
    own = min(max(own, 0.01), MOST_SURE)
    odds = own / (1 - own) * math.pow(ODDS, 1 - 2 * min(max(sensitivity, 0.0), 1.0))
    return min(MOST_SURE, odds / (1 + odds))


def cutoff_of(own: float, spec: WakeSpec) -> float:
    """The probability from which a model counts that its maker gave the cutoff `own`: the spec's own, if it has one."""
    return cutoff_at(own, spec.sensitivity) if spec.threshold is None else min(spec.threshold, MOST_SURE)


def check_count(models: Collection[str], engine: str) -> None:
    """Raise ModelError unless a toy names one to MOST_MODELS models."""
    if not models:
        raise ModelError(f"no model is named for {engine} to listen with; give at least one in wake_models")
    if len(models) > MOST_MODELS:
        raise ModelError(f"{len(models)} models are too many for {engine}; {MOST_MODELS} at most")


def model_file(name: str, folder: Path, suffix: str, others: Collection[str] = ()) -> Path:
    """The file of this bare name in `folder`; its `suffix` may be left out. `others` are names that mean no file.

    Raises ModelError: no such file (with the name that was probably meant), a path in place of a name, a link that
    leads out of the folder, a file of no or absurd size.
    """
    stem = name.removesuffix(suffix)
    if not _NAME.fullmatch(stem):
        raise ModelError(f"{quote(name)} cannot be the name of a wake model: letters, digits, -, _ and . alone")
    path = folder / f"{stem}{suffix}"
    try:
        if not path.is_file():
            there = {found.stem for found in folder.glob(f"*{suffix}")} if folder.is_dir() else set()
            hint = did_you_mean(stem, there | set(others))
            raise ModelError(f"there is no wake model {path}" + (f" ({hint})" if hint else ""))
        if path.resolve().parent != folder.resolve():
            raise ModelError(f"{path} is a link that leads out of its folder; copy the file instead")
        size = path.stat().st_size
    except OSError as caught:
        raise ModelError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    if not 0 < size <= MOST_BYTES:
        raise ModelError(f"{path} is no wake model: it has {size:,} bytes")
    return path
