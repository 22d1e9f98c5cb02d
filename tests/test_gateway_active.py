"""Who toys are to be, and what that sets on them."""

from __future__ import annotations

import dataclasses

import pytest
from gateway_material import PERSONAS, desk, run, toy_at

from pommai.errors import ProtocolError
from pommai.gateway.active import ActivePersonas, Change
from pommai.gateway.personas import Personas
from pommai.protocol import messages as m
from pommai.protocol.pi_config import MODELS

REX = {MODELS: ["okay_nabu"]}


def personas() -> Personas:
    """The project's own, of which robo-rex sets something."""
    return {**PERSONAS, "robo-rex": dataclasses.replace(PERSONAS["robo-rex"], pi_config=REX)}


def active() -> ActivePersonas:
    return ActivePersonas(personas())


def test_until_somebody_sets_one_a_toy_is_who_it_says_it_is() -> None:
    some = active()
    assert some.get_active_pi_config("a") == {}
    assert some.met("a", "robo-rex") is None
    assert some.get_active_pi_config("a") == REX
    some.chose("a", "pommai-bear")
    assert some.get_active_pi_config("a") == {}
    assert some.met("b", "stranger") is None
    assert some.get_active_persona("b") is None
    some.left("a")
    assert some.get_active_persona("a") is None


def test_what_is_set_for_all_or_for_one_counts_for_toys_that_come_later_and_the_last_word_is_right() -> None:
    async def test() -> None:
        some = active()
        await some.set("robo-rex")
        assert some.met("a", "pommai-bear") == "robo-rex"
        assert some.met("b", "robo-rex") is None
        await some.set("pommai-bear", "a")
        assert some.met("a", "pommai-bear") is None
        assert some.get_active_pi_config("b") == REX
        await some.set("robo-rex")
        assert some.get_active_pi_config("a") == REX

    run(test())


def test_what_a_child_chooses_counts_when_the_toy_comes_again() -> None:
    async def test() -> None:
        some = active()
        await some.set("robo-rex")
        some.met("a", "robo-rex")
        some.chose("a", "pommai-bear")
        some.left("a")
        assert some.met("a", "pommai-bear") is None

    run(test())


def test_a_persona_that_is_gone_from_the_file_is_asked_of_nobody() -> None:
    async def test() -> None:
        some = active()
        await some.set("robo-rex")
        some.personas = {"pommai-bear": PERSONAS["pommai-bear"]}
        assert some.met("a", "pommai-bear") is None
        assert some.get_active_pi_config("a") == {}
        some.personas = personas()
        assert some.met("a", "pommai-bear") == "robo-rex"

    run(test())


def test_who_listens_hears_of_each_change_and_of_none_that_cannot_be() -> None:
    async def test() -> None:
        some, heard = active(), []

        async def hear(change: Change) -> int:
            heard.append(change)
            return 2

        some.listen(hear)
        some.listen(hear)
        assert await some.set("robo-rex", "a") == 4
        with pytest.raises(ProtocolError, match="did you mean 'robo-rex'"):
            await some.set("robo_rex")
        assert heard == [Change("robo-rex", "a")] * 2

    run(test())


# -- through the gateway -------------------------------------------------------------------


def test_a_toy_is_told_on_connecting_and_one_that_is_to_be_another_is_asked_to_become_it_first() -> None:
    async def test() -> None:
        async with desk() as gateway:
            await gateway.change_personas(personas())
            async with toy_at(gateway, toy="robo-rex", greeted=False) as toy:
                assert (await toy.expect(m.PiConfigUpdate)).payload == REX
            await gateway.switch_toy("robo-rex")
            async with toy_at(gateway, greeted=False) as toy:
                assert (await toy.expect(m.SwitchToy)).toy_id == "robo-rex"
                assert (await toy.expect(m.PiConfigUpdate)).payload == REX
                await toy.send(m.GetToyConfig("pommai-bear"))  # it asks who it is before it has read that
                await toy.expect(m.ToyConfig)
                await toy.send(m.GetToyConfig("robo-rex"))
                await toy.expect(m.ToyConfig)
                assert (await toy.expect(m.PiConfigUpdate)).payload == REX

    run(test())


def test_a_change_of_the_file_tells_only_whom_it_concerns() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as bear, toy_at(gateway, "desk-2", "robo-rex") as rex:
            assert await gateway.change_personas(personas()) == 1
            assert (await rex.expect(m.PiConfigUpdate)).payload == REX
            assert await gateway.change_personas(personas()) == 0
            assert await gateway.change_personas(PERSONAS) == 1
            assert (await rex.expect(m.PiConfigUpdate)).payload == {}
            await bear.send(m.Ping("now"))
            await bear.expect(m.Pong)

    run(test())


def test_a_toy_that_could_not_become_another_says_who_it_is_and_that_counts() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await gateway.change_personas(personas())
            await gateway.switch_toy("robo-rex")
            await toy.expect(m.SwitchToy)
            assert (await toy.expect(m.PiConfigUpdate)).payload == REX
            await toy.send(m.GetToyConfig("robo-rex"))
            await toy.expect(m.ToyConfig)
            await toy.expect(m.PiConfigUpdate)
            await toy.send(m.GetToyConfig("pommai-bear"))
            await toy.expect(m.ToyConfig)
            assert (await toy.expect(m.PiConfigUpdate)).payload == {}
            assert gateway.active.get_active_persona("desk-1") == PERSONAS["pommai-bear"]

    run(test())
