"""What actions, activities and guards can reach: the toy's ports, and what it knows right now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pommai.events import Event
from pommai.io.ports import Codec, Emit, Hearing, Link, Sounds, SpeechGate, Voice, VoiceActivity
from pommai.protocol.audio import frames_in
from pommai.protocol.jitter import JitterBuffer
from pommai.protocol.messages import DownAudio, ToyProfile

MAX_RECORDING = frames_in(120.0)
"""Frames one recording holds; more than any `listen_limit`."""
MAX_TURN = 2**32 - 1
"""Turn ids are u32 on the wire."""


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


@dataclass(slots=True)
class Turn:
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
    recording: Recording = field(default_factory=Recording)
    reply: Reply = field(default_factory=Reply)

    @property
    def is_with_server(self) -> bool:
        """The server has still a part in it: not over, and not being answered from on board."""
        return not self.over and self.reply.local is None


Mark = Callable[..., None]
Offload = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class Body:
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
    speech_gate: Callable[[], SpeechGate]
    """Makes a gate for one recording."""
    toy_id: str
    turn: Turn = field(default_factory=lambda: Turn(over=True))
    event: Event = field(default_factory=lambda: Event("start"))
    """The event that is being handled: guards are asked about it, actions carried out because of it."""
    connections: int = 0
    """How often the server has been reached. What was sent on an earlier connection, the server may not have."""
    profile: ToyProfile | None = None
    """The configuration in force."""
    offered: ToyProfile | None = None
    """A configuration that has come and is not in force yet."""
    wanted_toy: str | None = None
    """The toy to become at the next rest."""
    pause_seconds: float | None = None
    """How long safe mode lasts; None: until somebody lets the toy go on."""
    microphone_works: bool = True

    def next_turn(self) -> Turn:
        """Begin a turn of its own id. Ids start anew after 2**32 - 1."""
        self.turn.over = True
        self.turn = Turn(id=self.turn.id % MAX_TURN + 1)
        return self.turn
