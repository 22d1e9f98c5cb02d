"""Who toys are to be, and what that sets on them."""

from __future__ import annotations

import dataclasses

import pytest
from gateway_material import PERSONAS, desk, run, toy_at

from pommai.errors import ProtocolError
from pommai.gateway.active import ActivePersonas
from pommai.gateway.archive import Alert
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import Order
from pommai.gateway.fleet.wanted import ALL, Entry
from pommai.gateway.personas import Personas
from pommai.protocol import messages as m
from pommai.protocol.pi_config import MODELS

REX = {MODELS: ["okay_nabu"]}


def personas() -> Personas:
    """The project's own, of which robo-rex sets something."""
    return {**PERSONAS, "robo-rex": dataclasses.replace(PERSONAS["robo-rex"], pi_config=REX)}


class Nobody:
    """A gateway that counts how often it was told that something has changed."""

    def __init__(self) -> None:
        self.told = 0

    async def follow(self) -> int:
        self.told += 1
        return self.told

    async def obey(self, order: Order) -> int:
        return 0

    def drop(self, session_id: str) -> None: ...

    def alarm(self, alert: Alert) -> None: ...


async def active() -> ActivePersonas:
    fleet = EmbeddedFleet()
    await fleet.join(Nobody())
    return ActivePersonas(personas(), fleet)


def test_until_somebody_sets_one_a_toy_is_who_it_says_it_is() -> None:
    async def test() -> None:
        some = await active()
        assert some.get_active_pi_config("a") == {}
        assert some.met("a", "robo-rex") is None
        assert some.get_active_pi_config("a") == REX
        some.chose("a", "pommai-bear")
        assert some.get_active_pi_config("a") == {}
        assert some.met("b", "stranger") is None
        assert some.get_active_persona("b") is None
        some.left("a")
        assert some.get_active_persona("a") is None

    run(test())


def test_what_is_set_for_all_or_for_one_counts_for_toys_that_come_later_and_the_last_word_is_right() -> None:
    async def test() -> None:
        some = await active()
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
        some = await active()
        await some.set("robo-rex")
        some.met("a", "robo-rex")
        some.chose("a", "pommai-bear")
        some.left("a")
        assert some.met("a", "pommai-bear") is None

    run(test())


def test_a_persona_that_is_gone_from_the_file_is_asked_of_nobody() -> None:
    async def test() -> None:
        some = await active()
        await some.set("robo-rex")
        some.personas = {"pommai-bear": PERSONAS["pommai-bear"]}
        assert some.met("a", "pommai-bear") is None
        assert some.get_active_pi_config("a") == {}
        some.personas = personas()
        assert some.met("a", "pommai-bear") == "robo-rex"

    run(test())


def test_each_change_is_due_once_for_those_who_are_somebody_else() -> None:
    async def test() -> None:
        some = await active()
        some.met("a", "pommai-bear")
        some.met("b", "robo-rex")
        await some.set("robo-rex")
        assert [some.due(device) for device in ("a", "b", "a", "nobody")] == ["robo-rex", None, None, None]
        await some.set("robo-rex")
        assert some.due("a") == "robo-rex", "set again, and the toy has not said that it is"
        some.chose("a", "robo-rex")
        await some.set("robo-rex")
        assert some.due("a") is None

    run(test())


def test_a_toy_that_was_asked_to_become_another_and_then_not_to_is_told_both() -> None:
    async def test() -> None:
        some = await active()
        some.met("a", "pommai-bear")
        await some.set("robo-rex")
        assert some.due("a") == "robo-rex"
        await some.set("pommai-bear")
        assert some.due("a") == "pommai-bear", "the first word is on its way to it already"

    run(test())


def test_a_toy_that_asks_again_who_it_is_has_chosen_nothing() -> None:
    async def test() -> None:
        fleet = EmbeddedFleet()
        await fleet.join(Nobody())
        some = ActivePersonas(personas(), fleet)
        some.met("a", "pommai-bear")
        await some.set("robo-rex")
        some.due("a")
        some.chose("a", "pommai-bear")
        assert [where for where, _ in fleet.wanted] == [ALL]
        some.chose("a", "robo-rex")
        some.chose("a", "pommai-bear")
        assert [where for where, _ in fleet.wanted] == [ALL, "a"]

    run(test())


def test_a_persona_that_cannot_be_is_refused_and_nobody_is_told() -> None:
    async def test() -> None:
        some = await active()
        assert await some.set("robo-rex", "a") == 1
        with pytest.raises(ProtocolError, match="did you mean 'robo-rex'"):
            await some.set("robo_rex")
        assert await some.set("robo-rex") == 2

    run(test())


def test_who_is_to_be_somebody_that_is_not_in_the_file_becomes_it_when_it_is() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await gateway.switch_toy("robo-rex")
            await toy.expect(m.SwitchToy)
            await toy.expect(m.PiConfigUpdate)
            await toy.send(m.GetToyConfig("robo-rex"))
            await toy.expect(m.ToyConfig)
            await toy.expect(m.PiConfigUpdate)
            await gateway.change_personas({"robo-rex": PERSONAS["robo-rex"]})
            gateway.fleet.wanted.merge(ALL, Entry(gateway.fleet.wanted.seen + 1, "pommai-bear"))
            assert await gateway.change_personas(PERSONAS) == 1
            assert (await toy.expect(m.SwitchToy)).toy_id == "pommai-bear"

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
