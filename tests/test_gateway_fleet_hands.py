"""What a fleet has a real gateway do with its toys."""

from __future__ import annotations

import pytest
from gateway_material import desk, run, toy_at
from websockets.exceptions import ConnectionClosedError

from pommai.gateway.archive import Alert
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import Order
from pommai.protocol import messages as m

ALERT = Alert("2026-01-01T00:00:00.000+00:00", "desk-9", "high", "somebody is sad")


def test_orders_become_messages_for_those_they_concern() -> None:
    async def test() -> None:
        fleet = EmbeddedFleet()
        async with desk(fleet=fleet) as gateway, toy_at(gateway) as one, toy_at(gateway, "desk-2") as two:
            assert await fleet.hands.obey(Order("pause", 30.0, "dinner")) == 2
            for toy in (one, two):
                assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction", 30.0, "dinner")
            assert await fleet.hands.obey(Order("resume", device_id="desk-2")) == 1
            assert await two.expect(m.SafetyOverride) == m.SafetyOverride("resume")
            assert await fleet.hands.obey(Order("volume", percent=7)) == 2
            for toy in (one, two):
                assert await toy.expect(m.Command) == m.Command("volume", {"percent": 7})
            assert await fleet.hands.obey(Order("reset", device_id="desk-2")) == 1
            assert await two.expect(m.Command) == m.Command("reset")

    run(test())


def test_a_session_that_is_dropped_hears_why_and_is_told_nothing_more() -> None:
    async def test() -> None:
        fleet = EmbeddedFleet()
        async with desk(fleet=fleet) as gateway, toy_at(gateway) as toy:
            (session,) = gateway.sessions
            fleet.hands.drop(session.id)
            fleet.hands.drop(session.id)
            fleet.hands.drop("nobody")
            assert await gateway.switch_toy("robo-rex") == 0
            with pytest.raises(ConnectionClosedError, match="this device has connected anew"):
                await toy.receive()

    run(test())


def test_alerts_of_other_gateways_are_heard_and_not_counted_as_ones_own() -> None:
    async def test() -> None:
        fleet = EmbeddedFleet()
        async with desk(fleet=fleet) as gateway, toy_at(gateway) as toy:
            heard: list[Alert] = []
            gateway.alerts.listen(heard.append)
            fleet.hands.alarm(ALERT)
            assert heard == [ALERT]
            assert sum(gateway.metrics.alerts.values()) == 0
            await toy.send(m.GuardianAlert("high", "a scream", "2026-01-01T00:00:00Z"))
            await toy.send(m.Ping("now"))
            await toy.expect(m.Pong)
            assert [alert.reason for alert in heard] == ["somebody is sad", "a scream"]
            assert sum(gateway.metrics.alerts.values()) == 1

    run(test())
