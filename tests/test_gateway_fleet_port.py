"""What a fleet is for a gateway: both kinds of it are one, and so are a gateway's hands."""

from __future__ import annotations

import re

from gateway_material import desk, run

from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import NAME, Fleet, Hands, Order
from pommai.gateway.fleet.redis_fleet import RedisFleet


def test_both_fleets_can_stand_where_one_is_asked_for() -> None:
    async def test() -> None:
        fleets: tuple[Fleet, ...] = (EmbeddedFleet("one"), RedisFleet("redis://127.0.0.1:9", "two"))
        assert [fleet.name for fleet in fleets] == ["one", "two"]
        async with desk(fleet=fleets[0]) as gateway:
            hands: Hands = fleets[0].hands  # type: ignore[attr-defined]
            assert await hands.obey(Order("resume")) == 0
            assert gateway.fleet is fleets[0]

    run(test())


def test_a_name_fits_into_the_keys() -> None:
    assert re.fullmatch(NAME, "kitchen-1.example")
    assert not re.fullmatch(NAME, "a#b")
