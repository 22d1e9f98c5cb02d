"""An end of a WebSocket that takes what comes in slices, so that nobody who sends much at once holds up the rest."""

from __future__ import annotations

from typing import Final

from websockets.asyncio.connection import Connection

SLICE_BYTES: Final = 4096
"""Taken at once, before everything else has its turn: some 50 frames of sound, or a millisecond."""


class SlicedConnection(Connection):
    """Stands before the library's own end, client's or server's, among the bases of a class."""

    _rest = b""
    """What has come and is not taken yet. Meanwhile nothing is read."""

    def data_received(self, data: bytes) -> None:
        if not self._rest and len(data) <= SLICE_BYTES:
            self._take(data)
            return
        scheduled, self._rest = bool(self._rest), self._rest + data
        self.transport.pause_reading()
        if not scheduled:
            self._take_slice()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest = b""
        super().connection_lost(exc)

    def _take(self, data: bytes) -> None:
        """Have the library read what has come."""
        super().data_received(data)

    def _take_slice(self) -> None:
        """Take some of what has come at once, and the next when everybody else had a turn."""
        some, self._rest = self._rest[:SLICE_BYTES], self._rest[SLICE_BYTES:]
        if some:
            self._take(some)
        if self._rest:
            self.loop.call_soon(self._take_slice)
        elif not (self.recv_messages.paused or self.transport.is_closing()):
            self.transport.resume_reading()
