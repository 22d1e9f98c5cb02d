"""What the audio tests share: a spoken sentence, an event loop whose time is virtual, and measures of sound."""

from __future__ import annotations

import array
import asyncio
import math
import selectors
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SAMPLES

T = TypeVar("T")

SENTENCE = Path(__file__).parent.parent / "data" / "sentence.wav"
"""4.4 s of espeak-ng: "Good morning little bear. Will you tell me a story about the moon?", peak at -3 dBFS."""


def speech() -> list[bytes]:
    return read_wav(SENTENCE)


def numbered(count: int) -> list[bytes]:
    """Frames that can be told apart: every sample of frame i is i + 1."""
    return [array.array("h", [index + 1]).tobytes() * FRAME_SAMPLES for index in range(count)]


def number(frame: bytes) -> int:
    """Which of the numbered frames it is; 0 for silence."""
    return int.from_bytes(frame[:2], "little")


def samples(frames: list[bytes]) -> array.array[int]:
    return array.array("h", b"".join(frames))


def scaled(frames: list[bytes], decibels: float) -> list[bytes]:
    factor = 10 ** (decibels / 20)
    return [array.array("h", [round(value * factor) for value in samples([frame])]).tobytes() for frame in frames]


def rms(values: array.array[int]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


class _VirtualSelector(selectors.DefaultSelector):
    """Waits for nothing: what would have been waited for is added to the loop's time instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("the loop would wait for ever")
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which hours pass in no time."""

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def stall(self, seconds: float) -> None:
        """As if something had blocked the loop for so long."""
        self._virtual.now += seconds


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
