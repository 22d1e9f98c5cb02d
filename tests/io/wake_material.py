"""Words spoken by espeak-ng, as a toy's microphone would hear them."""

from __future__ import annotations

import functools
import subprocess

from pommai.protocol.audio import FRAME_BYTES, SAMPLE_RATE


@functools.cache
def spoken(text: str, voice: str = "en-us") -> bytes:
    """s16le at 16 kHz, whole frames, with 0.5 s of silence before and 1 s behind."""
    wav = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    to_pcm = ["-r", str(SAMPLE_RATE), "-c", "1", "-b", "16", "-e", "signed", "-t", "raw", "-"]
    # -D: no dither, so that the same words are the same bytes.
    pcm = subprocess.run(
        ["sox", "-D", "-t", "wav", "-", *to_pcm, "pad", "0.5", "1"], input=wav, capture_output=True, check=True
    ).stdout
    return pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES]


def frames(pcm: bytes, count: int = 1) -> list[bytes]:
    """Pieces of so many frames."""
    size = count * FRAME_BYTES
    return [pcm[i : i + size] for i in range(0, len(pcm), size)]
