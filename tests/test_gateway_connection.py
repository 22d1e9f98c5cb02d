from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from gateway_material import TOKEN, ScriptedToy, desk, encode_all, knock, run, sentence, toy_at
from hostile_material import RawToy
from websockets.exceptions import ConnectionClosed

from pommai.gateway import connection
from pommai.io.link_slices import SLICE_BYTES
from pommai.protocol import messages as m
from pommai.protocol.limits import MAX_MESSAGE_BYTES
from pommai.protocol.wire import encode_binary, encode_message

PACKETS = encode_all(sentence(1.0))


async def close_of(toy: ScriptedToy) -> tuple[int, str]:
    """How the gateway ends the connection, whatever it says before."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await toy.receive()
    code, reason = toy.connection.close_code, toy.connection.close_reason
    assert code is not None
    assert reason is not None
    return code, reason


def test_sound_and_words_keep_their_order_when_they_come_at_once() -> None:
    async def test() -> None:
        async with desk() as gateway:
            async with await RawToy.connect(gateway) as toy:
                said = [toy.text(m.GetToyConfig("robo-rex")), toy.text(m.Ping("1"))]
                said += [
                    toy.binary(encode_binary(m.UpAudio(1, at, packet, at == len(PACKETS) - 1)))
                    for at, packet in enumerate(PACKETS)
                ]
                said += [toy.text(m.Abort(1, "barge-in")), toy.text(m.Ping("2"))]
                toy.writer.write(b"".join(said))
                got = []
                while not got or got[-1] != m.Pong("2", got[-1].server_time if isinstance(got[-1], m.Pong) else None):
                    got.append(await toy.receive())
            kinds = [type(message).__name__ for message in got]
            assert kinds == ["ToyConfig", "PiConfigUpdate", "Pong", "Pong"], (
                "the turn was aborted before it was answered"
            )
            assert gateway.metrics.frames_in == len(PACKETS)

    run(test())


@pytest.mark.parametrize(
    "size", [SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 3 * SLICE_BYTES, MAX_MESSAGE_BYTES - 9]
)
def test_messages_of_every_size_arrive_whole(size: int) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            text = '{"type":"ping","timestamp":"now","more":"'
            await toy.connection.send(text + "x" * (size - len(text) - 2) + '"}')
            assert (await toy.expect(m.Pong)).timestamp == "now"

    run(test())


def test_a_library_that_gives_much_at_once_is_taken_in_slices_and_others_have_their_turn() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            (end,) = gateway._entered.connections
            data = RawToy.text(m.Ping("now")) * 90
            turns = 0
            end.data_received(data[:500])
            end.data_received(data[500:])  # as TLS does, which decides itself how much it gives
            while end._rest:
                turns += 1
                await asyncio.sleep(0)
            assert turns >= len(data) // SLICE_BYTES - 1
            for _ in range(90):
                await toy.expect(m.Pong)

    run(test())


def test_a_toy_that_reads_nothing_any_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALLED_SECONDS", 0.05)

    async def test() -> None:
        async with desk() as gateway, await RawToy.connect(gateway, receive_bytes=2048):
            await gateway.sessions[0].send(m.PiConfigUpdate({"HOTWORD_MODELS": ["x" * 60_000]}))
            while gateway.sessions:
                await asyncio.sleep(0.01)

    run(test())


def test_a_flood_of_pings_whose_answers_are_not_read_ends_the_connection() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "good") as good:
            async with await RawToy.connect(gateway, receive_bytes=2048) as bad:
                flood = bad.frame(9, b"x" * 125) * 2_000
                bad.writer.write(flood)
                while len(gateway.sessions) > 1:
                    await asyncio.sleep(0.01)
            await good.say(1, PACKETS)
            assert len(await good.answer()) == len(PACKETS)

    run(test())


def test_who_says_goodbye_and_never_hangs_up_does_not_hold_up_the_end() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with desk() as gateway:
            polite = await RawToy.connect(gateway)
            polite.writer.write(polite.frame(8, b"\x03\xe8"))
            while polite.rest != b"closed":
                await polite.note_close()
            began = loop.time()
        assert loop.time() - began < 2
        await polite.close()

    run(test())


def test_a_reason_that_is_too_long_for_the_wire_is_cut_between_letters() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            gateway._entered.connections[0].part(1008, "ä" * 100)
            assert await close_of(toy) == (1008, "ä" * 60)

    run(test())


def test_whoever_is_still_opening_is_cut_without_a_word() -> None:
    async def test() -> None:
        async with desk() as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n".encode())
            while not (opening := gateway._entered.connections):
                await asyncio.sleep(0)
            opening[0].part(1008, "gone")
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

    run(test())


def test_the_send_buffer_of_the_system_is_bounded_too() -> None:
    async def test() -> None:
        async with desk() as gateway, knock(gateway) as toy:
            await toy.send(encode_message(m.Handshake("desk-1", "pommai-bear")))
            await toy.recv()
            end = gateway._entered.connections[0].transport.get_extra_info("socket")
            assert end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * connection.SEND_BUFFER_BYTES

    run(test())
