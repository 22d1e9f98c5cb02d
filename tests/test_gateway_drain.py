"""How a gateway goes: toys that are at rest connect anew, turns under way end, nobody waits for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from gateway_material import desk, encode_all, run, sentence, toy_at
from websockets.exceptions import ConnectionClosed

from pommai.gateway.personas import Persona, Personas
from pommai.gateway.responder import Heard
from pommai.protocol import messages as m

SPOKEN = sentence(1.0)
PACKETS = encode_all(SPOKEN)


class Lecturer:
    """Never ends."""

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        while True:
            yield SPOKEN

    def refuse(self, personas: Personas) -> None: ...


def test_a_toy_at_rest_is_told_to_connect_anew_and_a_turn_under_way_is_answered_to_its_last_frame() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "rests") as resting, toy_at(gateway, "talks") as talking:
            await talking.say(1, PACKETS)
            frames = talking.frames()
            heard = [await anext(frames)]
            draining = asyncio.create_task(gateway.drain(seconds=20))
            for toy in (resting, talking):
                if toy is talking:
                    heard += [frame async for frame in frames]
                with pytest.raises(ConnectionClosed) as caught:
                    await toy.receive()
                assert caught.value.rcvd is not None
                assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1012, "this gateway ends; connect again")
            assert (len(heard), heard[-1].final) == (len(PACKETS), True)
            await draining
            assert gateway.sessions == ()

    run(test())


def test_an_answer_without_end_is_cut_when_the_time_is_over() -> None:
    async def test() -> None:
        async with desk(responder=Lecturer()) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            await anext(toy.frames())
            await gateway.drain(seconds=0.1)
            assert gateway.sessions == ()

    run(test())


def test_an_abort_while_the_gateway_drains_lets_the_toy_go_at_once() -> None:
    async def test() -> None:
        async with desk(responder=Lecturer()) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            await anext(toy.frames())
            draining = asyncio.create_task(gateway.drain(seconds=600))
            await toy.send(m.Abort(1, "barge-in"))
            await draining

    run(test())


def test_another_gateway_may_listen_on_the_port_while_the_old_one_still_answers() -> None:
    async def test() -> None:
        async with desk(responder=Lecturer()) as old, toy_at(old) as toy:
            await toy.say(1, PACKETS)
            frames = toy.frames()
            await anext(frames)
            draining = asyncio.create_task(old.drain(seconds=600))
            await asyncio.sleep(0)
            async with desk(old.port) as new, toy_at(new, "next") as other:
                await anext(frames)
                await other.say(1, PACKETS)
                assert len(await other.answer()) == len(PACKETS)
            draining.cancel()
            await asyncio.wait([draining])

    run(test())


def test_a_gateway_without_toys_is_drained_at_once() -> None:
    async def test() -> None:
        async with desk() as gateway:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"GET / HTTP/1.1\r\n")
            await asyncio.sleep(0)
            await gateway.drain(seconds=600)
            writer.close()

    run(test())
