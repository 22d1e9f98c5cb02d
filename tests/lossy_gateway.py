"""A bad network between toys and a gateway, in this process: it loses, repeats, delays and reorders messages, and cuts
connections.

A real WebSocket server in front of a real gateway, on loopback; what it does to the messages is drawn from a seed.

    async with desk(archive=archive) as gateway, LossyGateway(gateway.url, Random(7)) as lossy:
        link = WebSocketLink(lossy.url, ...)
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Final, Literal, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException

from pommai.protocol.limits import MAX_MESSAGE_BYTES

Side = ClientConnection | ServerConnection
Fate = Literal["passed", "lost", "repeated", "held", "cut"]

_FORWARDED: Final = ("Authorization", "X-Device-ID", "X-Device-Type", "X-Toy-ID")


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely a message meets each fate; what remains of 1.0 passes unharmed."""

    lost: float = 0.15
    repeated: float = 0.15
    """It comes twice, the second time like one that was held."""
    held: float = 0.15
    """It comes after the one that follows it, or after `pause` when none does."""
    cut: float = 0.05
    """The connection is cut, and the message is lost with all that is held."""
    spared: int = 1
    """So many messages of each connection and direction pass in any case: the handshake and its answer."""
    pause: float = 0.001
    """Seconds."""


class LossyGateway:
    """Stands between toys and the gateway at `url`, while it is entered. Toys connect to its own `url`."""

    def __init__(self, url: str, random: Random, odds: Odds | None = None) -> None:
        self._to = url
        self._random = random
        self.odds = odds or Odds()
        """May be changed at any time: Odds(0, 0, 0, 0) is a good network."""
        self.fates: Counter[Fate] = Counter()
        """What became of the messages so far."""
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._relay,
            "127.0.0.1",
            0,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,
            close_timeout=0.1,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.cut_all()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where toys connect to."""
        assert self._server is not None, "it is not entered"
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/audio-stream"

    def cut_all(self) -> None:
        """Cut every connection, without a goodbye."""
        assert self._server is not None
        for connection in self._server.connections:
            connection.transport.abort()

    async def _relay(self, toy: ServerConnection) -> None:
        assert toy.request is not None
        headers = [(name, toy.request.headers[name]) for name in _FORWARDED if name in toy.request.headers]
        try:
            gateway = await connect(
                self._to,
                additional_headers=headers,
                proxy=None,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                ping_interval=None,
                close_timeout=0.1,
            )
        except (OSError, WebSocketException):  # it is not there, or does not want this toy
            toy.transport.abort()
            return
        ways = [
            asyncio.create_task(self._carry(toy, gateway), name="to the gateway"),
            asyncio.create_task(self._carry(gateway, toy), name="to the toy"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for side in (toy, gateway):
                side.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)
            await gateway.wait_closed()

    async def _carry(self, source: Side, target: Side) -> None:
        """Carry messages one way, until the connection ends or is cut."""
        held: list[str | bytes] = []
        spared = self.odds.spared
        with suppress(ConnectionClosed):
            while True:
                try:
                    async with asyncio.timeout(self.odds.pause if held else None):
                        message = await source.recv()
                except TimeoutError:
                    coming: list[str | bytes] = []
                else:
                    fate: Fate = "passed" if spared > 0 else self._draw()
                    spared -= 1
                    self.fates[fate] += 1
                    if fate == "cut":
                        return
                    if fate == "held":
                        held.append(message)
                        continue
                    coming = [] if fate == "lost" else [message]
                coming, held = coming + held, coming if coming and fate == "repeated" else []
                for each in coming:
                    await target.send(each)

    def _draw(self) -> Fate:
        drawn = self._random.random()
        fates: tuple[tuple[Fate, float], ...] = (
            ("lost", self.odds.lost),
            ("repeated", self.odds.repeated),
            ("held", self.odds.held),
            ("cut", self.odds.cut),
        )
        for fate, odds in fates:
            drawn -= odds
            if drawn < 0:
                return fate
        return "passed"
