from __future__ import annotations

import asyncio

import pytest
from gateway_material import PERSONAS, TOKEN, ScriptedToy, encode_all, knock, run, sentence, toy_at
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pommai.errors import SettingsError, StoreError
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.protocol import messages as m

PACKETS = encode_all(sentence(1.0))


def small(most_toys: int) -> Gateway:
    return Gateway(GatewaySettings(PERSONAS, TOKEN, port=0, most_toys=most_toys))


async def refusal(gateway: Gateway, device: str = "late") -> tuple[int, str | None, str]:
    """The status, Retry-After and words with which a toy is refused."""
    try:
        async with knock(gateway, device):
            raise AssertionError("it was let in")
    except InvalidStatus as caught:
        response = caught.response
        return response.status_code, response.headers.get("Retry-After"), response.body.decode()


def test_a_gateway_that_is_full_says_when_to_come_again_and_has_room_when_somebody_leaves() -> None:
    async def test() -> None:
        async with small(2) as gateway, toy_at(gateway, "one") as one:
            async with toy_at(gateway, "two"):
                status, after, words = await refusal(gateway)
                assert (status, after) == (503, "5")
                assert "has its 2 toys" in words
                assert gateway.metrics.refused["full"] == 1
                await one.say(1, PACKETS)
                assert len(await one.answer()) == len(PACKETS)
            while gateway._admission.inside > 1:
                await asyncio.sleep(0)
            async with toy_at(gateway, "late"):
                assert len(gateway.sessions) == 2

    run(test())


def test_who_is_let_in_and_never_introduces_itself_takes_a_place_until_it_is_cut() -> None:
    async def test() -> None:
        async with small(1) as gateway:
            async with knock(gateway) as silent:
                assert (await refusal(gateway))[0] == 503
                silent.transport.abort()
                while gateway._admission.inside:
                    await asyncio.sleep(0)
            async with toy_at(gateway):
                assert gateway._admission.inside == 1

    run(test())


def test_a_door_that_cannot_tell_now_says_when_to_come_again() -> None:
    class Stuck:
        async def admits(self, device_id: str, token: str) -> bool:
            raise StoreError("the disk is full")

    async def test() -> None:
        async with Gateway(GatewaySettings(PERSONAS, None, port=0), door=Stuck()) as gateway:
            status, after, words = await refusal(gateway)
            assert (status, after) == (503, "5")
            assert "disk" not in words

    run(test())


def test_a_gateway_that_drains_lets_nobody_in() -> None:
    async def test() -> None:
        async with small(5) as gateway, toy_at(gateway) as toy:
            await toy.send_frame(1, 0, PACKETS[0])  # a turn is under way
            while gateway.metrics.frames_in == 0:
                await asyncio.sleep(0)
            draining = asyncio.create_task(gateway.drain(seconds=20))
            await asyncio.sleep(0)
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                async with knock(gateway, "late"):
                    pass
            for sequence in range(1, len(PACKETS)):
                await toy.send_frame(1, sequence, PACKETS[sequence], final=sequence == len(PACKETS) - 1)
            assert len(await toy.answer()) == len(PACKETS)
            await draining

    run(test())


def test_a_first_message_that_is_no_message_is_refused_in_words() -> None:
    async def test() -> None:
        async with small(5) as gateway, knock(gateway) as connection:
            await connection.send("{")
            assert "not JSON" in (await ScriptedToy(connection, binary=True).expect(m.ErrorMessage)).message
            with pytest.raises(ConnectionClosed):
                await connection.recv()

    run(test())


@pytest.mark.parametrize("most", [0, -1])
def test_a_gateway_for_no_toys_is_a_mistake(most: int) -> None:
    with pytest.raises(SettingsError, match="at least one toy"):
        small(most)
