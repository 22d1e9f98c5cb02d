"""What waits to be sent to the server: bounded, and in one order, so that nothing overtakes anything."""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

AUDIO_FRAMES = 50
"""Frames in flight: one second of speech. An answer to older speech would come too late anyway."""
FINAL_FRAMES = 8
"""Final frames that find room beyond AUDIO_FRAMES: without its end, the server would wait for the rest of a turn."""
MESSAGE_BYTES = 2 << 20
"""Of messages other than audio: two of the largest."""


class Item(Struct, frozen=True):
    """One WebSocket message: text or binary."""

    data: str | bytes
    audio: bool


class Outbox:
    """A first-in-first-out queue with a bound for frames of sound and one for the bytes of other messages."""

    def __init__(self, audio_frames: int = AUDIO_FRAMES) -> None:
        self._audio_frames = audio_frames
        self._items: deque[Item] = deque()
        self._frames = 0
        self._bytes = 0
        self._some = asyncio.Event()

    @property
    def frames(self) -> int:
        """Frames of sound queued and not yet `sent()`."""
        return self._frames

    def put_audio(self, data: str | bytes, *, final: bool) -> bool:
        """Queue a frame; false when too many are waiting."""
        if self._frames >= self._audio_frames + (FINAL_FRAMES if final else 0):
            return False
        self._frames += 1
        self._put(Item(data, True))
        return True

    def put_message(self, text: str) -> bool:
        """Queue another message; false when too much is waiting."""
        if self._bytes + len(text) > MESSAGE_BYTES:
            return False
        self._bytes += len(text)
        self._put(Item(text, False))
        return True

    async def next(self) -> Item:
        """The first item, as soon as there is one. It stays first until `sent()`."""
        await self._some.wait()
        return self._items[0]

    def sent(self) -> None:
        """The first item was given to the socket."""
        item = self._items.popleft()
        if item.audio:
            self._frames -= 1
        else:
            self._bytes -= len(item.data)
        if not self._items:
            self._some.clear()

    def _put(self, item: Item) -> None:
        self._items.append(item)
        self._some.set()
