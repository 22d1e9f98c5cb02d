"""The same queue with the cloud's functions as its carrier: whatever the link does, nothing is lost."""

import asyncio

from simulated_toy import simulated_toy
from test_actions_sync import batches, incident, said

from pommai.io.cloud_simulated import SimulatedCloud
from pommai.protocol.messages import SafetyOverride
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def test_with_a_cloud_nothing_is_synced_over_the_link():
    async def scene():
        cloud = SimulatedCloud()
        async with simulated_toy(cloud=cloud) as toy:
            toy.memory.keep_conversation(said(1))
            toy.memory.keep_metric("x", 1.0)
            toy.memory.keep_log("error", "no button", {})
            await asyncio.sleep(10)
            assert cloud.brought[0] == "c1"
            assert [name[:2] for name in cloud.brought[1:]] == ["m-", "l-"]
            assert batches(toy) == []
            assert toy.memory.unsent == 0

    run(scene())


def test_the_cloud_gets_what_waits_while_the_link_is_down():
    async def scene():
        cloud = SimulatedCloud()
        async with simulated_toy(cloud=cloud) as toy:
            toy.link.go_down("gone")
            toy.memory.keep_conversation(said(1))
            await asyncio.sleep(1)
            assert cloud.brought == ["c1"]

    run(scene())


def test_a_cloud_that_is_away_is_not_hurried_and_gets_everything_when_it_is_back():
    async def scene():
        cloud = SimulatedCloud()
        cloud.there = False
        async with simulated_toy(cloud=cloud, alone=True) as toy:
            toy.memory.keep_conversation(said(1))
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(3600)
            assert cloud.tries < 2 * 40
            cloud.there = True
            await asyncio.sleep(130)
            assert sorted(cloud.brought) == ["c1", "s1"]
            assert toy.memory.unsent == 0

    run(scene())


def test_when_the_link_comes_back_the_cloud_is_tried_at_once():
    async def scene():
        cloud = SimulatedCloud()
        cloud.there = False
        async with simulated_toy(cloud=cloud, alone=True) as toy:
            toy.link.go_down("gone")
            toy.memory.keep_conversation(said(1))
            await asyncio.sleep(1000)
            cloud.there = True
            toy.link.go_up()
            await settle()
            assert cloud.brought == ["c1"]

    run(scene())


def test_what_can_wait_stops_while_a_child_talks_and_incidents_do_not():
    async def scene():
        cloud = SimulatedCloud(delay=0.2)
        async with simulated_toy(cloud=cloud) as toy:
            for number in range(20):
                toy.memory.keep_conversation(said(number))
            await asyncio.sleep(0.5)
            toy.press()
            toy.speaking = True
            await asyncio.sleep(0.5)
            so_far = len(cloud.brought)
            assert 0 < so_far < 6
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(3)
            assert cloud.brought[so_far:] == ["s1"]
            toy.speaking = False
            toy.release()
            await settle()
            toy.answer([500, 500])
            await toy.rest()
            await asyncio.sleep(30)
            assert len(cloud.brought) == len(set(cloud.brought)) == 22  # and how long the answer took

    run(scene())


def test_in_safe_mode_incidents_alone_go_to_the_cloud():
    async def scene():
        cloud = SimulatedCloud()
        async with simulated_toy(cloud=cloud) as toy:
            toy.link.deliver(SafetyOverride("pause_interaction"))
            await settle()
            toy.memory.keep_conversation(said(1))
            await asyncio.sleep(60)
            assert "c1" not in cloud.brought
            assert cloud.brought  # that safe mode began
            assert all(name not in cloud.brought for name in toy.memory.waiting)

    run(scene())


def test_an_incident_is_told_by_the_cloud_while_the_link_is_down_and_in_safe_mode():
    async def scene():
        cloud = SimulatedCloud()
        async with simulated_toy(cloud=cloud) as toy:
            toy.link.go_down("gone")
            toy.link.deliver(SafetyOverride("pause_interaction", 3600.0, ""))
            await settle()
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(1)
            assert "s1" in cloud.brought

    run(scene())
