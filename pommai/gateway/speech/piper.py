"""Piper's voice: a neural one that needs no network. A process of its own stays at work and holds the model.

One process, one sentence at a time, made on all processors in a small part of the time that it lasts. Who would have to
wait longer than SECONDS is spoken for by the spare voice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pommai.errors import CodecError, SpeechError
from pommai.gateway.speech.piper_files import HIGHEST_RATE, LOWEST_RATE
from pommai.io.resample import resample
from pommai.io.speech_level import ready_frames
from pommai.io.speech_text import spoken_text
from pommai.protocol.audio import SAMPLE_RATE
from pommai.protocol.messages import VoiceSettings

SECONDS: Final = 6.0
"""Longest that a sentence may take, its turn included."""
LOAD_SECONDS: Final = 60.0
"""Longest that the model may take to be loaded."""
AGAIN_SECONDS: Final = 10.0
"""After the process could not be started: before that it is not tried again."""
MOST_WAITING: Final = 64
"""Sentences that wait; who comes then is spoken for by the spare voice at once."""
SLOWEST, FASTEST = 0.5, 2.0
"""Speeds at which Piper is still understood, and factors of the pitch at which it still sounds like somebody."""
_HEAD: Final = struct.Struct(">II")
_ABOUT, _SOUND = 0, 1
_MOST_BYTES: Final = 60 * HIGHEST_RATE * 2
_WORKER: Final = Path(__file__).with_name("piper_worker.py")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    text: str
    voice: VoiceSettings
    sound: asyncio.Future[tuple[bytes, int]]
    """Samples, and how many of them there are to be in a second."""


class PiperSpeech:
    """Implements the port Speech with a voice of Piper, at the persona's speed and pitch. The owner closes it.

    Of a model with several speakers, the one that a `voice_id` names speaks, and else always the same one for it.
    """

    def __init__(self, model: Path, python: str = sys.executable) -> None:
        """`model` is the .onnx file; `python` the interpreter that has Piper. The model is loaded from now on."""
        self._command = (python, "-I", str(_WORKER), str(model))
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(MOST_WAITING)
        self._task = asyncio.create_task(self._serve(), name="piper")

    async def close(self) -> None:
        """End the process. Harmless when called again. Nothing can be said afterwards."""
        self._task.cancel()
        await asyncio.wait([self._task])
        while not self._jobs.empty():
            self._jobs.get_nowait().sound.cancel()

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        """Frames that say the text, as much of it as `spoken_text` lets through; none when that is nothing.

        Raises SpeechError when Piper fails, has too much to do or takes longer than SECONDS. Cancelled: the sentence is
        not made, or, when it is being made, not waited for.
        """
        words = spoken_text(text)
        if not words:
            return ()
        if self._task.done():
            raise SpeechError("piper was ended")
        job = _Job(words, voice, asyncio.get_running_loop().create_future())
        try:
            self._jobs.put_nowait(job)
            async with asyncio.timeout(SECONDS):
                pcm, rate = await job.sound
        except asyncio.QueueFull:
            raise SpeechError("piper has too much to say") from None
        except TimeoutError:
            raise SpeechError(f"piper has not spoken within {SECONDS:g} s") from None
        try:
            frames = await asyncio.to_thread(_frames, pcm, rate)
        except CodecError as caught:
            raise SpeechError(str(caught)) from caught
        if not frames:
            raise SpeechError("piper gives silence")
        return frames

    # -- the process -----------------------------------------------------------------------

    async def _serve(self) -> None:
        """Keep a process at work, and start another when it has come to an end."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._work()
            except SpeechError as caught:
                _log.error("piper ended", extra={"reason": str(caught)})
                if loop.time() < began + AGAIN_SECONDS:
                    await self._refuse_until(began + AGAIN_SECONDS, str(caught))

    async def _refuse_until(self, until: float, why: str) -> None:
        """A process that ends as soon as it begins is not started again and again; meanwhile nobody waits for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while True:
                    _fail(await self._jobs.get(), why)

    async def _work(self) -> None:
        """Start a process and have it do what is to be done. Raises SpeechError when it can do no more."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError as caught:
            raise SpeechError(f"piper cannot be started: {caught.strerror or caught}") from caught
        try:
            about = await self._load(process)
            _log.info("piper ready", extra={"pid": process.pid, "rate": about.rate, "speakers": about.count})
            while True:
                job = await self._jobs.get()
                if not job.sound.done():  # else whoever wanted it has gone
                    await _say(process, about, job)
        finally:
            await _end(process)

    async def _load(self, process: asyncio.subprocess.Process) -> _About:
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                kind, data = await _receive(process)
        except TimeoutError:
            raise SpeechError(f"piper has not loaded its model within {LOAD_SECONDS:g} s") from None
        if kind != _ABOUT:
            raise SpeechError(f"piper cannot load its model: {data.decode('utf-8', 'replace')}")
        about: dict[str, Any] = json.loads(data)
        if not LOWEST_RATE <= about["rate"] <= HIGHEST_RATE:
            raise SpeechError(f"piper's model has {about['rate']} samples a second")
        return _About(**about)


@dataclass(frozen=True, slots=True)
class _About:
    """The model: samples a second, and who speaks in it."""

    rate: int
    speakers: Mapping[str, int]
    count: int


async def _say(process: asyncio.subprocess.Process, about: _About, job: _Job) -> None:
    """Have one sentence made. Raises SpeechError when the process is of no more use."""
    # Piper knows no pitch. So its sounds are made longer by as much as they are then played faster.
    pitch = min(max(job.voice.pitch, SLOWEST), FASTEST)
    pace = pitch / min(max(job.voice.speed, SLOWEST), FASTEST)
    question = {"text": job.text, "pace": pace, "speaker": _speaker(about, job.voice.voice_id)}
    assert process.stdin is not None
    try:
        async with asyncio.timeout(SECONDS):
            process.stdin.write(json.dumps(question).encode() + b"\n")
            await process.stdin.drain()
            kind, data = await _receive(process)
    except (TimeoutError, ConnectionError):
        _fail(job, "piper has stopped in the middle of a sentence")
        raise SpeechError("it has stopped in the middle of a sentence") from None
    except SpeechError as caught:
        _fail(job, str(caught))
        raise
    if kind == _SOUND:
        if not job.sound.done():
            job.sound.set_result((data[: len(data) // 2 * 2], round(about.rate * pitch)))
    else:
        _fail(job, f"piper cannot say this: {data.decode('utf-8', 'replace')}")


def _speaker(about: _About, voice_id: str) -> int | None:
    if about.count <= 1:
        return None
    return about.speakers.get(voice_id, zlib.crc32(voice_id.encode("utf-8", "replace")) % about.count)


def _fail(job: _Job, why: str) -> None:
    if not job.sound.done():
        job.sound.set_exception(SpeechError(why))


async def _receive(process: asyncio.subprocess.Process) -> tuple[int, bytes]:
    """An answer: its kind, and what it is. Raises SpeechError when none comes any more."""
    assert process.stdout is not None
    try:
        kind, size = _HEAD.unpack(await process.stdout.readexactly(_HEAD.size))
        if size > _MOST_BYTES:
            raise SpeechError("piper sends what is no sound")
        return kind, await process.stdout.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise SpeechError("piper has come to an end by itself") from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind, and no pipe open."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.communicate()


def _frames(pcm: bytes, rate: int) -> tuple[bytes, ...]:
    return tuple(ready_frames(resample(pcm, rate, SAMPLE_RATE)))
