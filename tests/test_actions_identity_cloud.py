"""Who the toy is, as the cloud's functions tell it when the server does not."""

import asyncio

from simulated_toy import simulated_toy

from pommai.actions.identity import CLOUD_SECONDS
from pommai.io.cloud_simulated import SimulatedCloud
from pommai.protocol.messages import SwitchToy, ToyProfile
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def cloud_with(*toys: ToyProfile, delay: float = 0.1) -> SimulatedCloud:
    cloud = SimulatedCloud(delay=delay)
    cloud.profiles = {toy.toy_id: toy for toy in toys}
    return cloud


def test_at_power_up_without_a_server_the_cloud_is_asked_before_the_memory():
    async def scene():
        cloud = cloud_with(ToyProfile("pommai-bear", "Bear of the cloud"))
        async with simulated_toy(up=False, cloud=cloud) as toy:
            toy.memory.keep_toy(ToyProfile("pommai-bear", "Bear of old"))
            toy.link.go_down("nobody answers")
            await asyncio.sleep(1)
            assert toy.body.profile.name == "Bear of the cloud"
            assert (await toy.memory.toy("pommai-bear")).name == "Bear of the cloud"

    run(scene())


def test_a_server_that_answers_spares_the_cloud():
    async def scene():
        cloud = cloud_with(ToyProfile("pommai-bear", "Bear of the cloud"))
        async with simulated_toy(cloud=cloud) as toy:
            assert toy.body.profile.name == "Pommai-Bear"
            assert cloud.asked == []

    run(scene())


def test_a_cloud_that_takes_its_time_is_not_waited_for():
    async def scene():
        cloud = cloud_with(ToyProfile("robo-rex", "Rex of the cloud"), delay=60.0)
        async with simulated_toy(cloud=cloud) as toy:
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            await asyncio.sleep(2.0 + CLOUD_SECONDS + 0.1)
            assert (toy.state, toy.body.profile.name) == ("idle", "Robo-Rex")
            assert cloud.asked == ["robo-rex"]

    run(scene())


def test_a_toy_that_nobody_here_knows_comes_from_the_cloud():
    async def scene():
        cloud = cloud_with(ToyProfile("owl", "Owl"))
        async with simulated_toy(cloud=cloud) as toy:
            toy.link.deliver(SwitchToy("owl"))
            await asyncio.sleep(4)
            assert (toy.state, toy.body.toy_id) == ("idle", "owl")

    run(scene())
