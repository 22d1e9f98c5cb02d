"""Speech for tests, made by espeak-ng: the voices below are ones the tests' Vosk model was never trained on."""

from __future__ import annotations

import array
import functools
import io
import random
import subprocess
import wave
from pathlib import Path

from pommai.io.resample import resample
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_BYTES, SAMPLE_RATE

VOSK_TINY = Path(__file__).parent / "data" / "vosk-tiny" / "model"
"""A Vosk model of 0.9 MB that understands espeak-ng."""
VOICES = ("en-us+m7", "en-us+Annie", "en-us+steph", "en-us+Jacky")
"""A man, a woman, and two more, all well understood."""


@functools.cache
def say(text: str, voice: str = "en-us+m7", words_per_minute: int = 165) -> bytes:
    """A sentence as 16 kHz mono s16le, with neither silence before nor after, -4 dB from as loud as espeak-ng is."""
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-p", "55", "--stdout", text]
    spoken = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    with wave.open(io.BytesIO(spoken[:4] + b"\xff\xff\xff\x7f" + spoken[8:])) as sound:
        pcm, rate = sound.readframes(len(spoken)), sound.getframerate()
    samples = array.array("h", [round(sample * 0.6) for sample in array.array("h", resample(pcm, rate, SAMPLE_RATE))])
    loud = [index for index, sample in enumerate(samples) if abs(sample) > 300]
    return samples[loud[0] : loud[-1] + 1].tobytes()


def silence(seconds: float) -> bytes:
    return bytes(round(seconds * SAMPLE_RATE) * SAMPLE_BYTES)


def noise(seconds: float, level: float, seed: int = 1) -> bytes:
    """White noise; `level` is its standard deviation."""
    chance = random.Random(seed)
    values = (chance.gauss(0.0, level) for _ in range(round(seconds * SAMPLE_RATE)))
    return array.array("h", [max(-32768, min(32767, round(value))) for value in values]).tobytes()


def frames(pcm: bytes) -> list[bytes]:
    """A sound as frames, the last filled up with silence."""
    return [pcm[i : i + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for i in range(0, len(pcm), FRAME_BYTES)]
