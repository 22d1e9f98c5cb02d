"""What the gateway counts of real toys on real sockets."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import AsyncGenerator, Callable

import pytest
from gateway_material import desk, encode_all, knock, run, sentence, toy_at
from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway import metrics
from pommai.gateway.metrics import Histogram, Metrics
from pommai.gateway.personas import Persona
from pommai.gateway.responder import Heard, Piece
from pommai.gateway.server import Gateway
from pommai.protocol import messages as m


def test_the_examples_in_the_words_hold() -> None:
    assert doctest.testmod(metrics).failed == 0


@given(st.lists(st.floats(0, 100)))
def test_a_histogram_counts_every_value_once_and_each_bound_includes_itself(values: list[float]) -> None:
    histogram = Histogram((0.5, 1.0, 20.0))
    for value in values:
        histogram.observe(value)
    expected = [sum(value <= bound for value in values) for bound in histogram.bounds]
    assert histogram.up_to() == [*expected, len(values)]
    assert (histogram.count, histogram.total) == (len(values), pytest.approx(sum(values)))


@pytest.mark.parametrize("bounds", [(), (1.0, 1.0), (2.0, 1.0)])
def test_bounds_that_do_not_grow_are_a_mistake(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="grow"):
        Histogram(bounds)


def test_a_severity_that_a_stranger_made_up_makes_no_number_of_its_own() -> None:
    counted = Metrics()
    for severity in ("high", "low", "HIGH", "x" * 1000, "high"):
        counted.alarmed(severity)
    assert counted.alerts == {"high": 2, "low": 1, "other": 2}


async def until(fits: Callable[[], bool]) -> None:
    while not fits():
        await asyncio.sleep(0.01)


def test_a_turn_that_is_answered_is_counted_from_its_first_frame_to_its_last() -> None:
    async def test() -> None:
        packets = encode_all(sentence(0.4))
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.say(1, packets)
            answer = await toy.answer()
            counted = gateway.metrics
            assert (counted.turns_begun, counted.turns_answered, counted.turns_aborted) == (1, 1, 0)
            assert (counted.frames_in, counted.frames_out) == (len(packets), len(answer))
            assert counted.first_frame.count == 1
            assert counted.bytes_in > sum(map(len, packets))
            assert counted.bytes_out > sum(len(frame.packet) for frame in answer)

    run(test())


def test_turns_that_fail_or_are_stopped_are_told_apart() -> None:
    class Slow:
        """Thinks, and is never done."""

        async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
            await asyncio.Event().wait()
            yield b""

    async def test() -> None:
        packets = encode_all(sentence(0.1))
        async with desk(responder=Slow()) as gateway:
            counted = gateway.metrics
            async with toy_at(gateway) as toy:
                await toy.send_frame(1, 0, b"no opus", final=True)
                assert (await toy.expect(m.ErrorMessage)).code == "AUDIO_ERROR"
                await until(lambda: counted.turns_failed == {"AUDIO_ERROR": 1})
                await toy.say(2, packets)  # thought about
                await toy.send(m.Abort(2, "the button"))
                await until(lambda: counted.turns_aborted == 1)
                await toy.send_frame(3, 0, packets[0])  # never ends
                await toy.send_frame(4, 0, packets[0])
                await until(lambda: counted.turns_aborted == 2)
            await until(lambda: counted.turns_aborted == 3)  # with the toy itself
            assert (counted.turns_begun, counted.turns_answered) == (4, 0)

    run(test())


def test_what_is_not_let_in_is_counted_by_its_reason() -> None:
    async def refused(gateway: Gateway) -> None:
        async with knock(gateway) as connection:
            await connection.send("{}")
            await connection.wait_closed()

    async def test() -> None:
        async with desk() as gateway:
            await refused(gateway)
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(
                b"GET /audio-stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            assert b"401" in await reader.readline()
            writer.close()
            assert gateway.metrics.refused == {"handshake": 1, "token": 1}

    run(test())


def test_too_many_messages_and_alerts_are_counted() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(m.GuardianAlert("high", "asked for help", "2026-01-01T00:00:00Z", id="a"))
            for _ in range(101):
                await toy.send(m.Ping("2026-01-01T00:00:00Z"))
            await until(lambda: gateway.metrics.rate_limited > 0)
            assert gateway.metrics.alerts == {"high": 1}

    run(test())
