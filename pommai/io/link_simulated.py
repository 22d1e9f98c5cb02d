"""A link without a server: tests and campaigns say what happens on it, and read what was sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pommai.errors import ProtocolError
from pommai.io.link_outbox import AUDIO_FRAMES, FINAL_FRAMES
from pommai.io.ports import LinkListener
from pommai.protocol.messages import DownAudio, Message, UpAudio
from pommai.protocol.wire import encode_binary, encode_message


@dataclass(frozen=True, slots=True)
class Sent:
    """Something the toy sent, and when: seconds of `loop.time()`."""

    time: float
    what: Message | UpAudio


class SimulatedLink:
    """The Link in memory. While `run` runs, `go_up`, `go_down`, `deliver` and `deliver_audio` play the server.

    What is sent arrives at once, in `sent`, unless `stalled` is set: then frames pile up as `backlog` and are refused
    beyond the bound, as they are with a server that does not read.
    """

    def __init__(self, *, up: bool = True) -> None:
        """`up`: whether the first call succeeds as soon as `run` runs."""
        self.toy_id = ""
        self.sent: list[Sent] = []
        self.running = asyncio.Event()
        """Set while `run` runs."""
        self._first_call_succeeds = up
        self._listener: LinkListener | None = None
        self._connecting = False
        self._up = False
        self._stalled = False
        self._waiting: list[Sent] = []

    # -- the port --------------------------------------------------------------------------

    async def run(self, listener: LinkListener) -> None:
        self._listener = listener
        self._connect(listener)
        self.running.set()
        try:
            if self._first_call_succeeds:
                self.go_up()
            await asyncio.get_running_loop().create_future()  # until cancelled
        finally:
            self.running.clear()
            self._listener = None
            self._connecting = self._up = False
            self._waiting.clear()

    @property
    def is_up(self) -> bool:
        return self._up

    @property
    def backlog(self) -> int:
        return sum(isinstance(item.what, UpAudio) for item in self._waiting)

    def send(self, message: Message) -> bool:
        try:
            encode_message(message)
        except ProtocolError:
            return False
        return self._up and self._put(message)

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        audio = UpAudio(turn, sequence, packet, final)
        try:
            encode_binary(audio)
        except ProtocolError:
            return False
        if not self._up or self.backlog >= AUDIO_FRAMES + (FINAL_FRAMES if final else 0):
            return False
        return self._put(audio)

    # -- the server's part -----------------------------------------------------------------

    def call(self) -> None:
        """The toy calls the server, and there is no answer yet. Nothing happens while it is connected."""
        listener = self._running()
        if not self._up:
            self._connect(listener)

    def go_up(self, session: str = "simulated") -> None:
        """The server answers the handshake."""
        listener = self._running()
        if self._up:
            return
        if not self._connecting:
            self._connect(listener)
        self._connecting, self._up = False, True
        listener.on_up(session)

    def go_down(self, reason: str = "the connection broke") -> None:
        """The connection is lost; or the call fails, when it was not up."""
        listener = self._running()
        if not self._up and not self._connecting:
            self._connect(listener)
        self._connecting = self._up = False
        self._waiting.clear()
        listener.on_down(reason)

    def deliver(self, message: Message) -> None:
        """The server sends a message. Nothing arrives while the link is down."""
        listener = self._running()
        if self._up:
            listener.on_message(message)

    def deliver_audio(self, *audios: DownAudio) -> None:
        """The server sends pieces of an answer."""
        listener = self._running()
        for audio in audios:
            if self._up:
                listener.on_audio(audio)

    @property
    def stalled(self) -> bool:
        """Whether the server does not read. When it reads again, all that waited is sent."""
        return self._stalled

    @stalled.setter
    def stalled(self, stalled: bool) -> None:
        self._stalled = stalled
        if not stalled:
            now = asyncio.get_running_loop().time()
            self.sent.extend(Sent(now, item.what) for item in self._waiting)
            self._waiting.clear()

    @property
    def messages(self) -> list[Message]:
        """The messages that were sent, without sound."""
        return [item.what for item in self.sent if not isinstance(item.what, UpAudio)]

    @property
    def audio(self) -> list[UpAudio]:
        """The sound that was sent."""
        return [item.what for item in self.sent if isinstance(item.what, UpAudio)]

    def _put(self, what: Message | UpAudio) -> bool:
        item = Sent(asyncio.get_running_loop().time(), what)
        (self._waiting if self._stalled else self.sent).append(item)
        return True

    def _connect(self, listener: LinkListener) -> None:
        self._connecting = True
        listener.on_connecting()

    def _running(self) -> LinkListener:
        if self._listener is None:
            raise RuntimeError("the simulated link is not running: await its `running` first")
        return self._listener
