"""What actions, activities and guards can reach: the toy's ports, and what it knows right now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from pommai.actions.live import LiveConfiguration
from pommai.actions.recordings import Recordings
from pommai.errors import StoreError
from pommai.events import Event
from pommai.io.ports import (
    Clock,
    Cloud,
    Codec,
    Emit,
    Hearing,
    Link,
    Memory,
    Recogniser,
    Sounds,
    Speech,
    SpeechGate,
    Voice,
    VoiceActivity,
    WakeWord,
)
from pommai.protocol.audio import frames_in
from pommai.protocol.jitter import JitterBuffer
from pommai.protocol.messages import DownAudio, PiConfigReport, SyncAck, ToyProfile, VoiceSettings
from pommai.responses import Answerer, Listener

MAX_RECORDING = frames_in(120.0)
"""Frames one recording holds; more than any `listen_limit`."""
MAX_TURN = 2**32 - 1
"""Turn ids are u32 on the wire."""
_CAREFUL = {"strict": 3, "moderate": 2, "relaxed": 1}
"""`custom` is as its topics say, and whatever else is strict."""


class Recording:
    """The frames of one turn, from the first on, for anybody who follows."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed = False
        self._changed = asyncio.Event()

    def append(self, frame: bytes) -> None:
        """Add a frame; beyond MAX_RECORDING it is dropped."""
        if not self.closed and len(self.frames) < MAX_RECORDING:
            self.frames.append(frame)
            self._changed.set()

    def close(self) -> None:
        """No more frames. Harmless when called again."""
        self.closed = True
        self._changed.set()

    async def changed(self) -> None:
        """Wait for a frame or the end. One waiter at a time."""
        await self._changed.wait()
        self._changed.clear()


class Reply:
    """The answer to one turn as it arrives; or frames from on board, when the cloud is away."""

    def __init__(self) -> None:
        self.buffer = JitterBuffer()
        self.local: Sequence[bytes] | None = None
        """Frames from on board: the whole answer. None: it comes from the server."""
        self.frames = 0
        """Pieces that have come from the server."""
        self.bytes = 0
        """Bytes of Opus in them."""
        self._changed = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Something of it has come from the server."""
        return self.frames > 0

    def push(self, audio: DownAudio) -> None:
        """Take a piece of the answer."""
        self.frames += 1
        self.bytes += len(audio.packet)
        self.buffer.push(audio)
        self._changed.set()

    async def more(self, limit: float, enough: int) -> None:
        """Wait for a piece with which `enough` frames are held or all are here, at most `limit` seconds.

        One waiter at a time.
        """
        try:
            async with asyncio.timeout(limit):
                while True:
                    self._changed.clear()
                    await self._changed.wait()
                    if self.buffer.held >= enough or self.buffer.complete:
                        return
        except TimeoutError:
            return


class Turn(Struct):
    """One exchange: what the child says, and what the toy answers."""

    id: int = 0
    hands_free: bool = False
    """Begun by the wake word: no button will end it."""
    heard_speech: bool = False
    """The child has said something."""
    sent: bool = False
    """At least one frame has been given to the link."""
    over: bool = False
    """Aborted or answered: nothing is sent for it, nothing of it is played any more."""
    alone: bool = False
    """Answered from on board: what the server says of it comes too late."""
    blocked: str | None = None
    """What the server's answer touched that is not for this child: a category of blocked topics."""
    ended_at: float | None = None
    """Loop time at which the child had finished speaking."""
    user_text: str = ""
    """What the child said, as far as anybody has understood it."""
    reply_text: str = ""
    """What the toy answers, in words, as far as they are known."""
    recording: Recording = field(default_factory=Recording)
    packets: list[bytes] = field(default_factory=list)
    """The recording as Opus, as far as it may be stored in the cloud."""
    reply: Reply = field(default_factory=Reply)

    @property
    def is_with_server(self) -> bool:
        """The server has still a part in it: not over, and not being answered from on board."""
        return not self.over and not self.alone


class Sayings:
    """What the toy is about to say of its own accord: the newest alone, for it is the one that fits. What must be heard
    whatever else there is to say goes before it."""

    def __init__(self) -> None:
        self._newest: str | None = None
        self._first = ""
        self._changed = asyncio.Event()

    def put(self, words: str, *, first: bool = False) -> None:
        """Say this as soon as what is playing is over. `first`: whatever comes before it is begun is said after it."""
        if first:
            self._first, self._newest = f"{words} ", words
        else:
            self._newest = f"{self._first}{words}"
        self._changed.set()

    def drop(self) -> None:
        """Say nothing after all."""
        self._newest, self._first = None, ""

    def is_newest(self, words: str) -> bool:
        """Whether this is still what the toy is to say."""
        return words is self._newest

    async def get(self) -> str:
        """The newest words; waits for some. One waiter at a time."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._newest is not None:
                return self._newest


async def _cannot_forget() -> None:
    raise StoreError("this toy has nothing to forget with")


Mark = Callable[..., None]
Offload = Callable[..., Awaitable[Any]]


class Body(Struct):
    """One toy, as its actions know it. The runtime makes it, the ports stand behind it."""

    post: Emit
    """Takes an event to the toy's queue."""
    mark: Mark
    """Writes a line into the trace: `mark("first_sample", turn=3)`."""
    offload: Offload
    """Runs a function that takes its time off the event loop: `await offload(encode, frame)`."""
    hearing: Hearing
    voice: Voice
    link: Link
    codec: Codec
    sounds: Sounds
    voice_activity: Callable[[], VoiceActivity]
    """Makes a detector for one recording: it has memory."""
    speech_gate: Callable[[float], SpeechGate]
    """Makes a gate for one recording, of the seconds of silence that end speech."""
    wake: WakeWord
    recogniser: Recogniser
    speech: Speech
    answerer: Answerer
    """What there is to say without a server."""
    memory: Memory
    clock: Clock
    built_in: Mapping[str, ToyProfile]
    """The toys that came with this one, by id."""
    show_theme: Callable[[Mapping[str, str]], None]
    """Shows light patterns in place of others from now on."""
    live: LiveConfiguration
    """What the server has set on top of the profile."""
    toy_id: str
    cloud: Cloud | None = None
    """The cloud's functions. None: the server gets over the link what it is to keep."""
    offer_update: Callable[[Mapping[str, object]], None] = lambda args: None
    """Takes what the server says of an update; what comes of it, and when, is decided there, and never in a turn."""
    forget: Callable[[], Awaitable[None]] = _cannot_forget
    """Has everything forgotten, at the latest at the next start. Raises StoreError."""
    end: Callable[[], None] = lambda: None
    """Ends the toy, to be started again."""
    begin_again: Callable[[], None] = lambda: None
    """Does so, unless it has begun only a moment ago."""
    recordings: Recordings = field(default_factory=Recordings)
    turn: Turn = field(default_factory=lambda: Turn(over=True))
    event: Event = field(default_factory=lambda: Event("start"))
    """The event that is being handled: guards are asked about it, actions carried out because of it."""
    connections: int = 0
    """How often the server has been reached. What was sent on an earlier connection, the server may not have."""
    drops: int = 0
    """How often a connection to the server was lost."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the server is there."""
    unreachable: asyncio.Event = field(default_factory=asyncio.Event)
    """Set from a failure to reach the server until it is there."""
    acks: dict[str, asyncio.Future[SyncAck | None]] = field(default_factory=dict)
    """Batches on their way, by their ids, and who waits for the word that they have arrived."""
    profile: ToyProfile | None = None
    """The configuration in force."""
    offered: ToyProfile | None = None
    """A configuration that has come and is not in force yet."""
    acknowledgements: tuple[str, ...] = ()
    """Sounds, one of which answers the wake word; none: the wake earcon does."""
    offered_configuration: Mapping[str, object] | None = None
    """What the server has set last and was not looked at yet."""
    untold_configuration: PiConfigReport | None = None
    """What has come of it, while the server does not know."""
    wanted_toy: str | None = None
    """The toy to become at the next rest."""
    pause_seconds: float | None = None
    """How long safe mode lasts; None: until somebody lets the toy go on."""
    pause_noted: float | None = None
    """Loop time at which so much of it was left."""
    pause_words: str = ""
    """What to say in safe mode; empty: the toy's own words."""
    kept_safe: bool = False
    """The toy was in safe mode when it was switched off, and has not been let go since."""
    held_at_power_up: bool = False
    """The toy was switched on with its button down."""
    press_began_elsewhere: bool = False
    """The latest press began when there was nothing to hold the button for: not in play."""
    reset_asked: bool = False
    """The server has asked for a reset, and it may."""
    restart_wanted: bool = False
    """The server has asked for a new start while there was no time."""
    sayings: Sayings = field(default_factory=Sayings)
    sound_until: float = 0.0
    """Loop time at which the last of the toy's own sounds is over."""
    microphone_works: bool = True

    @property
    def voice_settings(self) -> VoiceSettings:
        """How the toy sounds; plain while nobody has said who it is."""
        return VoiceSettings() if self.profile is None else self.profile.voice_settings

    @property
    def listener(self) -> Listener:
        """Who plays with the toy, as far as what may be said depends on it. Strict while nobody has said who."""
        profile = self.profile
        if profile is None:
            return Listener(self.toy_id)
        guardian = profile.guardian_settings
        level = profile.safety_level
        if profile.is_for_kids and _CAREFUL.get(guardian.content_filter_level, 0) > _CAREFUL.get(level, 3):
            level = guardian.content_filter_level  # of two grown-ups, the more careful one is right
        return Listener(profile.toy_id, level, guardian.blocked_topics)

    def next_turn(self) -> Turn:
        """Begin a turn of its own id. Ids start anew after 2**32 - 1."""
        self.turn.over = True
        self.turn = Turn(id=self.turn.id % MAX_TURN + 1)
        return self.turn
