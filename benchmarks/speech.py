"""Sound on board: speaking a sentence, changing sample rates, holding the ceiling, reading sound files."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.desk import ROOT
from benchmarks.figures import Figure, figure, time_rounds
from pommai.io.loudness import Loudness
from pommai.io.opus_file import read_opus
from pommai.io.resample import resample
from pommai.io.sounds import SoundFolder
from pommai.io.speech import EspeakSpeech
from pommai.io.speech_level import ready_frames
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SECONDS
from pommai.protocol.messages import VoiceSettings

TEXT = "Number {}. Once upon a time there was a little bear who could not sleep."
ROUNDS = 40


def measure() -> list[Figure]:
    """Milliseconds for what happens once a sentence or file, microseconds for what happens all the time."""
    frames = read_wav(ROOT / "tests" / "data" / "sentence.wav")
    pcm = b"".join(frames)
    siren = [bytes([255, 127] * 8 + [0, 128] * 8) * 20] * len(frames)
    seconds = len(frames) * FRAME_SECONDS
    return [
        *asyncio.run(_speaking()),
        figure("resample 22,050 to 16,000 Hz, a second", _each(lambda: resample(pcm, 22_050, 16_000), seconds), "us"),
        figure("level speech, a second", _each(lambda: ready_frames(pcm), seconds), "us"),
        _limiter("limiter, a frame of speech", frames, 0.5),
        _limiter("limiter, a frame of a siren", siren, 0.9),
        _files(),
    ]


async def _speaking() -> list[Figure]:
    speech = EspeakSpeech()
    taken, again, lengths = [], [], []
    for number in range(ROUNDS):
        text = TEXT.format(number)
        for samples in (taken, again):
            began = time.perf_counter()
            lengths.append(len(await speech.speak(text, VoiceSettings())) * FRAME_SECONDS)
            samples.append((time.perf_counter() - began) * 1e3)
    note = f"for {sum(lengths) / len(lengths):.1f} s of speech"
    return [
        figure("text to speech", taken, "ms", note=note),
        figure("text to speech, said lately", again, "ms"),
    ]


def _each(work: object, seconds: float) -> list[float]:
    assert callable(work)
    return [sample / seconds for sample in time_rounds(work, steps=1, rounds=ROUNDS)]


def _limiter(name: str, frames: list[bytes], ceiling: float) -> Figure:
    def cycle() -> None:
        loudness = Loudness(ceiling, ceiling)
        for frame in frames:
            loudness.apply(frame)

    return figure(name, time_rounds(cycle, steps=len(frames), rounds=ROUNDS), "us", goal=100.0)


def _files() -> Figure:
    """A toy with ten Opus files beside its own sounds."""
    opus = ROOT / "tests" / "data" / "opus" / "mono.opus"
    seconds = len(read_opus(opus, 30.0)) * FRAME_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        for path in (ROOT / "pommai" / "resources" / "sounds").glob("*.wav"):
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        for number in range(10):
            (Path(folder) / f"giggle{number}.opus").write_bytes(opus.read_bytes())
        samples = [sample / 1e3 for sample in time_rounds(lambda: SoundFolder(Path(folder)), steps=1, rounds=ROUNDS)]
    return figure("read all sounds at start", samples, "ms", note=f"with 10 Opus files of {seconds:g} s")
