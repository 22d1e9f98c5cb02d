"""Telling the server what happened while it was away. Nothing is forgotten before the server says that it has it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from pommai.actions.body import Body
from pommai.actions.registry import activity, sends_to_cloud
from pommai.io.ports import Courier
from pommai.protocol.messages import SyncAck, SyncBatch

logger = logging.getLogger(__name__)

ACK_SECONDS: Final = 15.0
"""How long the server may take to acknowledge a batch; later as long as the pause between two attempts, if longer."""
RETRY_FIRST: Final = 2.0
RETRY_LIMIT: Final = 120.0
"""Seconds between two attempts, doubling."""
TURN_SECONDS: Final = 1.0
"""How often it is looked whether a conversation is over: whatever can wait does not get in its way."""


@activity
@sends_to_cloud
async def sync_safety(toy: Body) -> None:
    """Send the incidents that wait, before all else and in any mode."""
    await _sync(toy, safety=True)


@activity
@sends_to_cloud
async def sync_memory(toy: Body) -> None:
    """Send conversations and figures that wait, between two turns."""
    await _sync(toy, safety=False)


async def _sync(toy: Body, *, safety: bool) -> None:
    courier: Courier = toy.cloud or OverLink(toy)
    pause = RETRY_FIRST

    def go_on() -> bool:
        return safety or toy.turn.over

    while True:
        await courier.reachable()
        if not go_on():
            await asyncio.sleep(TURN_SECONDS)
            continue
        batch = await toy.memory.batch(safety=safety)
        if batch is None:
            await toy.memory.changed(safety=safety)
            continue
        ack = await courier.deliver(batch, max(ACK_SECONDS, pause), go_on)
        if ack is None:
            pause = RETRY_FIRST if await _rest(toy, pause) else min(2 * pause, RETRY_LIMIT)
            continue
        pause = RETRY_FIRST
        ack = _about(batch, ack)
        await toy.memory.settle(ack)
        if not ack.accepted and not ack.rejected:
            await asyncio.sleep(RETRY_LIMIT)  # the server takes nothing and says no why: do not hurry it
        for refused in ack.rejected:
            logger.warning("item refused", extra={"item": refused.id, "reason": refused.reason})


async def _rest(toy: Body, seconds: float) -> bool:
    """Wait before the next try; not so long when the server was away and is back, which is what it returns."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            if toy.reached.is_set():
                await toy.unreachable.wait()
            await toy.reached.wait()
            return True
    return False


def _about(batch: SyncBatch, ack: SyncAck) -> SyncAck:
    """What the acknowledgement says of the batch's own items: of others it knows nothing, whatever it says."""
    items = (*batch.safety_events, *batch.conversations, *batch.metrics, *batch.logs)
    sent = {item["id"] for item in items}
    accepted = tuple(id_ for id_ in ack.accepted if id_ in sent)
    return SyncAck(ack.batch, accepted, tuple(refused for refused in ack.rejected if refused.id in sent))


class OverLink:
    """The port Courier over the connection to the server: one message, one answer."""

    def __init__(self, toy: Body) -> None:
        self._toy = toy

    async def reachable(self) -> None:
        await self._toy.reached.wait()

    async def deliver(self, batch: SyncBatch, seconds: float, go_on: Callable[[], bool]) -> SyncAck | None:
        toy = self._toy
        waiter: asyncio.Future[SyncAck | None] = asyncio.get_running_loop().create_future()
        toy.acks[batch.batch] = waiter
        try:
            if not toy.link.send(batch):
                return None
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            logger.info("batch not acknowledged", extra={"batch": batch.batch})
            return None
        finally:
            del toy.acks[batch.batch]
