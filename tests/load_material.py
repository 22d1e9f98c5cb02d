"""What the tests of `pommai load` share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway_material import TOKEN, desk, encode_all, sentence
from websockets.asyncio.server import ServerConnection, serve

from pommai.gateway.server import Gateway
from pommai.protocol import messages as m
from pommai.protocol.wire import encode_message
from pommai.qa.load_figures import Figures, Step, Usage
from pommai.qa.load_target import Target
from pommai.qa.load_toy import Habits

SPEECH = (tuple(encode_all(sentence(0.4))),)
QUICK = Habits(turns=2, barge_in=0.0, thinking=(0.0, 0.05))
TOY = "pommai-bear"

__all__ = ["QUICK", "SPEECH", "TOKEN", "TOY", "a_step", "desk", "rude_server", "target_of"]


def target_of(gateway: Gateway, token: str = TOKEN, toy_id: str = TOY) -> Target:
    return Target(gateway.url, token, toy_id)


def a_step(
    toys: int = 10,
    latencies: tuple[float, ...] = (0.01, 0.02, 0.3),
    *,
    lag: float = 0.001,
    gateway: Usage | None = None,
    others: float | None = None,
    **more: Counter[str] | int,
) -> Step:
    """A step with figures of one's own."""
    figures = Figures(latencies=list(latencies), turns=len(latencies), answered=len(latencies), lags=[lag], **more)  # type: ignore[arg-type]
    return Step(toys, toys, 10.0, figures, 0.1, gateway, others)


@asynccontextmanager
async def rude_server(
    behave: Callable[[ServerConnection], Awaitable[None]], *, polite: bool = True
) -> AsyncIterator[Target]:
    """A server that takes WebSockets, answers the handshake when it is polite, and then does what a test says."""

    async def handle(connection: ServerConnection) -> None:
        await connection.recv()
        if polite:
            await connection.send(encode_message(m.HandshakeAck("session", {"binary_audio": True})))
        await behave(connection)

    async with serve(handle, "127.0.0.1", 0, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Target(f"ws://127.0.0.1:{port}/", TOKEN, TOY)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not holds():
        await asyncio.sleep(0.01)
