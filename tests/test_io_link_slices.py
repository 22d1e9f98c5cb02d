"""What comes all at once is taken in slices, whole and in order, and others have their turn in between."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from pommai.io.link_slices import SLICE_BYTES, SlicedConnection


class Sliced(SlicedConnection, ClientConnection):
    """A client that tells of each slice."""

    sizes: list[int]

    def _take(self, data: bytes) -> None:
        self.__dict__.setdefault("sizes", []).append(len(data))
        super()._take(data)


def test_a_flood_is_taken_whole_and_in_order_and_never_more_than_a_slice_of_it_at_once() -> None:
    messages = [bytes([number % 256]) * (1 + 37 * number % 9000) for number in range(300)]

    async def flood(toy: ServerConnection) -> None:
        for message in messages:
            await toy.send(message)

    async def test() -> None:
        async with serve(flood, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}", create_connection=Sliced, proxy=None) as end:
                assert [message async for message in end] == messages
                assert max(end.sizes) <= SLICE_BYTES

    asyncio.run(test())
