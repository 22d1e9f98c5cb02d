from __future__ import annotations

import asyncio

import pytest
from gateway_material import desk, encode_all, knock, run, sentence, toy_at
from websockets.exceptions import ConnectionClosed

from pommai.gateway import registry
from pommai.gateway.session import REPLACED
from pommai.protocol import messages as m
from pommai.protocol.wire import decode, encode_message

PACKETS = encode_all(sentence(1.0))


def test_a_device_that_connects_anew_has_one_session_and_the_older_connection_is_told_why() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as older, toy_at(gateway) as newer:
            assert len(gateway.sessions) == 1
            with pytest.raises(ConnectionClosed) as caught:
                await older.receive()
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (REPLACED, "this device has connected anew")
            assert await gateway.switch_toy("robo-rex", "desk-1") == 1
            await newer.expect(m.SwitchToy)
            await newer.expect(m.PiConfigUpdate)
            await newer.say(1, PACKETS)
            assert len(await newer.answer()) == len(PACKETS)

    run(test())


def test_who_a_device_is_outlives_the_connection_that_it_has_replaced() -> None:
    async def test() -> None:
        async with desk() as gateway:
            async with toy_at(gateway) as older, toy_at(gateway, toy="robo-rex"):
                await older.connection.wait_closed()
                persona = gateway.active.get_active_persona("desk-1")
                assert persona is not None
                assert persona.toy_id == "robo-rex"
            while gateway.sessions:
                await asyncio.sleep(0)
            assert gateway.active.get_active_persona("desk-1") is None

    run(test())


def test_two_toys_with_one_identity_do_not_throw_each_other_out_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_REPLACED", 3)

    async def test() -> None:
        async with desk() as gateway, toy_at(gateway), toy_at(gateway), toy_at(gateway), toy_at(gateway) as last:
            for _ in range(2):
                async with knock(gateway) as too_many:
                    await too_many.send(encode_message(m.Handshake("desk-1", "pommai-bear")))
                    error = decode(await too_many.recv())
                    assert isinstance(error, m.ErrorMessage)
                    assert error.code == "RATE_LIMITED"
                    assert "two toys connect with the same id" in error.message
                    wait = error.details["retry_after"]
                    assert isinstance(wait, float)
                    assert 0 < wait <= 60
                    await too_many.wait_closed()
                    assert too_many.close_code == 1013
            async with toy_at(gateway, "another"):
                await last.say(1, PACKETS)
                assert len(await last.answer()) == len(PACKETS)

    run(test())


def test_the_memory_of_who_was_replaced_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_DEVICES", 2)

    async def test() -> None:
        async with desk() as gateway:
            for number in range(4):
                async with toy_at(gateway, f"desk-{number}"), toy_at(gateway, f"desk-{number}"):
                    pass
            assert len(gateway._registry._replaced) == 2

    run(test())
