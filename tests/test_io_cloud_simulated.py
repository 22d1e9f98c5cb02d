"""The simulated cloud behaves as a test says."""

import asyncio

from pommai.io.cloud_simulated import SimulatedCloud
from pommai.io.ports import Cloud
from pommai.protocol.messages import SyncAck, SyncBatch, ToyProfile

BATCH = SyncBatch("b", conversations=({"id": "c1"}, {"id": "c2"}), safety_events=({"id": "s1"},))


def test_it_takes_what_it_is_brought_when_it_is_there():
    async def scene():
        cloud = SimulatedCloud()
        port: Cloud = cloud
        await port.reachable()
        assert await port.deliver(BATCH, 1.0, lambda: True) == SyncAck("b", ("s1", "c1", "c2"))
        assert await port.deliver(BATCH, 1.0, lambda: len(cloud.brought) < 3) is None
        cloud.there = False
        assert await port.deliver(BATCH, 1.0, lambda: True) is None
        assert (cloud.brought, cloud.tries) == (["s1", "c1", "c2"], 3)

    asyncio.run(scene())


def test_it_knows_the_toys_it_was_given():
    async def scene():
        cloud = SimulatedCloud()
        cloud.profiles["bear"] = ToyProfile("bear", "Bear")
        assert await cloud.configuration("bear") == ToyProfile("bear", "Bear")
        assert await cloud.configuration("owl") is None
        cloud.there = False
        assert await cloud.configuration("bear") is None
        assert cloud.asked == ["bear", "owl", "bear"]

    asyncio.run(scene())
