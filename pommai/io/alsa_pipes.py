"""A sound card made of two pipes, so that PortAudio runs for real on a machine that has no sound card.

ALSA's `file` plugin reads its capture from one FIFO and writes its playback to another; this module paces both ends at
20 ms a frame, as a card's crystal would. The process that opens PortAudio gets `environment` before it starts.

A writer that waits for a full pipe goes on when a whole page (4096 bytes) has been read, and no sooner. With frames of
640 bytes playback would come in bursts of six. So the speaker is 32 channels wide, of which the first holds the sound:
then a frame is five whole pages, and PortAudio asks for each frame on time.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import os
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pommai.errors import AudioDeviceError
from pommai.io.wav import WavRecorder
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS, SILENCE

WIDTH: Final = 32
"""Channels of the speaker's pipe."""
SPEAKER_PIPE_BYTES: Final = 32_768
"""The smallest pipe that holds a wide frame: what is written ahead is less than two frames."""
MICROPHONE_PIPE_BYTES: Final = 4096
"""The smallest pipe there is."""
STANDING: Final = 5
"""Frames waiting in the microphone's pipe for so many beats are stale: nobody reads, or somebody has just begun to."""
RESET_SECONDS: Final = 1.0
"""The pacer gives up catching up when it is further behind, as after the machine slept."""
_STOP_SECONDS: Final = 2.0

_CONFIGURATION: Final = """\
pcm.microphone {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{microphone}" format raw }}
pcm.wide {{ type file slave.pcm {{ type null }} file "{speaker}" format raw truncate true }}
pcm.speaker {{ type route slave {{ pcm "wide" channels {width} }} ttable.0.0 1 }}
pcm.default {{ type asym capture.pcm "microphone" playback.pcm "speaker" }}
ctl.default {{ type hw card 0 }}
"""


class AlsaPipes:
    """The card: `say` speaks into its microphone, and `recording` becomes the WAV of what its speaker plays.

    Serves one capture and one playback stream at a time. The pacer runs in a thread of this process, because an event
    loop's jitter would be the card's. See WavRecorder for what becomes of silence in the recording.
    """

    def __init__(self, directory: Path, recording: Path) -> None:
        """`directory` takes the pipes and the ALSA configuration; it must exist and allow FIFOs."""
        self._directory = directory.absolute()
        self._recorder = WavRecorder(recording)
        self._waiting: deque[bytes] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said: asyncio.Event | None = None
        self._backlog: deque[int] = deque(maxlen=STANDING)
        self._partial = b""

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of the process that opens PortAudio must hold, before it starts."""
        return {"ALSA_CONFIG_PATH": str(self._directory / "asound.conf")}

    def start(self) -> None:
        """Make the pipes and begin to pace them. Raises AudioDeviceError when the folder does not allow it."""
        microphone, speaker = self._directory / "microphone.fifo", self._directory / "speaker.fifo"
        try:
            for fifo in (microphone, speaker):
                fifo.unlink(missing_ok=True)
                os.mkfifo(fifo, 0o600)
            configuration = _CONFIGURATION.format(microphone=microphone, speaker=speaker, width=WIDTH)
            (self._directory / "asound.conf").write_text(configuration)
            self._recorder.open()
        except OSError as caught:
            raise AudioDeviceError(
                f"no sound pipes can be made in {self._directory}: {caught.strerror or caught}"
            ) from caught
        # The microphone's also for reading, to throw away what nobody hears; the speaker's not for writing, to learn
        # whether anybody plays.
        self._microphone = os.open(microphone, os.O_RDWR | os.O_NONBLOCK)
        self._speaker = os.open(speaker, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._microphone, fcntl.F_SETPIPE_SZ, MICROPHONE_PIPE_BYTES)
        fcntl.fcntl(self._speaker, fcntl.F_SETPIPE_SZ, SPEAKER_PIPE_BYTES)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._pace, name="alsa-pipes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Unplug the card and complete the recording. Harmless when called again."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)
        self._thread = None
        self._wake()
        os.close(self._microphone)
        if not self._is_played():
            # Otherwise the pipe stays until this process ends: a card that hangs its player notices, but a closed pipe
            # may meet an assertion of ALSA (pcm_plugin.c, snd_pcm_plugin_status) that aborts it.
            os.close(self._speaker)
        with contextlib.suppress(OSError):  # the recording ends where it could last be written
            self._recorder.close()

    def say(self, frames: Sequence[bytes]) -> None:
        """Speak into the microphone, after what is still being said; it hears silence otherwise."""
        self._waiting.extend(frames)

    async def said(self) -> None:
        """Wait until all that was to be said has been said, or the card is unplugged."""
        self._loop = asyncio.get_running_loop()
        self._said = asyncio.Event()
        while self._waiting and self._thread is not None:
            self._said.clear()
            await self._said.wait()

    def _pace(self) -> None:
        beat = time.monotonic()
        while True:
            beat += FRAME_SECONDS
            now = time.monotonic()
            if now - beat > RESET_SECONDS:
                beat = now
            if self._stopping.wait(max(0.0, beat - now)):
                return
            self._speak()
            self._listen()

    def _speak(self) -> None:
        """Put the next frame into the microphone's pipe."""
        self._backlog.append(bytes_in(self._microphone) // FRAME_BYTES)
        if len(self._backlog) == STANDING and (standing := min(self._backlog)):
            self._discard(standing)
            self._backlog.clear()
        try:
            frame = self._waiting.popleft()
        except IndexError:
            frame = SILENCE
        else:
            if not self._waiting:
                self._wake()
        try:
            os.write(self._microphone, frame)
        except BlockingIOError:
            self._discard(1)
            with contextlib.suppress(BlockingIOError):
                os.write(self._microphone, frame)

    def _wake(self) -> None:
        if self._loop is not None and self._said is not None:
            with contextlib.suppress(RuntimeError):  # the loop that waited has been closed
                self._loop.call_soon_threadsafe(self._said.set)

    def _discard(self, frames: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._microphone, frames * FRAME_BYTES)

    def _listen(self) -> None:
        """Take the next frame out of the speaker's pipe."""
        try:
            data = os.read(self._speaker, WIDTH * FRAME_BYTES - len(self._partial))
        except BlockingIOError:
            return
        # Nothing at all means that nobody has the pipe open; a frame cut short by the end of its process is no frame.
        self._partial = self._partial + data if data else b""
        if len(self._partial) == WIDTH * FRAME_BYTES:
            frame = array.array("h", self._partial)[::WIDTH].tobytes()
            self._partial = b""
            with contextlib.suppress(OSError):  # a full disk must not stop the card
                self._recorder.add(frame)

    def _is_played(self) -> bool:
        """Whether a process has the speaker open."""
        try:
            os.read(self._speaker, SPEAKER_PIPE_BYTES)
            return bool(os.read(self._speaker, 1))
        except BlockingIOError:
            return True


def bytes_in(pipe: int) -> int:
    """Bytes that wait in a pipe to be read."""
    count: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    return count
