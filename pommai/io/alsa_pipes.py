"""A sound card made of two pipes, so that PortAudio runs for real on a machine that has no sound card.

ALSA's `file` plugin reads its capture from one FIFO and writes its playback to another; this module paces both ends at
20 ms a frame, as a card's crystal would. The process that opens PortAudio gets `environment` before it starts.

A writer that waits for a full pipe goes on when a whole page (4096 bytes) has been read, and no sooner. With frames of
640 bytes playback would come in bursts of six. So the speaker is 32 channels wide, of which the first hold the sound:
then a frame is five whole pages, or fifteen at 48 kHz, and PortAudio asks for each frame on time.

The pipes take whatever rate they are opened with; a card that was made for another one than the toy's own hears and
plays nonsense at any other.

Who opens a FIFO waits for a partner, for ever if need be, which no driver of a card that was pulled out does. So nobody
can find a FIFO that has no partner: `start` shows both at once when they are held, `stop` hides both at once before it
lets go, and whoever had found one by then is seen off.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import os
import select
import shutil
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pommai.errors import AudioDeviceError
from pommai.io.card_format import TOYS_OWN, CardFormat, from_card, to_card
from pommai.io.wav import WavRecorder
from pommai.protocol.audio import FRAME_SECONDS, SAMPLE_BYTES, frames_in

WIDTH: Final = 32
"""Channels of the speaker's pipe."""
HEARD_LATE: Final = frames_in(1.0)
"""Frames that wait in the microphone's pipe for who is held up, as on a busy machine. Who reads none for so many beats
does not listen: from then on there is nothing but the latest."""
_PAGE_BYTES: Final = 4096
_LARGEST_PIPE_BYTES: Final = 1 << 16
"""A speaker's at 48 kHz."""
RESET_SECONDS: Final = 1.0
"""The pacer gives up catching up when it is further behind, as after the machine slept."""
CATCH_UP_SECONDS: Final = 0.005
"""Between two beats, at least: who was held up together with the pacer can keep up when it makes up for what it missed.
"""
_STOP_SECONDS: Final = 2.0
_GONE_LOOKS: Final = 10
"""Nobody was there at so many looks in a row: nobody comes any more who had begun to open a pipe that is hidden now."""
_LOOK_SECONDS: Final = 0.02

_NOT_FOR_ALSA: Final = frozenset(' :"\\')
"""ALSA_CONFIG_PATH names many files, with spaces or colons between them; the others mean something in them."""
_MICROPHONE: Final = "microphone.fifo"
_SPEAKER: Final = "speaker.fifo"
_CONFIGURATION: Final = """\
pcm.microphone {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{microphone}" format raw }}
pcm.wide {{ type file slave.pcm {{ type null }} file "{speaker}" format raw truncate true }}
pcm.speaker {{ type route slave {{ pcm "wide" channels {width} }} {ttable} }}
pcm.default {{ type asym capture.pcm "microphone" playback.pcm "speaker" }}
ctl.default {{ type hw card 0 }}
"""
_UNPLUGGED: Final = "pcm.default { type hw card 99 }\nctl.default { type hw card 99 }\n"


class AlsaPipes:
    """The card: `say` speaks into its microphone, and `recording` becomes the WAV of what its speaker plays.

    Serves one capture and one playback stream at a time. The pacer runs in a thread of this process, because an event
    loop's jitter would be the card's. See WavRecorder for what becomes of silence in the recording.
    """

    def __init__(self, directory: Path, recording: Path, card: CardFormat = TOYS_OWN) -> None:
        """`directory` takes the pipes and the ALSA configuration; it must exist and allow FIFOs.

        `card` is the format it is to be opened in: at 16 or 48 kHz, in one or two channels.
        """
        self._directory = directory.absolute()
        self._card = card
        self._heard_bytes = card.frame_samples * card.channels * SAMPLE_BYTES
        self._wide_bytes = card.frame_samples * WIDTH * SAMPLE_BYTES
        self._recorder = WavRecorder(recording)
        self._waiting: deque[bytes] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said: asyncio.Event | None = None
        self._left = 0  # bytes in the microphone's pipe after the last beat, when nobody has read of it since
        self._unread = HEARD_LATE  # beats since somebody has
        self._partial = b""

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of the process that opens PortAudio must hold, before it starts."""
        return {"ALSA_CONFIG_PATH": str(self._directory / "asound.conf")}

    def start(self) -> None:
        """Make the pipes and begin to pace them. Raises AudioDeviceError when the folder does not allow it."""
        if set(str(self._directory)) & _NOT_FOR_ALSA:
            # PortAudio would find no configuration, and abort the whole process.
            raise AudioDeviceError(
                f"no sound pipes can be made in {self._directory}: ALSA takes a space, a colon, a quote or a backslash "
                "in a path for something else; name another folder, in TMPDIR where nothing else says which"
            )
        made, shown = self._directory / "card.new", self._directory / "card"
        try:
            for folder in (made, shown):
                shutil.rmtree(folder, ignore_errors=True)
            made.mkdir()
            self._hold(made)
            self._recorder.open()
            made.rename(shown)
            ttable = " ".join(f"ttable.{channel}.{channel} 1" for channel in range(self._card.channels))
            # Last: before that, whoever looks finds no card.
            self._configure(
                _CONFIGURATION.format(
                    microphone=shown / _MICROPHONE, speaker=shown / _SPEAKER, width=WIDTH, ttable=ttable
                )
            )
        except OSError as caught:
            raise AudioDeviceError(
                f"no sound pipes can be made in {self._directory}: {caught.strerror or caught}"
            ) from caught
        self._hear, self._play = to_card(self._card), from_card(self._card)
        self._partial = b""
        self._left, self._unread = 0, HEARD_LATE
        self._stopping.clear()
        self._thread = threading.Thread(target=self._pace, name="alsa-pipes", daemon=True)
        self._thread.start()

    def _hold(self, folder: Path) -> None:
        """Make both pipes, and be at one end of each."""
        for name in (_MICROPHONE, _SPEAKER):
            os.mkfifo(folder / name, 0o600)
        # The microphone's also for reading, to throw away what nobody hears; the speaker's not for writing, to learn
        # whether anybody plays.
        self._microphone = os.open(folder / _MICROPHONE, os.O_RDWR | os.O_NONBLOCK)
        self._speaker = os.open(folder / _SPEAKER, os.O_RDONLY | os.O_NONBLOCK)
        # A page holds whole frames alone.
        pages = -(-HEARD_LATE // (_PAGE_BYTES // self._heard_bytes))
        fcntl.fcntl(self._microphone, fcntl.F_SETPIPE_SZ, pages * _PAGE_BYTES)
        # The smallest that holds a wide frame: what is written ahead is less than two frames.
        fcntl.fcntl(self._speaker, fcntl.F_SETPIPE_SZ, self._wide_bytes)

    def _configure(self, text: str) -> None:
        """Give ALSA another configuration, whole at once.

        ALSA reads it anew only when its inode or its time, in whole seconds, is another: so the time is made to be.
        """
        new = self._directory / "asound.conf.new"
        new.write_text(text)
        another = time.time_ns() // 1000 % 2**31
        os.utime(new, (another, another))
        new.replace(self._directory / "asound.conf")

    def stop(self) -> None:
        """Unplug the card and complete the recording. Harmless when called again.

        From now on it cannot be opened. Who plays or hears gets silence as fast as he can take it, and so notices; a
        pipe that was simply closed could meet an assertion of ALSA (pcm_plugin.c, snd_pcm_plugin_status) that aborts
        the process, and one that nobody empties would hang a thread that holds ALSA's lock.
        """
        if self._thread is None:
            return
        gone = self._directory / f"card.{time.monotonic_ns()}"
        with contextlib.suppress(OSError):  # the folder itself is gone
            self._configure(_UNPLUGGED)
            (self._directory / "card").rename(gone)
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)
        self._thread = None
        self._wake()
        os.close(self._microphone)
        threading.Thread(target=_see_off, args=(gone, self._speaker), name="alsa-pipes-gone", daemon=True).start()
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
            if self._stopping.wait(max(CATCH_UP_SECONDS, beat - now)):
                return
            self._speak()
            self._listen()

    def _speak(self) -> None:
        """Put the next frame into the microphone's pipe."""
        waiting = bytes_in(self._microphone)
        self._unread = 0 if waiting < self._left else self._unread + 1
        if self._unread >= HEARD_LATE:
            waiting = self._discard(waiting)
        try:
            frame = self._waiting.popleft()
        except IndexError:
            frame = None
        else:
            if not self._waiting:
                self._wake()
        data = self._hear(frame)
        try:
            os.write(self._microphone, data)
        except BlockingIOError:
            waiting = self._discard(waiting)
            with contextlib.suppress(BlockingIOError):
                os.write(self._microphone, data)
        self._left = waiting + len(data)

    def _wake(self) -> None:
        if self._loop is not None and self._said is not None:
            with contextlib.suppress(RuntimeError):  # the loop that waited has been closed
                self._loop.call_soon_threadsafe(self._said.set)

    def _discard(self, waiting: int) -> int:
        """Throw away what waits in the microphone's pipe; gives what is left, which is nothing."""
        with contextlib.suppress(BlockingIOError):  # somebody was quicker
            os.read(self._microphone, waiting)
        return 0

    def _listen(self) -> None:
        """Take the next frame out of the speaker's pipe."""
        try:
            data = os.read(self._speaker, self._wide_bytes - len(self._partial))
        except BlockingIOError:
            return
        # Nothing at all means that nobody has the pipe open; a frame cut short by the end of its process is no frame.
        self._partial = self._partial + data if data else b""
        if len(self._partial) == self._wide_bytes:
            wide, self._partial = array.array("h", self._partial), b""
            played = array.array("h", bytes(self._heard_bytes))
            for channel in range(self._card.channels):
                played[channel :: self._card.channels] = wide[channel::WIDTH]
            with contextlib.suppress(OSError):  # a full disk must not stop the card
                self._recorder.add(self._play(played.tobytes()))


def _see_off(folder: Path, speaker: int) -> None:
    """Keep those going who still use the pipes in a folder that is hidden, until nobody does; then remove them."""
    readable = select.poll()
    readable.register(speaker, select.POLLIN)
    quiet = 0
    while quiet < _GONE_LOOKS:
        readable.poll(_LOOK_SECONDS * 1e3)
        playing, hearing = is_played(speaker), is_heard(folder / _MICROPHONE)
        quiet = 0 if playing or hearing else quiet + 1
        if not playing:  # or else poll returns at once: the pipe is at its end
            time.sleep(_LOOK_SECONDS)
    os.close(speaker)
    shutil.rmtree(folder, ignore_errors=True)


def is_heard(microphone: Path) -> bool:
    """Whether somebody reads this pipe, or waits to: then he need not wait any longer."""
    try:
        os.close(os.open(microphone, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # ENXIO: nobody; or the pipe itself is gone
        return False
    return True


def is_played(speaker: int) -> bool:
    """Whether a process has this pipe open for writing. Takes what is in it."""
    try:
        os.read(speaker, _LARGEST_PIPE_BYTES)
        return bool(os.read(speaker, 1))
    except BlockingIOError:
        return True


def bytes_in(pipe: int) -> int:
    """Bytes that wait in a pipe to be read."""
    count: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    return count
