"""Speech to text on board, by the tests' tiny Vosk model: how soon and at what cost. Models for people are larger."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Figure, figure
from pommai.io.ports import WakeSpec
from pommai.io.recogniser import VoskRecogniser
from pommai.io.wake_vosk import make_vosk_engine
from pommai.protocol.audio import FRAME_SECONDS

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from speech_material import VOICES, VOSK_TINY, frames, say, silence

LIVES = 7
ROUNDS = 5
SENTENCES = ("please sing me a song", "tell me a joke", "can you tell me a story", "good morning teddy")


class Life(NamedTuple):
    """One process that understood something."""

    first_s: float
    again_s: list[float]
    share: float
    """CPU seconds for a second of sound."""
    before_mb: float
    loaded_mb: float
    released_mb: float
    wake_share: float


def measure() -> list[Figure]:
    """Milliseconds to understand a sentence of 1 s, cold and warm; CPU as a share of real time; resident memory, MB."""
    with (
        tempfile.TemporaryDirectory() as cache,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        new = [pool.apply(_live) for _ in range(LIVES)]
        lives = [pool.apply(_live, (Path(cache),)) for _ in range(LIVES + 1)][1:]
    again = [seconds * 1000 for life in lives for seconds in life.again_s]
    return [
        figure("sentence understood, model new to the toy", [life.first_s * 1000 for life in new], "ms"),
        figure("sentence understood, model not loaded", [life.first_s * 1000 for life in lives], "ms", goal=300.0),
        figure("sentence understood, model loaded", again, "ms", goal=100.0),
        figure("recognition, CPU", [life.share * 100 for life in lives], "% of real time"),
        figure("Vosk wake word, CPU", [life.wake_share * 100 for life in lives], "% of a core"),
        figure("memory: model loaded and used", [life.loaded_mb - life.before_mb for life in lives], "MB"),
        figure("memory: kept after release", [life.released_mb - life.before_mb for life in lives], "MB"),
    ]


def _live(cache: Path | None = None) -> Life:
    return asyncio.run(_understand(cache))


async def _understand(cache: Path | None) -> Life:
    recordings = [frames(say(sentence, voice)) for sentence in SENTENCES for voice in VOICES]
    before = _resident_mb()
    recogniser = VoskRecogniser(VOSK_TINY, cache=cache)
    first, *again = [await _timed(recogniser, recordings[0]) for _ in range(ROUNDS + 1)]
    cpu = _cpu_s()
    for recording in recordings:
        await recogniser.transcribe(recording)
    share = (_cpu_s() - cpu) / (sum(map(len, recordings)) * FRAME_SECONDS)
    loaded = _resident_mb()
    await recogniser.close()
    return Life(first, again, share, before, loaded, _resident_mb(), _wake_share(recordings))


async def _timed(recogniser: VoskRecogniser, recording: Sequence[bytes]) -> float:
    began = time.perf_counter()
    await recogniser.transcribe(recording)
    return time.perf_counter() - began


def _wake_share(recordings: Sequence[Sequence[bytes]]) -> float:
    """CPU for a second of a room in which somebody speaks half of the time."""
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", ("hey pommai",)))
    room = [frame for recording in recordings for frame in (*recording, *frames(silence(1.2)))]
    cpu = _cpu_s()
    for frame in room:
        engine.hear(frame)
    used = _cpu_s() - cpu
    engine.close()
    return used / (len(room) * FRAME_SECONDS)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0.0
