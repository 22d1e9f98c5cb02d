"""Strangers at the door: connects that say nothing, too little, too slowly or too often."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import ssl
from collections.abc import Iterator

import pytest
import trustme
from gateway_material import PERSONAS, TOKEN, desk, encode_all, knock, run, sentence, toy_at
from hostile_material import OPENING

from pommai.gateway import admission, listening, porch
from pommai.gateway.porch import MOST_FROM_ONE, MOST_WAITING
from pommai.gateway.server import Gateway, GatewaySettings

PACKETS = encode_all(sentence(1.0))
BURST = 10_000
WAVE = 1_000


@contextlib.contextmanager
def many_files(count: int) -> Iterator[int]:
    """Let this process have so many files open, where the system lets it; yields how many sockets a wave may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = min(max(before[0], count), before[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield min(WAVE, (soft - 500) // 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def stranger(port: int, number: int) -> socket.socket:
    """A connection that says nothing, from one of four addresses."""
    connection = socket.socket()
    connection.setblocking(False)
    try:
        connection.bind((f"127.0.1.{number % 4 + 1}", 0))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except OSError:  # turned away before it even knew that it was connected
        connection.close()
    return connection


def test_ten_thousand_connects_in_a_burst_leave_the_toys_inside_their_answers_and_no_memory_behind() -> None:
    async def test(wave: int) -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)
            turn, most, made = 1, 0, 0
            gc.collect()
            before = len(gc.get_objects())
            while made < BURST:
                turn += 1
                await toy.say(turn, PACKETS[:15])
                strangers = await asyncio.gather(*(stranger(gateway.port, number) for number in range(wave)))
                made += wave
                most = max(most, gateway._entered.porch.waiting)
                assert len(await toy.answer()) == 15, "the toys inside are served"
                for each in strangers:
                    each.close()
                while gateway._entered.porch.waiting:
                    await asyncio.sleep(0)
            strangers = []
            while len(gateway._entered.connections) > 1:
                await asyncio.sleep(0)
            gc.collect()
            assert 0 < most <= MOST_WAITING
            assert len(gc.get_objects()) - before < BURST / 2, "less than half an object for each of them"
            async with toy_at(gateway, "next"):
                assert len(gateway.sessions) == 2

    with many_files(2 * WAVE + 1_000) as wave:
        run(test(wave))


def test_one_house_cannot_take_all_places_before_the_door() -> None:
    async def test() -> None:
        async with desk() as gateway:
            silent = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(10)]
            try:
                gateway._entered.porch._most_from_one = 10
                while gateway._entered.porch.waiting < 10:
                    await asyncio.sleep(0)
                with pytest.raises((ConnectionError, EOFError)):
                    async with knock(gateway):
                        pass
                async with knock(gateway, local_addr=("127.0.0.9", 0)):
                    pass
            finally:
                for each in silent:
                    each.close()

    assert MOST_FROM_ONE < MOST_WAITING
    run(test())


@pytest.mark.parametrize("said", [b"", b"GET /", OPENING.format(token=TOKEN, device="slow").encode()[:-1]])
def test_who_says_nothing_or_half_a_request_is_cut_in_time(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.1)

    async def test() -> None:
        async with desk() as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            while gateway._entered.porch.waiting:
                await asyncio.sleep(0)

    run(test())


def test_a_request_that_comes_byte_by_byte_has_no_longer_than_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.2)

    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)

            async def drip() -> None:
                with contextlib.suppress(ConnectionError):
                    for byte in OPENING.format(token=TOKEN, device="slow").encode() * 50:
                        writer.write(bytes([byte]))
                        await writer.drain()
                        await asyncio.sleep(0.01)

            dripping = asyncio.create_task(drip())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            dripping.cancel()
            await asyncio.wait([dripping])
            writer.close()
            await toy.say(1, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)

    run(test())


def test_who_was_let_in_and_never_introduces_itself_counts_as_waiting_and_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "HANDSHAKE_SECONDS", 0.1)

    async def test() -> None:
        async with desk() as gateway, knock(gateway) as silent:
            assert gateway._entered.porch.waiting == 1
            await silent.wait_closed()
            while gateway._entered.porch.waiting:
                await asyncio.sleep(0)

    run(test())


def test_a_tls_handshake_that_never_ends_counts_as_waiting_and_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.2)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def test() -> None:
        async with Gateway(GatewaySettings(PERSONAS, TOKEN, port=0), tls=context) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"\x16\x03\x01")
            while not gateway._entered.porch.waiting:
                await asyncio.sleep(0)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            while gateway._entered.porch.waiting:
                await asyncio.sleep(0)
            writer.close()

    run(test())


def test_a_burst_of_who_is_turned_away_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with desk() as gateway:
            gateway._entered.porch._most_waiting = 0
            for number in range(2 * porch.TURNED_AWAY_AT_ONCE):
                (await stranger(gateway.port, number)).close()
            while gateway._entered.porch.turned_away < 2 * porch.TURNED_AWAY_AT_ONCE:
                await asyncio.sleep(0)
            assert gateway._entered.porch.waiting == 0

    run(test())
