"""The fleet of a gateway that is alone."""

from __future__ import annotations

import pytest
from fleet_material import Desk
from gateway_material import PERSONAS, desk, run, toy_at
from websockets.exceptions import ConnectionClosedError

from pommai.errors import ProtocolError, SettingsError
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import Order, Seat
from pommai.protocol import messages as m


def test_of_two_connections_of_a_toy_the_last_one_counts() -> None:
    async def test() -> None:
        one = Desk(PERSONAS, EmbeddedFleet("one"))
        await one.fleet.join(one)
        one.comes("a", "pommai-bear", "s1")
        one.comes("b", "pommai-bear", "s2")
        one.sessions["s3"] = "a"
        one.fleet.seated(Seat("a", "robo-rex", "s3"))
        assert one.dropped == ["s1"]
        one.fleet.left("s1")
        expected = (Seat("b", "pommai-bear", "s2", "one"), Seat("a", "robo-rex", "s3", "one"))
        assert await one.fleet.seats() == expected == one.fleet.seats_here
        assert await one.fleet.order(Order("volume", percent=5, device_id="b")) == 1
        assert one.fleet.trouble == ""
        await one.fleet.leave()

    run(test())


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a#1"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="a gateway's name is"):
        EmbeddedFleet(name)


# -- through the gateway -------------------------------------------------------------------


def test_a_toy_that_connects_again_is_told_by_its_old_connection_and_served_by_the_new_one() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as old, toy_at(gateway) as new:
            with pytest.raises(ConnectionClosedError, match="this device has connected anew"):
                await old.receive()
            assert await gateway.switch_toy("robo-rex") == 1
            assert (await new.expect(m.SwitchToy)).toy_id == "robo-rex"
            assert [seat.device_id for seat in await gateway.fleet.seats()] == ["desk-1"]

    run(test())


def test_only_a_device_or_all_can_be_somebody() -> None:
    async def test() -> None:
        async with desk() as gateway:
            for device_id in ("*", "", "a b"):
                with pytest.raises(ProtocolError, match="a device id is"):
                    await gateway.switch_toy("robo-rex", device_id)

    run(test())
