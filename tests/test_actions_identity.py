"""Becoming another toy."""

import asyncio

from simulated_toy import simulated_toy

from pommai.protocol.messages import GetToyConfig, SwitchToy
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def test_asked_to_become_who_it_is_the_toy_loads_itself_anew():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("pommai-bear"))
            await settle()
            assert toy.state == "switching_toy"
            assert toy.link.messages[-1] == GetToyConfig("pommai-bear")
            await toy.be_loaded()
            assert toy.state == "idle"
            assert toy.body.wanted_toy is None

    run(scene())


def test_the_toy_asked_for_last_is_the_one_it_becomes():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            toy.link.deliver(SwitchToy("owl"))
            await settle()
            await toy.be_loaded("robo-rex")  # the answer to the first question
            await toy.be_loaded("owl")
            await asyncio.sleep(1)
            assert toy.state == "idle"
            assert toy.body.toy_id == "owl"

    run(scene())


def test_a_switch_remembered_without_a_network_happens_when_it_is_back():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            toy.link.go_down("gone")
            await asyncio.sleep(1)
            assert toy.state == "idle"
            toy.link.go_up()
            await settle()
            assert toy.state == "switching_toy"
            await toy.be_loaded("robo-rex")
            assert toy.body.toy_id == "robo-rex"

    run(scene())


def test_a_switch_asked_for_in_safe_mode_waits_for_its_end():
    async def scene():
        async with simulated_toy() as toy:
            toy.post("safety.pause", seconds=0.0, message="")
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            assert toy.state == "calm"
            toy.post("safety.resume")
            await settle()
            assert toy.state == "switching_toy"

    run(scene())


def test_a_press_postpones_a_switch_and_does_not_undo_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            toy.press()
            await settle()
            assert toy.state == "listening"
            toy.release()
            await settle()
            assert toy.state == "switching_toy"

    run(scene())


def test_after_a_switch_that_came_to_nothing_the_server_is_told_who_the_toy_still_is():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("robo-rex"))
            await asyncio.sleep(8.1)
            assert toy.state == "idle"
            assert toy.link.messages[-1] == GetToyConfig("pommai-bear")

    run(scene())


def test_a_press_while_the_toy_finds_out_who_it_is_begins_a_turn_and_the_answer_is_taken_later():
    async def scene():
        async with simulated_toy(loaded=False) as toy:
            toy.press()
            await toy.say(0.5)
            await toy.be_loaded()
            assert toy.state == "listening"
            assert toy.body.profile.name == "Pommai-Bear"

    run(scene())


def test_a_toy_that_comes_in_the_middle_of_a_turn_is_become_at_its_end():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            assert toy.state == "switching_toy"
            await toy.talk()
            await toy.be_loaded("robo-rex")
            assert (toy.state, toy.body.toy_id) == ("processing", "pommai-bear")
            toy.answer([1000] * 5)
            await asyncio.sleep(0.5)
            assert (toy.state, toy.body.toy_id, toy.body.wanted_toy) == ("idle", "robo-rex", None)

    run(scene())


def test_safe_mode_asks_nothing_until_it_is_over():
    async def scene():
        async with simulated_toy() as toy:
            toy.post("safety.pause", seconds=60.0, message="")
            await settle()
            before = len(toy.link.messages)
            toy.post("link.down", reason="gone")
            toy.post("link.up", session="s")
            await settle()
            assert "online" in toy.states
            assert len(toy.link.messages) == before
            toy.post("safety.resume")
            await settle()
            assert toy.link.messages[before:] == [GetToyConfig("pommai-bear")]

    run(scene())
