"""The ports: what the toy asks of a device, whichever device it is.

All methods are called on the event loop's thread and return at once unless they are `async`. A device
whose driver calls back on another thread hands over with `loop.call_soon_threadsafe` itself.
Audio is in frames of `FRAME_BYTES` (20 ms, 16 kHz, mono, s16le; see `pommai.protocol.audio`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal, Protocol

from pommai.events import Event
from pommai.protocol.messages import DownAudio, Message

Emit = Callable[[Event], None]
"""Takes an event to the toy's queue. Called on the event loop's thread; returns at once."""

Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255, as the LED gets it (after gamma)."""


class Button(Protocol):
    """Emits button.pressed, button.released, button.held and button.triple_pressed."""

    def start(self, emit: Emit) -> None:
        """Begin to watch. Raises DeviceError when there is no such button."""

    def close(self) -> None:
        """Stop, release the device. Harmless when called again."""


class Lights(Protocol):
    """One or several RGB LEDs."""

    @property
    def count(self) -> int:
        """How many LEDs there are."""

    def start(self) -> None:
        """Open the device, all LEDs dark. Raises DeviceError when it is not there."""

    def show(self, colours: Sequence[Colour]) -> None:
        """Show one colour per LED. Raises DeviceError when the device is gone."""

    def close(self) -> None:
        """All LEDs dark, device released. Harmless when called again."""


class Microphone(Protocol):
    """Captures sound."""

    async def open(self, deliver: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to capture: `deliver` gets every frame in order, `lost` a sentence when capture ends by itself.

        Raises DeviceError (AudioDeviceError with the listing when there is no such device).
        """

    async def close(self) -> None:
        """Stop capturing. No frame is delivered afterwards. Harmless when called again; may be opened anew."""

    def attend(self, listening: bool) -> None:
        """Say whether anybody listens; at first nobody does.

        While somebody does, each frame is delivered as it comes, and what was held back is delivered before this
        returns. Otherwise frames may come up to 100 ms late, several at a time: an idle toy sleeps longer.
        """


class Speaker(Protocol):
    """Plays sound. Plays silence when it has nothing to play."""

    async def open(self, lost: Callable[[str], None]) -> None:
        """Begin to play; `lost` gets a sentence when the device goes. Raises DeviceError."""

    def write(self, frame: bytes) -> bool:
        """Queue one frame; false (and nothing queued) when the ring is full or the speaker is not open."""

    @property
    def queued(self) -> int:
        """Frames waiting in the ring."""

    @property
    def capacity(self) -> int:
        """Frames the ring holds."""

    async def drained(self) -> None:
        """Wait until everything queued has been handed to the device, or the speaker is closed."""

    def flush(self) -> None:
        """Drop all that is queued: silence from the next callback on (within 20 ms)."""

    async def close(self) -> None:
        """Stop. Harmless when called again; may be opened anew."""


class FrameStream(Protocol):
    """Frames for one listener: `async for frame in stream`. Ends after `close`, when all captured is taken."""

    def __aiter__(self) -> FrameStream: ...

    async def __anext__(self) -> bytes: ...

    def drain(self) -> list[bytes]:
        """All frames captured and not yet taken, at once."""

    def close(self) -> None:
        """No frame is added from now on. Harmless when called again."""


class Hearing(Protocol):
    """One microphone for many listeners, kept open while `run` runs."""

    async def run(self, on_lost: Callable[[str], None], on_back: Callable[[], None]) -> None:
        """Keep the microphone open until cancelled; opened anew when it was lost."""

    def subscribe(self, *, preroll: bool) -> FrameStream:
        """Listen from now on; with `preroll`, from 300 ms ago. The caller closes it."""


class Voice(Protocol):
    """The speaker, kept open while `run` runs; plays one thing at a time."""

    async def run(self, on_lost: Callable[[str], None], on_back: Callable[[], None]) -> None:
        """Keep the speaker open until cancelled; opened anew when it was lost."""

    def play(self, frames: Sequence[bytes]) -> None:
        """Play a short sound, instead of whatever is playing."""

    async def stream(self, frames: AsyncIterator[bytes]) -> None:
        """Play frames as they come, instead of whatever is playing; returns when the last has been played.

        Returns early when something else is played instead. Cancelled: silence at once. Raises DeviceError.
        """

    def stop(self) -> None:
        """Silence at once."""


class Encoder(Protocol):
    """Frames to Opus packets. One encoder serves one turn: it has memory."""

    def encode(self, frame: bytes) -> bytes:
        """One packet for one frame. Raises CodecError when the frame has another length."""

    def set_bitrate(self, bits_per_second: int) -> None:
        """Change the target, from the next frame on."""


class Decoder(Protocol):
    """Opus packets to frames. One decoder serves one reply: it has memory."""

    def decode(self, packet: bytes) -> bytes:
        """The packet's frame. Raises CodecError when it is no Opus packet of one frame."""

    def conceal(self, next_packet: bytes | None = None) -> bytes:
        """A frame in place of a lost one: from the next packet's redundancy when that is at hand."""


class Codec(Protocol):
    """Makes encoders and decoders."""

    def encoder(self) -> Encoder: ...

    def decoder(self) -> Decoder: ...


class VoiceActivity(Protocol):
    """Tells speech from other sound, frame by frame."""

    def is_speech(self, frame: bytes) -> bool: ...


class SpeechGate(Protocol):
    """Turns the frame-by-frame guesses about one recording into facts."""

    def hear(self, is_speech: bool) -> Literal["started", "ended"] | None:
        """Take the guess about the next frame; say what has become a fact with it."""


class Sounds(Protocol):
    """The toy's own short sounds."""

    def names(self) -> frozenset[str]:
        """Sounds there are."""

    def frames(self, name: str) -> Sequence[bytes]:
        """The sound as frames. Raises SoundError."""


class LinkListener(Protocol):
    """Who wants to hear of the link. All calls on the event loop's thread."""

    def on_connecting(self) -> None: ...

    def on_up(self, session: str) -> None:
        """The handshake was answered."""

    def on_down(self, reason: str) -> None:
        """A connection that was up, or an attempt, has ended. `reason` is a sentence."""

    def on_message(self, message: Message) -> None:
        """A message other than audio and the handshake's."""

    def on_audio(self, audio: DownAudio) -> None:
        """A piece of an answer."""


class Link(Protocol):
    """The connection to the server. Reconnects without end."""

    toy_id: str
    """The toy to be at the next connect."""

    async def run(self, listener: LinkListener) -> None:
        """Connect, keep connected, until cancelled. Closes the connection on the way out."""

    def send(self, message: Message) -> bool:
        """Queue a message; false when the link is down or the message was refused (rate, size)."""

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        """Queue one Opus packet; false when the link is down or too many frames are in flight."""

    @property
    def is_up(self) -> bool: ...

    @property
    def backlog(self) -> int:
        """Audio frames queued and not yet given to the socket."""
