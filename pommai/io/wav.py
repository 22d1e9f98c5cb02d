"""WAV files: read, written, and as microphone and speaker of a machine without a sound card."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import struct
import wave
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from pommai.errors import AudioDeviceError, SoundError
from pommai.io.speaker import PacedSpeaker
from pommai.io.ticker import Ticker
from pommai.protocol.audio import CHANNELS, FRAME_BYTES, SAMPLE_BYTES, SAMPLE_RATE, SILENCE, frames_in

HEADER_BYTES: Final = 44
MAX_GAP: Final = frames_in(1.0)
"""Longest silence, in frames, that a recording keeps between two sounds."""
FLUSH_FRAMES: Final = frames_in(1.0)
"""Frames gathered before they go to the file: what a killed process loses at most."""


def read_wav(path: Path) -> list[bytes]:
    """The frames of a WAV file, the last one filled up with silence.

    Raises SoundError when the file is missing, is no WAV file, breaks off, or has another format than 16 kHz, mono,
    16 bit; then the message has the command that converts it.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            length = file.getnframes()
            if (rate, channels, width) != (SAMPLE_RATE, CHANNELS, SAMPLE_BYTES):
                raise SoundError(
                    f"{path} is {rate:,} Hz, {_channels(channels)}, {8 * width} bit; "
                    f"it must be 16,000 Hz, mono, 16 bit. {_conversion(path)}"
                )
            data = file.readframes(length)
    except FileNotFoundError as caught:
        raise SoundError(f"there is no file {path}") from caught
    except OSError as caught:
        raise SoundError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    except EOFError as caught:
        raise SoundError(f"{path} is no WAV file: it ends within its header") from caught
    except (wave.Error, struct.error, ValueError) as caught:
        raise SoundError(f"{path} is no WAV file of plain samples ({caught}). {_conversion(path)}") from caught
    if len(data) != length * SAMPLE_BYTES:
        raise SoundError(
            f"{path} breaks off: its header promises {length:,} samples, "
            f"{len(data) // SAMPLE_BYTES:,} are there. {_conversion(path)}"
        )
    return frames_of(data)


def frames_of(data: bytes) -> list[bytes]:
    """Samples cut into frames, the last one filled up with silence."""
    return [data[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for start in range(0, len(data), FRAME_BYTES)]


def write_wav(path: Path, frames: Iterable[bytes]) -> None:
    """Write frames as a WAV file. Raises OSError."""
    data = b"".join(frames)
    path.write_bytes(_header(len(data)) + data)


class WavRecorder:
    """Writes what a speaker plays, frame by frame, to a WAV file that is valid at any moment.

    Silence before the first sound and after the last is left out, and silence between sounds is shortened to MAX_GAP:
    the timing inside a reply stays, the waiting between replies goes. The file is made anew by the first `open` and
    continued by later ones.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._pending: list[bytes] = []
        self._gap = 0
        self._written = 0
        self._begun = False

    def open(self) -> None:
        """Raises OSError."""
        if self._file is None:
            self._file = self._path.open("r+b" if self._begun else "wb")
            self._begun = True
            self._flush()

    def add(self, frame: bytes) -> None:
        """What was played in the next 20 ms. Raises OSError when the disk is full."""
        if frame == SILENCE:
            self._gap += 1
            return
        if self._written or self._pending:
            self._pending += [SILENCE] * min(self._gap, MAX_GAP)
        self._gap = 0
        self._pending.append(frame)
        if len(self._pending) >= FLUSH_FRAMES:
            self._flush()

    def close(self) -> None:
        """Complete the file. Raises OSError when the disk is full; harmless when called again."""
        if self._file is not None:
            try:
                self._flush()
            finally:
                file, self._file = self._file, None
                file.close()

    def _flush(self) -> None:
        """Samples first, then the header: a file cut short in between is still valid."""
        assert self._file is not None
        data = b"".join(self._pending)
        self._pending.clear()
        self._file.seek(HEADER_BYTES + self._written)
        self._file.write(data)
        self._file.flush()
        self._written += len(data)
        self._file.seek(0)
        self._file.write(_header(self._written))
        self._file.flush()


class WavMicrophone:
    """Delivers frames at real-time pace: what it was told to `say`, silence otherwise.

    Given a file, it says what is in it as soon as it is opened. Raises SoundError when the file is not to be played.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._waiting: deque[bytes] = deque(() if path is None else read_wav(path))
        self._said = asyncio.Event()
        self._deliver: Callable[[bytes], None] | None = None
        self._ticker = Ticker(self._tick)

    async def open(self, deliver: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to deliver a frame every 20 ms; `lost` is never called."""
        self._deliver = deliver
        self._ticker.start()

    async def close(self) -> None:
        """Stop; what was not yet said is kept for the next `open`. Harmless when called again."""
        self._ticker.stop()
        self._deliver = None

    def attend(self, within: float) -> None:
        """Every frame is delivered on time in any case."""

    def say(self, frames: Sequence[bytes]) -> None:
        """Speak into the microphone, after what is still being said."""
        self._waiting.extend(frames)

    async def said(self) -> None:
        """Wait until all that was to be said has been delivered."""
        while self._waiting:
            self._said.clear()
            await self._said.wait()

    def _tick(self) -> None:
        frame = self._waiting.popleft() if self._waiting else SILENCE
        if not self._waiting:
            self._said.set()
        if self._deliver is not None:
            self._deliver(frame)


class WavSpeaker(PacedSpeaker):
    """Plays at real-time pace into a WAV file (see WavRecorder for what becomes of silence)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._recorder = WavRecorder(path)
        self._lost: Callable[[str], None] | None = None

    async def open(self, lost: Callable[[str], None]) -> None:
        """Begin to play. Raises AudioDeviceError when the file cannot be written."""
        try:
            self._recorder.open()
        except OSError as caught:
            raise AudioDeviceError(f"{self._path} cannot be written: {caught.strerror or caught}") from caught
        self._lost = lost
        await super().open(lost)

    async def close(self) -> None:
        """Stop and complete the file. Harmless when called again."""
        await super().close()
        self._lost = None
        with contextlib.suppress(OSError):  # then the file ends where it could last be written
            self._recorder.close()

    def _play(self, frame: bytes | None) -> None:
        try:
            self._recorder.add(SILENCE if frame is None else frame)
        except OSError as caught:
            self._ticker.stop()
            self._stop()
            lost, self._lost = self._lost, None
            if lost is not None:
                lost(f"{self._path} cannot be written: {caught.strerror or caught}")


def _header(length: int) -> bytes:
    """The header of a WAV file with `length` bytes of samples."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        HEADER_BYTES - 8 + length,
        b"WAVE",
        b"fmt ",
        16,
        1,
        CHANNELS,
        SAMPLE_RATE,
        SAMPLE_RATE * CHANNELS * SAMPLE_BYTES,
        CHANNELS * SAMPLE_BYTES,
        8 * SAMPLE_BYTES,
        b"data",
        length,
    )


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _conversion(path: Path) -> str:
    source, target = shlex.quote(str(path)), shlex.quote(str(path.with_suffix(".16k.wav")))
    return f"Convert it with: sox {source} -r 16000 -c 1 -b 16 {target}"
