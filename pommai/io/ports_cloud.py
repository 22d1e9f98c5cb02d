"""The ports to the cloud, beside the connection to the server. Everybody takes them from `pommai.io.ports`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pommai.protocol.messages import SyncAck, SyncBatch, ToyProfile


class Courier(Protocol):
    """The way on which the server gets what waits in the memory."""

    async def reachable(self) -> None:
        """Wait until a try makes sense."""

    async def deliver(self, batch: SyncBatch, seconds: float, go_on: Callable[[], bool]) -> SyncAck | None:
        """Bring a batch: which of its items the server has, and which it refuses; None when it has said nothing.

        One word on all of it may take so many seconds. Who goes several times asks `go_on` before each.
        """


class Cloud(Courier, Protocol):
    """The cloud's functions, beside the connection to the server."""

    async def configuration(self, toy_id: str) -> ToyProfile | None:
        """A toy's configuration; None when the cloud does not answer or does not know the toy. The log says why."""
