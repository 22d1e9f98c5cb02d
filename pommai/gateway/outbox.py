"""What waits to be sent to one toy: nobody else ever waits for it, and it never takes much memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from websockets.exceptions import ConnectionClosedError

MOST_WAITING: Final = 64
"""Messages other than sound that may wait for a toy that does not read."""
MOST_BYTES: Final = 64 * 1024
"""What they may weigh together. A single one may be as large as the protocol lets it be."""


class Wire(Protocol):
    """What an outbox writes to. `post` takes whatever it is given; `has_room` says when it would rather not."""

    on_room: Callable[[], None] | None
    """Called when there is room again, and when the connection has ended."""

    @property
    def has_room(self) -> bool: ...

    @property
    def is_open(self) -> bool: ...

    def post(self, data: bytes, *, text: bool) -> None: ...


class Outbox:
    """Sends to one toy, in the order of the calls.

    What is no sound is taken at once: `send` never waits. While the toy does not read it is kept here, up to
    MOST_WAITING messages and MOST_BYTES; a toy that lets more pile up is given up. Sound is not kept at all:
    `send_sound` waits until there is room, so that an answer is made no faster than it is heard, and one that is
    stopped leaves nothing behind.
    """

    def __init__(self, wire: Wire, give_up: Callable[[str], None]) -> None:
        """`give_up` is called once, with the reason, when too much is waiting."""
        self._wire = wire
        self._give_up = give_up
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._for_room: deque[asyncio.Future[None]] = deque()
        wire.on_room = self._flush

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    @property
    def bytes_waiting(self) -> int:
        """What they weigh."""
        return self._bytes

    def send(self, text: str) -> int:
        """Send a message that is not sound, or keep it until the toy reads. How many bytes it has.

        Raises ConnectionClosed when the toy is gone, or was given up now.
        """
        if not self._wire.is_open:
            raise ConnectionClosedError(None, None)
        data = text.encode()
        if not self._waiting and self._wire.has_room:
            self._wire.post(data, text=True)
            return len(data)
        if self._waiting and (len(self._waiting) >= MOST_WAITING or self._bytes + len(data) > MOST_BYTES):
            count = len(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            self._give_up(f"{count} messages are waiting for it, and it does not read")
            raise ConnectionClosedError(None, None)
        self._waiting.append(data)
        self._bytes += len(data)
        return len(data)

    async def send_sound(self, data: bytes, *, text: bool = False) -> None:
        """Send a frame of sound as soon as there is room; `text` for the hex form. Raises ConnectionClosed."""
        while self._wire.is_open and (self._waiting or not self._wire.has_room):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._for_room.append(waiter)
            try:
                await waiter
            finally:
                with contextlib.suppress(ValueError):
                    self._for_room.remove(waiter)
        if not self._wire.is_open:
            raise ConnectionClosedError(None, None)
        self._wire.post(data, text=text)

    def _flush(self) -> None:
        """There is room again, or the connection has ended."""
        if not self._wire.is_open:
            self._waiting.clear()
            self._bytes = 0
        while self._waiting and self._wire.has_room:
            data = self._waiting.popleft()
            self._bytes -= len(data)
            self._wire.post(data, text=True)
        if not self._waiting:
            for waiter in self._for_room:
                if not waiter.done():
                    waiter.set_result(None)
