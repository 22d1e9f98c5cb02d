"""Is somebody speaking? WebRTC's detector frame by frame, and the gate that makes facts of its guesses."""

from __future__ import annotations

import array
import functools
from collections import deque
from operator import sub
from typing import Any, Final, Literal

from pommai.protocol.audio import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, frames_in

AGGRESSIVENESS: Final = 2
"""0..3, how readily WebRTC's detector says no. At 3 it misses speech 30 dB below full scale; at 1 a click fools it."""
FLOOR_SECONDS: Final = 1.5
"""The quietest frame of this long is the room's noise. Speech has pauses within it; hum and hiss have none."""
ABOVE_FLOOR: Final = 4.0
"""Power of speech over that of the room, at least: 6 dB."""
PEAK_SECONDS: Final = 0.3
BELOW_PEAK: Final = 1 / 316
"""Power of speech relative to the loudest frame of PEAK_SECONDS, at least: -25 dB. So a thump does not ring on."""
LEAST_POWER: Final = 12.0**2
"""Below an RMS of 12 (-69 dBFS, in the band of speech) there is nothing to understand."""

STARTED_WINDOW: Final = frames_in(0.2)
STARTED_FRAMES: Final = 6
"""Speech has started when so many frames among the last STARTED_WINDOW (10) are speech: 120 ms, more than any click."""
ENDED_SECONDS: Final = 0.8
"""Speech has ended after so much silence: longer than the pauses inside a sentence."""


class WebRtcVoiceActivity:
    """WebRTC's voice activity detector, and a look at the level for what fools it.

    Alone the detector takes loud hum, hiss from -20 dBFS on and the thump of a button for speech. So a frame must also
    be louder than the room, and not much quieter than what was just heard. It has memory: one for each stream.
    """

    def __init__(self, aggressiveness: int = AGGRESSIVENESS) -> None:
        """`aggressiveness` is 0..3; ValueError otherwise."""
        import webrtcvad

        self._detector: Any = webrtcvad.Vad(aggressiveness)
        self._room: deque[int] = deque(maxlen=frames_in(FLOOR_SECONDS))
        self._recent: deque[int] = deque(maxlen=frames_in(PEAK_SECONDS))

    def is_speech(self, frame: bytes) -> bool:
        """Whether the next frame of the stream is speech. Raises ValueError when it is not FRAME_BYTES long."""
        _check(frame)
        power = _power(frame)
        self._room.append(power)
        self._recent.append(power)
        least = max(LEAST_POWER, min(self._room) * ABOVE_FLOOR, max(self._recent) * BELOW_PEAK)
        return power > least and bool(self._detector.is_speech(frame, SAMPLE_RATE))


class SimulatedVoiceActivity:
    """Takes every frame for speech that has a sample of at least `amplitude` (1..32768)."""

    def __init__(self, amplitude: int = 1000) -> None:
        self._amplitude = amplitude

    def is_speech(self, frame: bytes) -> bool:
        """Whether the frame is loud enough. Raises ValueError when it is not FRAME_BYTES long."""
        _check(frame)
        return _peak(frame) >= self._amplitude


class SpeechGate:
    """Turns guesses about frames into two facts: speech has started, and it has ended `ended_seconds` ago.

    `heard` says whether speech has started at least once.
    """

    def __init__(self, ended_seconds: float = ENDED_SECONDS) -> None:
        self.heard = False
        self._ended_frames = frames_in(ended_seconds)
        self._speaking = False
        self._window: deque[bool] = deque(maxlen=STARTED_WINDOW)
        self._silent = 0
        self._last = False

    def hear(self, is_speech: bool) -> Literal["started", "ended"] | None:
        """Take the next frame's guess; say what has become a fact with it."""
        self._window.append(is_speech)
        # One lonely frame in a silence is a click; two in a row are speech going on.
        self._silent = 0 if is_speech and self._last else self._silent + 1
        self._last = is_speech
        if not self._speaking and sum(self._window) >= STARTED_FRAMES:
            self._speaking = self.heard = True
            self._silent = 0
            return "started"
        if self._speaking and self._silent >= self._ended_frames:
            self._speaking = False
            self._window.clear()
            return "ended"
        return None


@functools.lru_cache(maxsize=256)
def _peak(frame: bytes) -> int:
    """The largest sample, 0..32768. A simulated world says the same few frames over and over."""
    samples = array.array("h", frame)
    return max(max(samples), -min(samples))


def _power(frame: bytes) -> int:
    """Power in the band of speech: the frame at 4 kHz, its lows weakened (50 Hz by 22 dB) by taking differences."""
    samples = array.array("h", frame)
    quarter = list(map(sum, zip(samples[::4], samples[1::4], samples[2::4], samples[3::4], strict=True)))
    energy: int = sum(difference * difference for difference in map(sub, quarter[1:], quarter))
    return energy // (4 * FRAME_SAMPLES)


def _check(frame: bytes) -> None:
    if len(frame) != FRAME_BYTES:
        raise ValueError(f"a frame is {FRAME_BYTES} bytes, not {len(frame)}")
