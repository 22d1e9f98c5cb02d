"""The ports: what the toy asks of a device, whichever device it is.

All methods are called on the event loop's thread and return at once unless they are `async`. A device
whose driver calls back on another thread hands over with `loop.call_soon_threadsafe` itself.
Audio is in frames of `FRAME_BYTES` (20 ms, 16 kHz, mono, s16le; see `pommai.protocol.audio`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from pommai.events import Event
from pommai.io.ports_cloud import Cloud as Cloud
from pommai.io.ports_cloud import Courier as Courier
from pommai.protocol.messages import Conversation, DownAudio, Message, SyncAck, SyncBatch, ToyProfile, VoiceSettings

Emit = Callable[[Event], None]
"""Takes an event to the toy's queue. Called on the event loop's thread; returns at once."""

Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255, as the LED gets it (after gamma)."""


class Button(Protocol):
    """Emits button.pressed, button.released, button.held and button.triple_pressed."""

    def start(self, emit: Emit) -> None:
        """Begin to watch; a button that is down counts as pressed now. Raises DeviceError when there is none."""

    @property
    def first_press(self) -> float | None:
        """Seconds that the button was down from `start` on, or has been until now; None: it was up, or is not known."""

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

    def attend(self, within: float) -> None:
        """Say how late frames may come, in seconds; at first nobody waits for any.

        At 0.0 each is delivered as it comes, and what was held back is delivered before this returns. Otherwise several
        may come at a time: an idle toy sleeps longer.
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

    def flush(self, instead: Sequence[bytes] = ()) -> bool:
        """Drop all that is queued: `instead`, or silence, from the next callback on (within 20 ms).

        No callback finds anything between the two. False, and nothing of `instead` is taken, when it is not open.
        """

    async def close(self) -> None:
        """Stop. Harmless when called again; may be opened anew."""


class FrameStream(Protocol):
    """Frames for one listener: `async for frame in stream`. Ends after `close`, when all captured is taken."""

    def __aiter__(self) -> FrameStream: ...

    async def __anext__(self) -> bytes: ...

    def drain(self) -> list[bytes]:
        """All frames captured and not yet taken, at once."""

    def ignore(self, ignored: bool) -> None:
        """Say that no frame is wanted from now on, or that frames are wanted again, as at first."""

    def close(self) -> None:
        """No frame is added from now on. Harmless when called again."""


class Hearing(Protocol):
    """One microphone for many listeners, kept open while `run` runs."""

    async def run(self, on_lost: Callable[[str], None], on_back: Callable[[], None]) -> None:
        """Keep the microphone open until cancelled; opened anew when it was lost."""

    def subscribe(self, *, preroll: bool, patient: bool = False) -> FrameStream:
        """Listen from now on; with `preroll`, from 300 ms ago. The caller closes it.

        A `patient` listener may get its frames up to 100 ms late, several at a time: the toy sleeps longer between
        them. What the toy itself says is heard by nobody: see `deafen`.
        """

    def deafen(self, deaf: bool) -> None:
        """Say that the toy makes a sound of its own from now on, or that it has faded: meanwhile nothing is heard.

        What was captured before is delivered first, whoever it was held back from.
        """


class Voice(Protocol):
    """The speaker, kept open while `run` runs; plays one thing at a time."""

    volume: float
    """Loudness as a factor, 0.0..1.0, never above `ceiling`."""
    ceiling: float
    """The loudest this toy may be: what is safe for a child's ears."""

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


class ToyFiles(Protocol):
    """The files of the toy that a server may name. A bare name is all it can give; it never leads out of a folder."""

    def wake_engine(self, model: str) -> str:
        """The engine that listens with this model: microwakeword or openwakeword. Raises ModelError: no such model."""

    def sound(self, file: str) -> str:
        """The bare name of the sound in this file. Raises SoundError: there is none, or it cannot be played."""


# -- understanding and speaking without a server -------------------------------------------


class Word(NamedTuple):
    """A word that was recognised, and how sure the engine is of it, 0.0..1.0."""

    text: str
    confidence: float


class Transcript(Struct, frozen=True):
    """What was said. `text` is lower case, words apart by one space; empty when nothing was understood."""

    text: str
    words: tuple[Word, ...] = ()

    @property
    def confidence(self) -> float:
        """The mean over its words; 0.0 when there are none."""
        return sum(word.confidence for word in self.words) / len(self.words) if self.words else 0.0


class Recogniser(Protocol):
    """Speech to text, on board. Heavy: loaded when first asked, let go after a while."""

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        """The words in a recording. Raises RecognitionError when there is no model or it cannot be loaded.

        May be cancelled; the work under way then ends in the background, and its result is dropped.
        """

    async def close(self) -> None:
        """Let the model go. Harmless when called again."""


class Speech(Protocol):
    """Text to speech, on board."""

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        """Frames that say the text. Raises SpeechError when there is no voice. May be cancelled."""


# -- the wake word -------------------------------------------------------------------------


class WakeSpec(Struct, frozen=True):
    """What a toy wants to be called by."""

    engine: str = "none"
    """vosk, microwakeword, openwakeword or none."""
    phrases: tuple[str, ...] = ()
    """For vosk: the wake word, then its alternatives, tried in this order."""
    models: tuple[str, ...] = ()
    """For the other two: models built in by name, or files by bare name."""
    sensitivity: float = 0.5
    """0.0 hardly ever wakes, 1.0 wakes easily."""
    threshold: float | None = None
    """For the other two: the probability from which a model counts, 0.0..1.0, whatever the sensitivity. None: that of
    the sensitivity."""


class WakeHit(NamedTuple):
    """The toy was called. `score` 0.0..1.0 is the engine's own."""

    phrase: str
    score: float


class WakeEngine(Protocol):
    """Listens for wake words. Made, called and closed on one worker thread, never on the event loop's."""

    def hear(self, pcm: bytes) -> WakeHit | None:
        """Take the next whole frames of the stream; a hit when a wake word has ended in them."""

    def reset(self) -> None:
        """Forget what was heard so far: the stream has a gap."""

    def close(self) -> None:
        """Let the model go. Harmless when called again."""


class WakeWord(Protocol):
    """One wake engine at a time, changed while the toy rests."""

    def want(self, spec: WakeSpec) -> None:
        """Be called by this from the next `listen` on (or from now, during one). Returns at once.

        The engine before keeps listening until the new one works, and goes on when it does not.
        """

    async def listen(self, stream: FrameStream, on_hit: Callable[[WakeHit], None]) -> None:
        """Listen until cancelled or the stream ends; `on_hit` on the event loop's thread, for each hit."""

    async def close(self) -> None:
        """Let the engine go. Harmless when called again."""


# -- memory --------------------------------------------------------------------------------


class Stamp(NamedTuple):
    """The time of day, for people: UTC, ISO 8601 with milliseconds. Nothing is ordered by it."""

    text: str
    trusted: bool
    """Whether the clock has been set by somebody who knows; false after a power-up without network."""


class Clock(Protocol):
    """The time of day. The toy has no clock that survives power-off."""

    def now(self) -> Stamp: ...

    def hint(self, server_time: str | None) -> bool:
        """A server says what time it is; whether this clock agrees, and is trusted for it. It is never set by it."""


SAFETY: Literal["safety_events"] = "safety_events"
CONVERSATIONS: Literal["conversations"] = "conversations"
METRICS: Literal["metrics"] = "metrics"
LOGS: Literal["logs"] = "logs"
Kind = Literal["safety_events", "conversations", "metrics", "logs"]
"""What is kept and synced; the names of SyncBatch's lists. Safety events go out first."""


class Memory(Protocol):
    """What the toy remembers, across power-offs.

    Keeping returns at once and never raises: it is written in order by the memory's own task, most within a few
    milliseconds. A disk that is full, read-only or broken is logged, and the toy goes on without what it cannot keep.
    """

    def keep_conversation(self, conversation: Conversation) -> None:
        """Remember an exchange and queue it for the server. Its `id` is unique."""

    def keep_safety_event(self, event: Mapping[str, object]) -> None:
        """Remember an incident and queue it, ahead of all else. It has at least `id`, `reason`, `timestamp`."""

    def keep_metric(self, name: str, value: float) -> None:
        """Remember a figure, and queue it."""

    def keep_log(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        """Queue a line of the toy's log for whoever looks after it: numbers and states, nothing that was said."""

    def keep_toy(self, profile: ToyProfile) -> None:
        """Remember a toy's configuration."""

    async def toy(self, toy_id: str) -> ToyProfile | None:
        """The configuration last kept of a toy."""

    async def toys(self) -> tuple[str, ...]:
        """Ids of all toys kept, in the order they were first seen."""

    def keep_fact(self, name: str, value: str | None) -> None:
        """Remember a small thing across restarts, such as that the toy is in safe mode; None forgets it."""

    def fact(self, name: str) -> str | None:
        """The value last kept. Never waits for a disk."""

    def popular(self) -> Mapping[str, str]:
        """Questions that are often asked, and the answer last given: at most 20. Never waits for a disk."""

    def retain(self, days: Mapping[str, int]) -> None:
        """Keep conversations, safety_events and metrics so many days from now on; what is older goes."""

    @property
    def unsent(self) -> int:
        """Items that wait to be taken by the server."""

    async def batch(self, *, safety: bool) -> SyncBatch | None:
        """What to send next: at most 50 items, safety events alone or all but them; the most urgent first, then the
        oldest. None when nothing waits. The same items again until they are settled.
        """

    async def settle(self, ack: SyncAck) -> None:
        """Take what the server has off the queue; put aside what it refuses, with its reason."""

    async def changed(self, *, safety: bool) -> None:
        """Wait until something new waits for the server, in one of the two lanes. One waiter at a time for each."""


class LinkListener(Protocol):
    """Who wants to hear of the link. All calls on the event loop's thread."""

    def on_connecting(self) -> None: ...

    def on_up(self, session: str, server_time: str | None = None) -> None:
        """The handshake was answered; `server_time` is the server's word on the time of day, ISO 8601."""

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
