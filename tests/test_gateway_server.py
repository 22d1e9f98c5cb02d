from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import pytest
from gateway_material import (
    FOURTH_DOWN,
    PERSONAS,
    THIRD,
    TOKEN,
    ScriptedToy,
    decode_all,
    desk,
    encode_all,
    knock,
    pitch_ratio,
    run,
    samples_of,
    sentence,
    toy_at,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pommai.errors import PommaiError, ProtocolError, SettingsError, StoreError
from pommai.gateway import admission
from pommai.gateway.archive import Archive
from pommai.gateway.personas import Persona
from pommai.gateway.responder import Heard
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.io.link import WebSocketLink
from pommai.protocol import messages as m
from pommai.protocol.limits import MAX_MESSAGE_BYTES

SPOKEN = sentence(1.0)
PACKETS = encode_all(SPOKEN)


async def listen_on(frames: AsyncIterator[m.DownAudio]) -> None:
    async for _ in frames:
        pass


# -- letting toys in -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ([], 401, "does not know your token"),
        ([("Authorization", f"Bearer {TOKEN}x")], 401, "does not know your token"),
        ([("Authorization", f"Basic {TOKEN}")], 401, "does not know your token"),
        ([("Authorization", f"Bearer {TOKEN}")] * 2, 401, "does not know your token"),
        ([("Authorization", "Bearer sch\xf6n")], 401, "does not know your token"),
        ([("Authorization", f"Bearer {TOKEN}")], 400, "X-Device-ID is missing"),
    ],
    ids=["none", "wrong", "another scheme", "twice", "not ascii", "no device"],
)
def test_who_shows_no_good_token_or_no_name_is_refused_in_words(
    headers: list[tuple[str, str]], status: int, words: str
) -> None:
    async def test() -> None:
        async with desk() as gateway:
            if status == 401:
                headers.append(("X-Device-ID", "desk-1"))
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(
                "GET /audio-stream HTTP/1.1\r\nHost: desk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n".encode(
                    "latin-1"
                )
            )
            answer = (await reader.read()).decode()
            writer.close()
            await writer.wait_closed()
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert words in answer
        assert TOKEN not in answer

    run(test())


def test_a_refused_toy_sees_the_status() -> None:
    async def test() -> None:
        async with desk() as gateway:
            with pytest.raises(InvalidStatus) as caught:
                async with connect(gateway.url, proxy=None):
                    pass
            assert caught.value.response.status_code == 401

    run(test())


def test_any_path_will_do() -> None:
    async def test() -> None:
        async with desk() as gateway:
            url = f"ws://127.0.0.1:{gateway.port}/"
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": "desk-1"}
            async with connect(url, additional_headers=headers, proxy=None) as connection:
                toy = ScriptedToy(connection, binary=True)
                await toy.send(m.Handshake("desk-1", "pommai-bear"))
                ack = await toy.expect(m.HandshakeAck)
                assert ack.capabilities["binary_audio"] is True
                assert [session.id for session in gateway.sessions] == [ack.session_id]

    run(test())


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (m.Ping("now"), "first message must be a handshake"),
        (m.Handshake("desk-1", "pommai-bear", protocol=2), "this gateway speaks 1"),
        (m.Handshake("somebody-else", "pommai-bear"), "not the X-Device-ID"),
    ],
    ids=["another message", "another protocol", "another device"],
)
def test_who_does_not_begin_with_a_proper_handshake_is_told_and_cut(first: m.Message, words: str) -> None:
    async def test() -> None:
        async with desk() as gateway, knock(gateway) as connection:
            toy = ScriptedToy(connection, binary=True)
            await toy.send(first)
            assert words in (await toy.expect(m.ErrorMessage)).message
            with pytest.raises(ConnectionClosed) as caught:
                await toy.receive()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1008
            assert words in caught.value.rcvd.reason

    run(test())


def test_who_says_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "HANDSHAKE_SECONDS", 0.05)

    async def test() -> None:
        async with desk() as gateway, knock(gateway) as connection:
            toy = ScriptedToy(connection, binary=True)
            assert "no handshake within" in (await toy.expect(m.ErrorMessage)).message
            with pytest.raises(ConnectionClosed):
                await toy.receive()

    run(test())


def test_a_message_of_two_megabytes_costs_the_connection_and_nobody_elses() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "other") as other:
            async with toy_at(gateway) as toy:
                await toy.connection.send(bytes(2 * MAX_MESSAGE_BYTES))
                with pytest.raises(ConnectionClosed) as caught:
                    await toy.receive()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1009
            await other.say(1, PACKETS)
            assert len(await other.answer()) == len(PACKETS)

    run(test())


# -- several toys --------------------------------------------------------------------------


def test_two_toys_at_once_each_get_their_own_answer() -> None:
    async def test() -> None:
        async with (
            desk() as gateway,
            toy_at(gateway, "desk-1", "pommai-bear") as bear,
            toy_at(gateway, "desk-2", "robo-rex", binary=False) as rex,
        ):
            for sequence, packet in enumerate(PACKETS):
                for toy in (bear, rex):
                    await toy.send_frame(1, sequence, packet, final=sequence == len(PACKETS) - 1)
            answers = await asyncio.gather(bear.answer(), rex.answer())
        ratios = [pitch_ratio(samples_of(SPOKEN), decode_all(answer)) for answer in answers]
        assert ratios == [pytest.approx(THIRD, rel=0.03), pytest.approx(FOURTH_DOWN, rel=0.03)]

    run(test())


def test_a_switch_reaches_the_toys_it_is_meant_for() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "desk-1") as one, toy_at(gateway, "desk-2") as two:
            assert await gateway.switch_toy("robo-rex", "desk-2") == 1
            assert (await two.expect(m.SwitchToy)).toy_id == "robo-rex"
            await two.expect(m.PiConfigUpdate)
            assert await gateway.switch_toy("pommai-bear") == 1, "the other one is the bear already"
            assert (await two.expect(m.SwitchToy)).toy_id == "pommai-bear"
            await one.send(m.Ping("now"))
            await one.expect(m.Pong)
            assert await gateway.switch_toy("robo-rex", "nobody") == 0
            with pytest.raises(ProtocolError, match=r"no toy 'robo_rex' \(did you mean 'robo-rex'\?\)"):
                await gateway.switch_toy("robo_rex")

    run(test())


def test_a_toy_that_leaves_in_the_middle_of_an_answer_is_forgotten() -> None:
    ended = asyncio.Event()

    class Lecturer:
        async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
            try:
                while True:
                    yield SPOKEN
            finally:
                ended.set()

    async def test() -> None:
        async with desk(responder=Lecturer()) as gateway:
            async with toy_at(gateway) as toy:
                await toy.say(1, PACKETS)
                await anext(toy.frames())
                toy.connection.transport.abort()
            await ended.wait()
            async with toy_at(gateway, "next"):
                assert [session.device_id for session in gateway.sessions] == ["next"]

    run(test())


def test_a_toy_that_does_not_read_holds_up_its_own_answer_only() -> None:
    produced = 0

    class Lecturer:
        async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
            nonlocal produced
            for _ in range(100):
                produced += 1
                yield SPOKEN

    async def test() -> None:
        async with (
            desk(responder=Lecturer()) as gateway,
            toy_at(gateway, "reads") as reader,
            toy_at(gateway, "does-not") as deaf,
        ):
            await deaf.say(1, PACKETS)
            await reader.say(1, PACKETS)
            frames = reader.frames()
            for _ in range(60):
                await anext(frames)
            assert produced < 10, "answers are made as they are sent, not ahead"
            deaf.connection.transport.abort()

    run(test())


class Listener:
    """Hears one answer over the toy's own link."""

    def __init__(self) -> None:
        self.up, self.answered = asyncio.Event(), asyncio.Event()
        self.frames: list[m.DownAudio] = []
        self.messages: list[m.Message] = []

    def on_connecting(self) -> None: ...

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self.up.set()

    def on_down(self, reason: str) -> None: ...

    def on_message(self, message: m.Message) -> None:
        self.messages.append(message)

    def on_audio(self, audio: m.DownAudio) -> None:
        self.frames.append(audio)
        if audio.final:
            self.answered.set()


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "hex"])
def test_the_toys_own_link_and_the_gateway_understand_each_other(binary: bool) -> None:
    async def test() -> Listener:
        listener = Listener()
        async with desk() as gateway:
            link = WebSocketLink(
                gateway.url,
                token=TOKEN,
                device_id="desk-1",
                toy_id="pommai-bear",
                capabilities={"audio": True, "binary_audio": binary},
            )
            running = asyncio.create_task(link.run(listener))
            try:
                await listener.up.wait()
                assert link.send(m.GetToyConfig("robo-rex"))
                for sequence, packet in enumerate(PACKETS):
                    assert link.send_audio(1, sequence, packet, final=sequence == len(PACKETS) - 1)
                    await asyncio.sleep(0)
                await listener.answered.wait()
            finally:
                running.cancel()
                await asyncio.wait([running])
        return listener

    listener = run(test())
    assert [type(message) for message in listener.messages] == [m.PiConfigUpdate, m.ToyConfig, m.PiConfigUpdate]
    assert pitch_ratio(samples_of(SPOKEN), decode_all(listener.frames)) == pytest.approx(FOURTH_DOWN, rel=0.03)


# -- the gateway itself --------------------------------------------------------------------


def test_a_port_that_is_taken_is_a_sentence() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(PommaiError, match=rf"cannot listen on 127.0.0.1 port {port}: .*another gateway"):
                async with desk(port):
                    pass

    run(test())


@pytest.mark.parametrize("token", ["", "two words", "schön", "line\nbreak"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match="the token is empty"):
        GatewaySettings(PERSONAS, token)


def test_a_gateway_does_not_wait_for_toys_that_say_no_goodbye() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as toys:
            async with desk() as gateway:
                talking = await toys.enter_async_context(toy_at(gateway, "talking"))
                await talking.say(1, encode_all(sentence()))
                frames = talking.frames()
                await anext(frames)
                # One that speaks HTTP and then never again, not even to say goodbye.
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(b"GET / HTTP/1.1\r\n")
                began = loop.time()
            assert loop.time() - began < 5.0, "websockets alone would have waited ten seconds for such a toy"
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            with pytest.raises(ConnectionClosed) as caught:
                await listen_on(frames)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1001

    run(test())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = ("handshake", "abort", "ping", "get_toy_config", "audio_chunk", "sync_batch", "guardian_alert", "?")
FIELDS = ("turn", "reason", "timestamp", "toyId", "data", "metadata", "deviceId", "batch", "severity")
MESSAGES = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(FIELDS), st.just("x") | st.integers(0, 3) | JSON, max_size=5),
)
FRAMES = st.builds(
    lambda head, turn, sequence, packet: bytes([1, 1, head, 0]) + turn.to_bytes(4) + sequence.to_bytes(4) + packet,
    st.integers(0, 3),
    st.integers(0, 3) | st.integers(0, 2**32 - 1),
    st.integers(0, 3) | st.integers(0, 2**32 - 1),
    st.sampled_from(PACKETS[:3]) | st.binary(max_size=40),
)


@given(
    st.lists(st.binary(max_size=40) | st.text(max_size=40) | JSON | MESSAGES | FRAMES, min_size=1, max_size=60),
    st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_stranger_sends_the_gateway_serves_the_next_toy(rubbish: list[object], meets: bool) -> None:
    import json

    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "good") as good:
            async with knock(gateway, "bad") as connection:
                toy = ScriptedToy(connection, binary=True)
                with contextlib.suppress(ConnectionClosed):
                    if meets:
                        await toy.send(m.Handshake("bad", "pommai-bear"))
                    for item in rubbish:
                        await connection.send(item if isinstance(item, (bytes, str)) else json.dumps(item))
            await good.say(1, PACKETS[:10])
            assert len(await good.answer()) == 10

    run(test())


def test_a_stranger_who_speaks_no_http_is_no_fault_of_the_gateway() -> None:
    async def test() -> None:
        async with desk() as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(os.urandom(200) + b"\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            async with toy_at(gateway) as toy:
                await toy.say(1, PACKETS)
                assert len(await toy.answer()) == len(PACKETS)

    run(test())


def test_a_gateway_can_be_made_without_naming_its_parts() -> None:
    gateway = Gateway(GatewaySettings(PERSONAS, TOKEN))
    assert gateway.sessions == ()
    assert gateway.persona("robo-rex").profile.name == "Robo Rex"


def test_a_gateway_closes_the_memory_it_made_and_leaves_a_given_archive_open() -> None:
    async def test() -> None:
        gateway = desk()
        for _ in range(2):
            async with gateway:
                mine = gateway.archive
                assert await mine.counts() == ()
            with pytest.raises(StoreError, match="closed"):
                await mine.counts()
        async with await Archive.open() as given:
            for _ in range(2):
                async with desk(archive=given) as gateway:
                    assert gateway.archive is given
            assert await given.counts() == ()

    run(test())


def test_a_gateway_that_cannot_listen_leaves_nothing_open() -> None:
    async def test() -> None:
        before = threading.active_count()
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PommaiError):
            await desk(taken.getsockname()[1]).__aenter__()
        while threading.active_count() > before:  # the thread of its archive is on its way out
            await asyncio.sleep(0)

    run(test())


def test_what_is_too_much_to_be_said_to_one_toy_keeps_it_from_no_other(caplog: pytest.LogCaptureFixture) -> None:
    bear = PERSONAS["pommai-bear"]
    too_much = replace(bear, profile=structs.replace(bear.profile, personality_prompt="x" * MAX_MESSAGE_BYTES))
    renamed = replace(PERSONAS["robo-rex"], profile=structs.replace(PERSONAS["robo-rex"].profile, name="Rex"))

    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "one"), toy_at(gateway, "two", "robo-rex") as rex:
            changed = {**PERSONAS, "pommai-bear": too_much, "robo-rex": renamed}
            assert await gateway.change_personas(changed) == 1
            assert (await rex.expect(m.ToyConfigUpdate)).config.name == "Rex"

    run(test())
    assert "toy not told" in caplog.text
