"""Speech on board: espeak-ng, a process for each text. A small voice, but one that needs no network and no model.

A process for each text costs some 10 ms and keeps the toy's own memory, its event loop and its life apart from a large
C library. The text goes in at stdin, never on the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from pommai.errors import CodecError, SpeechError
from pommai.io.resample import resample
from pommai.io.speech_level import ready_frames
from pommai.io.speech_text import spoken_text
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_RATE
from pommai.protocol.messages import VoiceSettings

logger = logging.getLogger(__name__)

VOICES: Final = {
    "": "en-us+f3",
    "honey": "en-us+f2",
    "tin": "en-us+klatt4",
}
"""Voices by the ids of our own personas."""
FRIENDLY: Final = (
    *("en-us+f2", "en-us+f3", "en-us+f4", "en-us+m3"),
    *("en-gb-x-rp+f2", "en-gb-x-rp+f4", "en-gb-scotland+m3"),  # plain en-gb is one man, whatever variant is asked for
)
"""Who speaks for a voice that only the server has: always the same one for the same id."""
WORDS_A_MINUTE: Final = 155
"""At speed 1.0. espeak-ng's own 175 is an adult's pace; whoever reads to children reads slower."""
SLOWEST, FASTEST = 80, 450
"""Words a minute that espeak-ng speaks clearly."""
OCTAVE: Final = 57
"""Steps of espeak-ng's pitch, 0..99, 50 the voice as it is, in which its voice rises by an octave (measured)."""
SECONDS: Final = 10.0
"""Longest that espeak-ng may take, which is a thousand times what it takes."""
MAX_SECONDS: Final = 60.0
"""Longest speech: five hundred digits read out would last for minutes."""
CACHE_BYTES: Final = 2_000_000
"""Recent speech that is kept, a minute: what a toy says again, it says at once."""
_VOICE_NAME: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}(\+[A-Za-z0-9]{1,16})?")
_HIGHEST_RATE: Final = 48_000


class _Request(NamedTuple):
    text: str
    voice: str
    speed: int
    pitch: int


class EspeakSpeech:
    """Implements the port Speech with espeak-ng; `program` is its name or its path.

    A `voice_id` is one of espeak-ng's own names ("en-us+f3"), one of VOICES, or anything else: then one of FRIENDLY
    speaks for it. Beyond what espeak-ng can do, speed and pitch go as far as they go.
    """

    def __init__(self, program: str = "espeak-ng", cache_bytes: int = CACHE_BYTES) -> None:
        """Of recent speech, `cache_bytes` are kept."""
        self._program = program
        self._most_cached = cache_bytes
        self._cache: OrderedDict[_Request, tuple[bytes, ...]] = OrderedDict()
        self._cached = 0
        self._missing: set[str] = set()  # voices that espeak-ng turned out not to have

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        """Frames that say the text, as much of it as `spoken_text` lets through; none when that is nothing.

        Raises SpeechError when espeak-ng or libsoxr is not installed, fails, or takes longer than SECONDS. Cancelled:
        the process is gone when this returns.
        """
        words = spoken_text(text)
        if not words:
            return ()
        request = _Request(words, self._voice(voice.voice_id), _speed(voice.speed), _pitch(voice.pitch))
        if request in self._cache:
            self._cache.move_to_end(request)
            return self._cache[request]
        try:
            wav = await self._run(request)
        except _NoSuchVoiceError:
            logger.warning("no such voice", extra={"voice": request.voice})
            self._missing.add(request.voice)
            request = request._replace(voice=self._voice(voice.voice_id))
            wav = await self._run(request)
        try:
            frames = await asyncio.get_running_loop().run_in_executor(None, _frames, wav)
        except CodecError as caught:
            raise SpeechError(str(caught)) from caught
        self._keep(request, frames)
        return frames

    def _voice(self, voice_id: str) -> str:
        if voice_id in VOICES:
            return VOICES[voice_id]
        if _VOICE_NAME.fullmatch(voice_id) and voice_id not in self._missing:
            return voice_id
        return FRIENDLY[zlib.crc32(voice_id.encode("utf-8", "replace")) % len(FRIENDLY)]

    async def _run(self, request: _Request) -> bytes:
        """The WAV file that espeak-ng makes of it."""
        arguments = ("-v", request.voice, "-s", str(request.speed), "-p", str(request.pitch))
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._program, "--stdin", "--stdout", "-z", "-b", "1", *arguments),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
            )
        except FileNotFoundError as caught:
            raise SpeechError(
                f"{self._program}, the voice on board, is not installed; "
                "on Raspberry Pi OS and Debian install it with: sudo apt-get install espeak-ng"
            ) from caught
        except OSError as caught:
            raise SpeechError(f"{self._program} cannot be started: {caught.strerror or caught}") from caught
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(SECONDS):
                process.stdin.write(request.text.encode())
                process.stdin.close()
                wav = await _read(process.stdout)
                if len(wav) >= _MOST_BYTES:
                    return wav
                complaint = (await process.stderr.read()).decode("utf-8", "replace").strip()
                code = await process.wait()
        except TimeoutError as caught:
            raise SpeechError(f"{self._program} has not spoken within {SECONDS:g} s, and was ended") from caught
        finally:
            await _end(process)
        if code and "voice does not exist" in complaint and request.voice not in FRIENDLY:
            raise _NoSuchVoiceError
        if code:
            raise SpeechError(f"{self._program} failed with exit code {code}: {complaint or 'it did not say why'}")
        return wav

    def _keep(self, request: _Request, frames: tuple[bytes, ...]) -> None:
        """Remember it, and forget what was not asked for longest."""
        size = len(frames) * FRAME_BYTES
        if size > self._most_cached or request in self._cache:
            return
        self._cache[request] = frames
        self._cached += size
        while self._cached > self._most_cached:
            _, forgotten = self._cache.popitem(last=False)
            self._cached -= len(forgotten) * FRAME_BYTES


class _NoSuchVoiceError(Exception):
    """espeak-ng does not know the name."""


_MOST_BYTES: Final = int(MAX_SECONDS * 2 * 22_050)


async def _read(stream: asyncio.StreamReader) -> bytes:
    """All there is, at most _MOST_BYTES."""
    parts = []
    room = _MOST_BYTES
    while room and (part := await stream.read(room)):
        parts.append(part)
        room -= len(part)
    return b"".join(parts)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind, and no pipe open."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.communicate()


def _frames(wav: bytes) -> tuple[bytes, ...]:
    pcm, rate = _samples(wav)
    return tuple(ready_frames(resample(pcm, rate, SAMPLE_RATE)))


def _samples(wav: bytes) -> tuple[bytes, int]:
    """Samples and rate of a mono 16 bit WAV file whose header was written before its length was known."""
    rate, at = 0, 12
    while wav[:4] == b"RIFF" and at + 8 <= len(wav):
        name, size = struct.unpack_from("<4sI", wav, at)
        at += 8
        if name == b"fmt " and at + 16 <= len(wav):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", wav, at)
            if (kind, channels, bits) != (1, 1, 16) or not 8_000 <= rate <= _HIGHEST_RATE:
                break
        elif name == b"data" and rate:
            pcm = wav[at : at + size]
            return pcm[: len(pcm) // 2 * 2], rate
        at += size + size % 2
    raise SpeechError("espeak-ng gave no sound that can be played; `espeak-ng hello` should say hello")


def _speed(factor: float) -> int:
    """Words a minute."""
    return round(min(max(WORDS_A_MINUTE * factor, SLOWEST), FASTEST))


def _pitch(factor: float) -> int:
    """espeak-ng's pitch for a factor of the frequency."""
    return round(min(max(50 + OCTAVE * math.log2(factor), 0), 99)) if factor > 0 else 0
