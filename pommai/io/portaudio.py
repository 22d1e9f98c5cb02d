"""Microphone and speaker of a sound card, through PortAudio in callback mode."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from pommai.io.card_format import CardFormat, from_card, to_card
from pommai.io.foreign_thread import settle
from pommai.io.portaudio_host import HOST, Direction, HostStream, StreamCallback
from pommai.io.speaker import CAPACITY, RingSpeaker
from pommai.protocol.audio import FRAME_SECONDS, frames_in

logger = logging.getLogger(__name__)

_CONTINUE: Final = 0
_ABORT: Final = 2
"""paContinue and paAbort, written out because PyAudio is imported only when a stream is opened."""

HAND_OVER_FRAMES: Final = frames_in(1.0)
"""Captured frames that wait for a busy event loop before the oldest is dropped."""
MOST_HELD_FRAMES: Final = HAND_OVER_FRAMES // 2
"""Captured frames held back for the sake of an idle toy, at most: waking the event loop costs as much as capturing."""
WATCH_SECONDS: Final = 0.5
"""How often a stream is looked at."""
STILL_LOOKS: Final = 2
"""A stream that has not moved at so many looks in a row (1 s) has lost its card. Looks are counted, not seconds:
after a stall of this very process a look comes before the callbacks that were held up with it."""
FLOOD_FRAMES: Final = frames_in(30.0)
"""A stream that has run so far ahead of time is no card: a pipe without an end, a driver gone wild."""
FASTEST: Final = 1.5
"""Running ahead is what is faster than this: no crystal is. A busy machine slows a wild stream down, so that it may not
get far from one look to the next; and a card makes up for what its buffers held while this process stood still."""

XRUN_SECONDS: Final = 60.0
"""How often over- and underruns of the card's buffer are told in the log, when there were any."""

Process = Callable[[bytes | None], bytes | None]
"""Called on PortAudio's thread with 20 ms that the card has captured; gives 20 ms for it to play."""


class _Stream:
    """A stream with a watch on it. `make_process` makes, for the format the card has, what is called every 20 ms."""

    def __init__(self, direction: Direction, name: str | None) -> None:
        self.xruns = 0
        """Callbacks for which PortAudio reported an over- or underrun of the card's buffer."""
        self._direction: Direction = direction
        self._name = name
        self._stream: HostStream | None = None
        self._running = False
        self._lost: Callable[[str], None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._turns = 0
        self._turns_seen = 0
        self._still = 0
        self._ahead = 0.0  # frames beyond what FASTEST allows
        self._looked_at = 0.0
        self._xruns_told = 0
        self._xruns_told_at = 0.0

    @property
    def card(self) -> CardFormat | None:
        return None if self._stream is None else self._stream.card

    async def open(self, make_process: Callable[[CardFormat], Process], lost: Callable[[str], None]) -> None:
        if self._stream is not None:
            raise RuntimeError(f"the {self._direction} is open already")
        self._running = True
        self._turns = self._turns_seen = self._still = 0
        self._ahead = 0.0
        self._stream = await HOST.open_stream(
            self._direction, self._name, lambda card: self._make_callback(make_process(card))
        )
        self._lost = lost
        loop = asyncio.get_running_loop()
        self._looked_at = loop.time()
        self._watch = loop.call_later(WATCH_SECONDS, self._look, loop)

    async def close(self) -> None:
        self._running = False
        self._lost = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        stream, self._stream = self._stream, None
        if stream is not None:
            await HOST.close_stream(stream)

    def _make_callback(self, process: Process) -> StreamCallback:
        settled = False

        def callback(data: bytes | None, _frames: int, _times: Any, status: int) -> tuple[bytes | None, int]:
            """Called by PortAudio on its own thread; must not raise, wait, or do more than it has to."""
            nonlocal settled
            if not settled:
                settled = True
                settle()
            self._turns += 1
            if status:
                self.xruns += 1
            if not self._running or self._turns - self._turns_seen > FLOOD_FRAMES:
                return None, _ABORT
            try:
                return process(data), _CONTINUE
            except RuntimeError:  # the event loop has been closed
                return None, _ABORT

        return callback

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        moved = self._turns - self._turns_seen
        self._turns_seen += moved
        assert self._stream is not None
        self._still = 0 if moved or self._stream.is_changing else self._still + 1
        now, before = loop.time(), self._looked_at
        self._ahead = max(0.0, self._ahead + moved - FASTEST * (now - before) / FRAME_SECONDS)
        self._looked_at = now
        self._tell_xruns(now)
        if self._ahead > FLOOD_FRAMES or moved > FLOOD_FRAMES:
            self._tell(f"the {self._direction} runs far too fast; its card must be gone")
        elif not self._stream.is_active():
            self._tell(f"the {self._direction} has stopped; its card must be gone")
        elif self._still >= STILL_LOOKS:
            self._tell(f"the {self._direction} has not moved for a second; its card must be gone")
        else:
            self._watch = loop.call_later(WATCH_SECONDS, self._look, loop)

    def _tell_xruns(self, now: float) -> None:
        """PortAudio has the card go on by itself after one; a few are nothing, many mean that the toy is too busy."""
        if self.xruns > self._xruns_told and (not self._xruns_told or now - self._xruns_told_at >= XRUN_SECONDS):
            more = self.xruns - self._xruns_told
            logger.warning("sound was lost in the card", extra={"device": self._direction, "times": more})
            self._xruns_told, self._xruns_told_at = self.xruns, now

    def _tell(self, reason: str) -> None:
        self._running = False
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(reason)


class PortAudioMicrophone:
    """The microphone whose name contains `name`, capitals or not; the system's default one when it is None."""

    def __init__(self, name: str | None = None) -> None:
        self.dropped = 0
        """Frames lost because the event loop was busy for longer than HAND_OVER_FRAMES."""
        self._stream = _Stream("microphone", name)
        self._frames: deque[bytes] = deque(maxlen=HAND_OVER_FRAMES)
        self._handing_over = False
        self._batch = MOST_HELD_FRAMES
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deliver: Callable[[bytes], None] | None = None

    @property
    def card(self) -> CardFormat | None:
        """What the card was opened in; None while it is not open."""
        return self._stream.card

    @property
    def xruns(self) -> int:
        """Times the card's own buffer ran over."""
        return self._stream.xruns

    @property
    def gaps(self) -> int:
        """Times sound was lost, in the card or on the way from it."""
        return self.xruns + self.dropped

    async def open(self, deliver: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to capture, frames in order; `lost` is called at most once, after which only `close` makes sense.

        Raises AudioDeviceError with the devices there are when there is no such one, DeviceError when it is busy or
        does not answer in OPEN_SECONDS.
        """
        self._loop = asyncio.get_running_loop()
        self._frames.clear()
        self._handing_over = False
        self._deliver = deliver
        await self._stream.open(self._make_capturing, lost)

    async def close(self) -> None:
        """Stop capturing. No frame is delivered afterwards. Harmless when called again; may be opened anew."""
        self._deliver = None
        await self._stream.close()

    def attend(self, within: float) -> None:
        """Say how many seconds late frames may come: so many are delivered at a time. What was held back comes now."""
        self._batch = max(1, min(frames_in(within), MOST_HELD_FRAMES))
        self._hand_over()

    def _make_capturing(self, card: CardFormat) -> Process:
        convert = from_card(card)

        def capture(data: bytes | None) -> None:
            assert data is not None
            self._captured(convert(data))

        return capture

    def _captured(self, frame: bytes) -> None:
        """On PortAudio's thread."""
        assert self._loop is not None
        if len(self._frames) == HAND_OVER_FRAMES:
            self.dropped += 1
        self._frames.append(frame)
        if len(self._frames) >= self._batch and not self._handing_over:
            self._handing_over = True
            self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._handing_over = False  # before taking: a frame that comes from now on asks anew
        while self._frames and self._deliver is not None:
            self._deliver(self._frames.popleft())


class PortAudioSpeaker(RingSpeaker):
    """The speaker whose name contains `name`, capitals or not; the system's default one when it is None.

    The stream runs all the time and plays silence in between, so that no first syllable is lost to a card waking up.
    """

    def __init__(self, name: str | None = None, capacity: int = CAPACITY) -> None:
        super().__init__(capacity)
        self._stream = _Stream("speaker", name)

    @property
    def card(self) -> CardFormat | None:
        """What the card was opened in; None while it is not open."""
        return self._stream.card

    @property
    def xruns(self) -> int:
        """Times the card's own buffer ran empty."""
        return self._stream.xruns

    @property
    def gaps(self) -> int:
        """Times a sound broke off and went on, in the card or on the way to it."""
        return self.xruns + self.underruns

    async def open(self, lost: Callable[[str], None]) -> None:
        """Begin to play; `lost` is called at most once, after which only `close` makes sense.

        Raises AudioDeviceError with the devices there are when there is no such one, DeviceError when it is busy or
        does not answer in OPEN_SECONDS.
        """

        def gone(reason: str) -> None:
            self._stop()
            lost(reason)

        await self._stream.open(self._make_playing, gone)
        self._start()

    async def close(self) -> None:
        """Stop; what is still queued is dropped. Harmless when called again; may be opened anew."""
        self._stop()
        await self._stream.close()

    def _make_playing(self, card: CardFormat) -> Process:
        convert = to_card(card)
        return lambda _captured: convert(self._take())
