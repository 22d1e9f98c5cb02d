from __future__ import annotations

from pathlib import Path

import pytest
from gateway_material import desk, run, toy_at

from pommai.errors import PersonasError, ProtocolError
from pommai.gateway.orders import LONGEST_MESSAGE, OrderError, Orders
from pommai.protocol import messages as m

PERSONAS = Path(__file__).parents[1] / "personas.yaml"


def test_an_order_is_carried_out_by_every_toy_it_concerns() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            orders = Orders(gateway, PERSONAS)
            assert await orders.switch("robo-rex") == 1
            assert (await toy.expect(m.SwitchToy)).toy_id == "robo-rex"
            await toy.expect(m.PiConfigUpdate)
            assert await orders.pause("1m30s", "time for bed") == 1
            assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction", 90.0, "time for bed")
            assert await orders.pause() == 1
            assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction")
            assert await orders.resume() == 1
            assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("resume")
            assert await orders.set_volume("040") == 1
            assert await toy.expect(m.Command) == m.Command("volume", {"percent": 40})
            assert await orders.set_volume("40", "desk-2") == 0
            assert await orders.restart("desk-1") == 1
            assert await toy.expect(m.Command) == m.Command("restart")
            assert await orders.reset("desk-2") == 0
            assert await orders.reset("desk-1") == 1
            assert await toy.expect(m.Command) == m.Command("reset")
            assert await orders.reload() == 0

    run(test())


@pytest.mark.parametrize("length", ["soon", "0s", "25h", "", "5", "-5m"])
def test_a_pause_has_a_length_that_a_toy_can_keep(length: str) -> None:
    async def test() -> None:
        async with desk() as gateway:
            with pytest.raises(OrderError, match="no time to pause for; write 30s or 5m"):
                await Orders(gateway, PERSONAS).pause(length)

    run(test())


@pytest.mark.parametrize("percent", ["101", "-1", "loud", "", "4.5", "٤", "½", "0000000001000", "9" * 5000])
def test_a_volume_is_a_whole_number_up_to_100(percent: str) -> None:
    async def test() -> None:
        async with desk() as gateway:
            with pytest.raises(OrderError, match="write a whole number from 0 to 100"):
                await Orders(gateway, PERSONAS).set_volume(percent)

    run(test())


def test_what_cannot_be_done_changes_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with desk() as gateway:
            orders = Orders(gateway, tmp_path / "personas.yaml")
            with pytest.raises(OrderError, match="300 characters at most, not 301"):
                await orders.pause("5m", "x" * (LONGEST_MESSAGE + 1))
            with pytest.raises(ProtocolError, match="did you mean 'robo-rex'"):
                await orders.switch("roborex")
            with pytest.raises(PersonasError, match="cannot be read"):
                await orders.reload()

    run(test())
