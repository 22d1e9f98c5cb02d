"""Whatever a network does to messages: what a toy sends until it is acknowledged is kept, and kept once."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from gateway_material import TOKEN, ScriptedToy, desk, run
from lossy_gateway import Fate, LossyGateway, Odds
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidMessage

from pommai.gateway.archive import Archive, Count
from pommai.gateway.server import Gateway
from pommai.io.link import LinkTimes, WebSocketLink
from pommai.io.ports import METRICS, SAFETY
from pommai.protocol import messages as m

PATIENCE = 0.01
"""Seconds that the scripted toy waits for an acknowledgement, and twice as long each time that none came: a busy
gateway that is asked again before it could answer never gets done."""
QUICK = LinkTimes(retry_first=0.001, retry_limit=0.002, handshake=0.2)


def events(seed: int, count: int) -> list[dict[str, Any]]:
    return [{"id": f"{seed}-{number}", "reason": f"number {number}"} for number in range(count)]


async def send_until_settled(url: str, device: str, items: list[dict[str, Any]], random: Random) -> None:
    """A toy that sends its safety events, some at a time, some as alerts too, until the gateway has all of them."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": device}
    waiting = {item["id"]: item for item in items}
    patience = PATIENCE
    while waiting:
        with suppress(ConnectionClosed, ConnectionError, InvalidMessage):
            async with connect(url, additional_headers=headers, proxy=None, close_timeout=0.1) as connection:
                toy = ScriptedToy(connection, binary=False)
                await toy.send(m.Handshake(device, "robo-rex"))
                await toy.expect(m.HandshakeAck)
                while waiting:
                    some = list(waiting.values())[: random.randint(1, 4)]
                    if random.random() < 0.3:
                        await toy.send(m.GuardianAlert("high", some[0]["reason"], "now", id=some[0]["id"]))
                    await toy.send(m.SyncBatch(f"b{len(waiting)}", safety_events=tuple(some)))
                    try:
                        async with asyncio.timeout(patience):
                            while not isinstance(ack := await toy.receive(), m.SyncAck):
                                assert isinstance(ack, m.PiConfigUpdate)  # which may come late, twice or never
                    except TimeoutError:
                        patience *= 2
                        continue
                    patience = PATIENCE
                    for id_ in ack.accepted:
                        waiting.pop(id_, None)


def test_over_200_bad_networks_every_item_is_kept_exactly_once() -> None:
    seeds, count, at_once = 200, 8, 5

    async def test() -> None:
        told: list[tuple[str, str]] = []
        async with await Archive.open() as archive, desk(archive=archive) as gateway:
            archive.on_alert = lambda alert: told.append((alert.device_id, alert.reason))
            fates: Counter[Fate] = Counter()
            for start in range(0, seeds, at_once):
                some = range(start, start + at_once)
                for met in await asyncio.gather(*(one_network(gateway, seed, count) for seed in some)):
                    fates += met
            assert {"passed", "lost", "repeated", "held", "cut"} == {*fates}
            assert await archive.counts() == tuple(
                sorted(Count(f"desk-{seed}", SAFETY, count) for seed in range(seeds))
            )
            for seed in range(seeds):
                kept = await archive.items(SAFETY, f"desk-{seed}")
                assert sorted(item.id for item in kept) == sorted(item["id"] for item in events(seed, count))
            assert len(told) == len(set(told)) == seeds * count, "each alert is told once"

    run(test())


async def one_network(gateway: Gateway, seed: int, count: int) -> Counter[Fate]:
    """What became of the messages between one toy and the gateway."""
    async with LossyGateway(gateway.url, Random(seed)) as lossy:
        await send_until_settled(lossy.url, f"desk-{seed}", events(seed, count), Random(-seed))
        return lossy.fates


@pytest.mark.parametrize(
    ("odds", "got", "met"),
    [
        (Odds(0, 0, 0, 0), "0123456789", 10),
        (Odds(lost=1, repeated=0, held=0, cut=0), "0", 10),
        (Odds(lost=0, repeated=1, held=0, cut=0), "0112233445566778899", 10),
        (Odds(lost=0, repeated=0, held=1, cut=0), "0123456789", 10),
        (Odds(lost=0, repeated=0, held=0, cut=1), "0", 2),
    ],
    ids=["passed", "lost", "repeated", "held", "cut"],
)
def test_each_fate_is_what_it_is_called(odds: Odds, got: str, met: int) -> None:
    async def test() -> None:
        arrived: asyncio.Queue[str] = asyncio.Queue()

        async def listen(connection: ServerConnection) -> None:
            async for message in connection:
                arrived.put_nowait(str(message))

        async with serve(listen, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with (
                LossyGateway(f"ws://127.0.0.1:{port}/", Random(1), odds) as lossy,
                connect(lossy.url, proxy=None) as toy,
            ):
                with suppress(ConnectionClosed):
                    for number in range(10):
                        await toy.send(str(number))
                assert "".join(sorted([await arrived.get() for _ in got])) == got
                while lossy.fates.total() < met:
                    await asyncio.sleep(0)
                if lossy.fates["cut"]:
                    await toy.wait_closed()
        assert arrived.empty()

    run(test())


def test_what_is_held_comes_after_what_follows_it() -> None:
    async def test() -> None:
        arrived: asyncio.Queue[int] = asyncio.Queue()

        async def listen(connection: ServerConnection) -> None:
            async for message in connection:
                arrived.put_nowait(int(message))

        async with serve(listen, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            odds = Odds(lost=0, repeated=0, held=0.5, cut=0, pause=5.0)
            async with (
                LossyGateway(f"ws://127.0.0.1:{port}/", Random(4), odds) as lossy,
                connect(lossy.url, proxy=None) as toy,
            ):
                for number in range(20):
                    await toy.send(str(number))
                while lossy.fates.total() < 20:
                    await asyncio.sleep(0)
                lossy.odds = Odds(0, 0, 0, 0)
                await toy.send("20")
                got = [await arrived.get() for _ in range(21)]
        assert sorted(got) == list(range(21))
        assert sum(before > after for before, after in itertools.pairwise(got)) >= 3, "messages are overtaken"

    run(test())


def test_a_network_that_is_good_changes_nothing_and_one_that_cuts_is_called_again() -> None:
    class Listener:
        def __init__(self) -> None:
            self.ups = 0
            self.acks: asyncio.Queue[m.Message] = asyncio.Queue()
            self.up = asyncio.Event()

        def on_connecting(self) -> None: ...

        def on_up(self, session: str, server_time: str | None = None) -> None:
            self.ups += 1
            self.up.set()

        def on_down(self, reason: str) -> None:
            self.up.clear()

        def on_message(self, message: m.Message) -> None:
            if not isinstance(message, m.PiConfigUpdate):
                self.acks.put_nowait(message)

        def on_audio(self, audio: m.DownAudio) -> None: ...

    async def test() -> None:
        listener = Listener()
        async with desk() as gateway, LossyGateway(gateway.url, Random(1), Odds(0, 0, 0, 0)) as lossy:
            link = WebSocketLink(
                lossy.url, token=TOKEN, device_id="desk-1", toy_id="robo-rex", capabilities={}, times=QUICK
            )
            running = asyncio.create_task(link.run(listener))
            try:
                for round_ in range(3):
                    await listener.up.wait()
                    batch = m.SyncBatch(str(round_), metrics=({"id": str(round_), "name": "x", "value": 1},))
                    assert link.send(batch)
                    assert await listener.acks.get() == m.SyncAck(str(round_), (str(round_),))
                    listener.up.clear()
                    lossy.cut_all()
            finally:
                running.cancel()
                await asyncio.wait([running])
            assert listener.ups >= 3
            assert len(await gateway.archive.items(METRICS)) == 3
            assert set(lossy.fates) == {"passed"}

    run(test())
