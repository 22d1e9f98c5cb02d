"""Becoming another toy."""

import asyncio

from simulated_toy import simulated_toy

from pommai.actions.identity import choose_next_toy
from pommai.protocol.messages import (
    GetToyConfig,
    GuardianSettings,
    SwitchToy,
    SyncBatch,
    ToyConfig,
    ToyConfigUpdate,
    ToyProfile,
)
from pommai.qa.simulated_toy import SOUND_NAMES, settle
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


def test_a_switch_remembered_without_a_network_is_made_from_memory_and_the_server_hears_of_it():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            toy.link.go_down("gone")
            await toy.rest()
            await asyncio.sleep(1)
            assert (toy.state, toy.body.toy_id, toy.link.toy_id) == ("idle", "robo-rex", "robo-rex")
            toy.link.go_up()
            await settle()
            assert toy.link.messages[-1] == GetToyConfig("robo-rex")

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
            toy.link.deliver(SwitchToy("owl"))
            await asyncio.sleep(2.1)
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

            def told() -> list[object]:
                """All that was sent but for incidents, which are told in any mode."""
                return [message for message in toy.link.messages if not isinstance(message, SyncBatch)]

            before = len(told())
            toy.post("link.down", reason="gone")
            toy.post("link.up", session="s")
            await settle()
            assert "online" in toy.states
            assert len(told()) == before
            toy.post("safety.resume")
            await settle()
            assert told()[before:] == [GetToyConfig("pommai-bear")]

    run(scene())


def test_without_a_server_a_toy_is_who_it_was_with_all_that_was_set():
    async def scene():
        async with simulated_toy() as toy:
            remembered = ToyProfile("owl", "Olga", safety_level="moderate")
            toy.memory.keep_toy(remembered)
            toy.link.go_down("gone")
            toy.post("toy.switch", toy_id="owl", reason="a gesture")
            await asyncio.sleep(0.5)
            assert (toy.state, toy.body.toy_id) == ("idle", "owl")
            assert toy.body.profile == remembered

    run(scene())


def test_a_toy_nobody_knows_leaves_the_old_one_in_place_with_a_friendly_sound():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            await asyncio.sleep(1)
            toy.speaker.played.clear()
            toy.post("toy.switch", toy_id="owl", reason="a gesture")
            await asyncio.sleep(1)
            assert (toy.state, toy.body.toy_id) == ("idle", "pommai-bear")
            assert toy.heard()[-1] == 100 + SOUND_NAMES.index("sorry")

    run(scene())


def test_the_server_is_asked_first_and_has_its_time():
    async def scene():
        async with simulated_toy() as toy:
            toy.memory.keep_toy(ToyProfile("robo-rex", "as remembered"))
            toy.link.deliver(SwitchToy("robo-rex"))
            await asyncio.sleep(1.5)
            assert toy.state == "switching_toy"
            toy.link.deliver(ToyConfig(ToyProfile("robo-rex", "as the server says")))
            await settle()
            assert (toy.state, toy.body.profile.name) == ("idle", "as the server says")
            assert (await toy.memory.toy("robo-rex")).name == "as the server says"

    run(scene())


def test_at_power_up_without_a_server_the_toy_is_itself_at_once():
    async def scene():
        async with simulated_toy(up=False) as toy:
            toy.link.go_down("no route")
            await settle()
            assert (toy.state, toy.body.profile.name) == ("idle", "Pommai-Bear")

    run(scene())


def test_a_server_that_does_not_answer_at_power_up_is_waited_for_two_seconds():
    async def scene():
        async with simulated_toy(loaded=False) as toy:
            await asyncio.sleep(1.9)
            assert toy.state == "loading_toy"
            await asyncio.sleep(0.2)
            assert toy.state == "idle"

    run(scene())


def test_a_theme_shows_other_lights_but_never_lies_about_recording():
    async def scene():
        async with simulated_toy() as toy:
            theme = {
                "breathing_blue": "switching_rainbow",
                "listening_pulse": "breathing_blue",
                "thinking_swirl": "listening_pulse",
                "safe_glow": "off",
                "no_such": "breathing_blue",
            }
            themed = []
            toy.body.show_theme = themed.append
            toy.link.deliver(ToyConfigUpdate(ToyProfile("pommai-bear", "Bear", led_theme=theme)))
            await settle()
            assert themed == [{"breathing_blue": "switching_rainbow", "no_such": "breathing_blue"}]

    run(scene())


def test_the_next_toy_is_the_next_of_those_that_came_with_it_and_after_the_last_the_first():
    async def scene():
        async with simulated_toy() as toy:
            choose_next_toy(toy.body)
            assert toy.body.wanted_toy == "robo-rex"
            toy.body.toy_id = "robo-rex"
            choose_next_toy(toy.body)
            assert toy.body.wanted_toy == "pommai-bear"
            toy.body.toy_id = "a-guest"
            choose_next_toy(toy.body)
            assert toy.body.wanted_toy == "pommai-bear"

    run(scene())


def test_who_is_more_careful_decides_what_may_be_said():
    async def scene():
        async with simulated_toy() as toy:

            def level(**more):
                toy.body.profile = ToyProfile("pommai-bear", "Bear", **more)
                return toy.body.listener.safety_level

            assert level(safety_level="relaxed") == "strict"  # what a filter is, when nobody says
            assert level(safety_level="relaxed", guardian_settings=GuardianSettings("moderate")) == "moderate"
            assert level(safety_level="strict", guardian_settings=GuardianSettings("relaxed")) == "strict"
            assert level(safety_level="relaxed", is_for_kids=False) == "relaxed"
            toy.body.profile = None
            assert toy.body.listener.safety_level == "strict"

    run(scene())
