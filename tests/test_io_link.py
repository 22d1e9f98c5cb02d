"""The link over real sockets: what it says to a server, and what no server can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pommai.errors import SettingsError
from pommai.io import link_dial
from pommai.io.link import LinkTimes, WebSocketLink
from pommai.io.link_outbox import AUDIO_FRAMES
from pommai.io.ports import Link
from pommai.io.tls import ServerTrust
from pommai.protocol.limits import MESSAGES_PER_MINUTE
from pommai.protocol.messages import (
    Abort,
    AudioResponse,
    DownAudio,
    GetToyConfig,
    HandshakeAck,
    Message,
    Ping,
    Pong,
    SwitchToy,
    TextResponse,
    UpAudio,
)
from pommai.protocol.wire import decode, encode_audio_response, encode_binary, encode_message

QUICK = LinkTimes(open=2.0, handshake=0.2, settled=0.3, retry_first=0.01, retry_limit=0.05)
PATIENCE = 60.0
"""How long a test waits for something that has to happen: long, for it ends as soon as it has."""

Handler = Callable[[ServerConnection], Awaitable[None]]


class Recorder:
    """A listener that can be waited on."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self._changed = asyncio.Event()

    def on_connecting(self) -> None:
        self._note("connecting")

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self._note(("up", session))

    def on_down(self, reason: str) -> None:
        self._note(("down", reason))

    def on_message(self, message: Message) -> None:
        self._note(message)

    def on_audio(self, audio: DownAudio) -> None:
        self._note(audio)

    def _note(self, call: object) -> None:
        self.calls.append(call)
        self._changed.set()

    async def until(self, done: Callable[[list[object]], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done(self.calls):
                self._changed.clear()
                await self._changed.wait()

    async def up(self, times: int = 1) -> None:
        await self.until(lambda calls: sum(isinstance(call, tuple) and call[0] == "up" for call in calls) >= times)

    async def down(self, times: int = 1) -> None:
        await self.until(lambda _: len(self.reasons) >= times)

    @property
    def reasons(self) -> list[str]:
        return [call[1] for call in self.calls if isinstance(call, tuple) and call[0] == "down"]


def link_to(server: Server | int, **changes: object) -> WebSocketLink:
    port = server if isinstance(server, int) else port_of(server)
    settings: dict[str, object] = {
        "token": "secret",
        "device_id": "pi-1",
        "toy_id": "bear",
        "capabilities": {"audio": True, "binary_audio": True},
        "times": QUICK,
        "random": Random(1),
    }
    return WebSocketLink(f"ws://127.0.0.1:{port}/audio-stream", **{**settings, **changes})


def port_of(server: Server) -> int:
    return next(iter(server.sockets)).getsockname()[1]


@contextlib.asynccontextmanager
async def running(link: Link) -> AsyncIterator[Recorder]:
    recorder = Recorder()
    task = asyncio.create_task(link.run(recorder))
    try:
        yield recorder
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def polite(then: Handler | None = None, *, binary: bool = True, heard: list[object] | None = None) -> Handler:
    """A server that shakes hands, does `then`, and listens (to `heard`) until the toy goes."""

    async def handler(websocket: ServerConnection) -> None:
        handshake = decode(await websocket.recv())
        if heard is not None:
            heard.append(handshake)
        await websocket.send(encode_message(HandshakeAck("s1", {"binary_audio": binary})))
        with contextlib.suppress(ConnectionClosed):
            if then is not None:
                await then(websocket)
            async for data in websocket:
                if heard is not None:
                    heard.append(data)

    return handler


def serving(handler: Handler, port: int = 0, **options: object) -> serve:
    return serve(handler, "127.0.0.1", port, compression=None, close_timeout=0.2, **options)


async def eventually(done: Callable[[], bool]) -> None:
    """Waits for something that offers no event to wait for."""
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.005)


# -- talking -------------------------------------------------------------------------------


def test_it_introduces_itself_in_headers_and_handshake() -> None:
    async def story() -> None:
        heard: list[object] = []
        seen: list[dict[str, str]] = []

        async def look(websocket: ServerConnection) -> None:
            seen.append(dict(websocket.request.headers.raw_items()))

        async with serving(polite(look, heard=heard)) as server, running(link_to(server)) as recorder:
            await recorder.up()
            await eventually(lambda: bool(seen))
        assert recorder.calls[:2] == ["connecting", ("up", "s1")]
        (headers,) = seen
        assert headers["Authorization"] == "Bearer secret"
        assert headers["X-Device-ID"] == "pi-1"
        assert headers["X-Device-Type"] == "raspberry-pi-zero-2w"
        assert headers["X-Toy-ID"] == "bear"
        assert "Sec-WebSocket-Extensions" not in headers
        (handshake,) = heard
        assert (handshake.device_id, handshake.toy_id, handshake.protocol) == ("pi-1", "bear", 1)
        assert handshake.capabilities == {"audio": True, "binary_audio": True}

    asyncio.run(story())


def test_sound_and_messages_arrive_in_the_order_they_were_sent() -> None:
    async def story() -> None:
        heard: list[object] = []
        async with serving(polite(heard=heard)) as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.up()
                assert link.is_up
                assert link.send_audio(1, 0, b"one", final=False)
                assert link.send(Abort(1, "barge-in"))
                assert link.send_audio(2, 0, b"two", final=True)
                await eventually(lambda: len(heard) == 4)
                assert link.backlog == 0
            assert not link.is_up
        assert [type(data) for data in heard[1:]] == [bytes, str, bytes]
        assert [decode(data) for data in heard[1:]] == [
            UpAudio(1, 0, b"one"),
            Abort(1, "barge-in"),
            UpAudio(2, 0, b"two", final=True),
        ]

    asyncio.run(story())


@pytest.mark.parametrize(("toy", "server_says"), [(True, False), (False, True), (False, False)])
def test_sound_goes_as_hex_unless_both_ends_say_binary(toy, server_says) -> None:
    async def story() -> None:
        heard: list[object] = []
        async with serving(polite(heard=heard, binary=server_says)) as server:
            link = link_to(server, capabilities={"audio": True, "binary_audio": toy})
            async with running(link) as recorder:
                await recorder.up()
                assert link.send_audio(1, 0, b"one", final=True)
                await eventually(lambda: len(heard) == 2)
        message = json.loads(heard[1])
        assert (message["type"], message["data"]) == ("audio_chunk", b"one".hex())
        assert message["metadata"]["timestamp"].endswith("Z")
        assert decode(heard[1]) == UpAudio(1, 0, b"one", final=True)

    asyncio.run(story())


def test_answers_are_heard_in_either_form_and_the_transcript_becomes_text() -> None:
    frames = (DownAudio(1, 0, b"x"), DownAudio(1, 1, b"", final=True))

    async def answer(websocket: ServerConnection) -> None:
        await websocket.send(encode_binary(frames[0]))
        await websocket.send(encode_audio_response(AudioResponse(1, frames[1:], transcript="Hello!")))
        await websocket.send(encode_message(SwitchToy("cat", "the child asked")))

    async def story() -> None:
        async with serving(polite(answer)) as server, running(link_to(server)) as recorder:
            await recorder.until(lambda calls: len(calls) == 6)
            assert recorder.calls[2:] == [
                frames[0],
                TextResponse(1, "Hello!"),
                frames[1],
                SwitchToy("cat", "the child asked"),
            ]

    asyncio.run(story())


def test_a_ping_is_answered() -> None:
    async def story() -> None:
        heard: list[object] = []
        ping = polite(lambda websocket: websocket.send(encode_message(Ping("noon"))), heard=heard)
        async with serving(ping) as server, running(link_to(server)) as recorder:
            await eventually(lambda: len(heard) == 2)
        assert decode(heard[1]) == Pong("noon")
        assert Ping("noon") not in recorder.calls

    asyncio.run(story())


def test_another_toy_is_announced_at_the_next_connection() -> None:
    async def story() -> None:
        heard: list[object] = []
        async with serving(polite(heard=heard)) as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.up()
                link.toy_id = "cat"
                assert link.send(GetToyConfig("cat"))
                await eventually(lambda: len(heard) == 2)
                for connection in server.connections:
                    connection.transport.abort()
                await recorder.up(2)
        assert [heard[0].toy_id, heard[2].toy_id] == ["bear", "cat"]

    asyncio.run(story())


def test_it_keeps_the_limit_of_messages_and_never_counts_sound() -> None:
    async def story() -> None:
        heard: list[object] = []
        async with serving(polite(heard=heard)) as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.up()
                accepted = [link.send(Ping("x")) for _ in range(MESSAGES_PER_MINUTE + 10)]
                assert sum(accepted) == MESSAGES_PER_MINUTE - 1, "the handshake is one of the hundred"
                assert link.send_audio(1, 0, b"x", final=False)
                await eventually(lambda: len(heard) == MESSAGES_PER_MINUTE + 1)
                assert not link.send(Abort(-1, "no such turn"))
                assert link.oddities["own_rate_limit"] == 11

    asyncio.run(story())


# -- servers that are not there, or not well -----------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_it_calls_an_absent_server_until_it_is_there_and_again_when_it_was_killed() -> None:
    async def story() -> None:
        port = free_port()
        link = link_to(port)
        async with running(link) as recorder:
            await recorder.down(2)
            assert not link.is_up
            assert not link.send(Ping("x"))
            assert not link.send_audio(1, 0, b"x", final=False)
            for life in (1, 2):
                async with serving(polite(), port) as server:
                    await recorder.up(life)
                    for connection in server.connections:
                        connection.transport.abort()
                    server.close(close_connections=True)
                    await server.wait_closed()
                    await recorder.until(lambda calls: calls[-1] == "connecting" and not link.is_up)
        words = " ".join(call if isinstance(call, str) else call[0] for call in recorder.calls)
        assert words.replace("connecting up", "connecting").replace("connecting down", "").split() in (
            [],
            ["connecting"],
        ), words

    asyncio.run(story())


def test_a_refused_token_has_a_clear_reason_and_is_not_hammered() -> None:
    async def story() -> None:
        calls = 0

        def refuse(connection: ServerConnection, _: object) -> object:
            nonlocal calls
            calls += 1
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")

        slow = LinkTimes(retry_first=0.001, retry_limit=60.0)
        refusing = serving(polite(), process_request=refuse)
        async with refusing as server, running(link_to(server, times=slow)) as recorder:
            await recorder.down()
            await asyncio.sleep(0.1)
        assert recorder.reasons == ["the server refuses the toy's token (HTTP 401)"]
        assert calls == 1

    asyncio.run(story())


def test_a_token_refused_in_the_handshake_is_the_same() -> None:
    async def refuse(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send('{"type":"error","code":"AUTH_FAILED","message":"expired"}')
        await websocket.wait_closed()

    async def story() -> None:
        async with serving(refuse) as server, running(link_to(server)) as recorder:
            await recorder.down()
            assert recorder.reasons[0] == "the server refuses the toy's token: expired"

    asyncio.run(story())


def test_a_server_that_answers_something_else_than_a_websocket_has_a_clear_reason() -> None:
    async def story() -> None:
        def refuse(connection: ServerConnection, _: object) -> object:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no\n")

        async with serving(polite(), process_request=refuse) as server, running(link_to(server)) as recorder:
            await recorder.down()
            assert recorder.reasons[0] == "the server answers HTTP 404 instead of opening a WebSocket"

    asyncio.run(story())


def test_a_server_that_closes_right_after_the_handshake_is_called_ever_more_rarely() -> None:
    class Bounds(Random):
        """Waits nothing, and notes what it might have waited."""

        def __init__(self) -> None:
            super().__init__()
            self.bounds: list[float] = []

        def uniform(self, a: float, b: float) -> float:
            self.bounds.append(b)
            return 0.0

    async def story() -> None:
        bounds = Bounds()
        away = polite(lambda websocket: websocket.close(1013, "come back later"))
        patient = {"times": LinkTimes(), "random": bounds}
        async with serving(away) as server, running(link_to(server, **patient)) as recorder:
            await recorder.down(8)
        assert bounds.bounds[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert recorder.reasons[0] == "the server closed the connection (1013: come back later)"

    asyncio.run(story())


def test_a_server_that_accepts_and_then_says_nothing_is_given_up() -> None:
    async def silent(websocket: ServerConnection) -> None:
        await websocket.wait_closed()

    async def story() -> None:
        async with serving(silent) as server, running(link_to(server)) as recorder:
            await recorder.down(2)
            assert "no answer to the handshake" in recorder.reasons[0]

    asyncio.run(story())


def test_a_server_that_does_not_even_open_the_websocket_is_given_up() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            link = link_to(mute.getsockname()[1], times=LinkTimes(open=0.1, retry_first=0.01, retry_limit=0.05))
            async with running(link) as recorder:
                await recorder.down(2)
                assert recorder.reasons[0] == "127.0.0.1 does not answer"

    asyncio.run(story())


def test_garbage_is_counted_logged_once_a_kind_and_otherwise_ignored(caplog) -> None:
    garbage: list[str | bytes] = [
        "hello",
        "[" * 100_000,
        '{"type": "dance"}',
        '{"type": "abort"}',
        b"\x00",
        b"\xff" * 2000,
        encode_binary(UpAudio(1, 0, b"x")),
        '{"type": "handshake_ack", "sessionId": "again"}',
    ]

    async def rubbish(websocket: ServerConnection) -> None:
        for _ in range(3):
            for data in garbage:
                await websocket.send(data)
        await websocket.send(encode_message(SwitchToy("cat")))

    async def story() -> None:
        async with serving(polite(rubbish)) as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.until(lambda calls: len(calls) == 3)
                assert recorder.calls[2] == SwitchToy("cat")
                assert link.oddities == {
                    "BAD_MESSAGE": 9,
                    "AUDIO_ERROR": 6,
                    "unknown_type dance": 3,
                    "wrong_direction": 3,
                    "second_handshake": 3,
                }

    with caplog.at_level(logging.WARNING, "pommai"):
        asyncio.run(story())
    assert len(caplog.records) == 5
    assert {record.oddity for record in caplog.records} >= {"BAD_MESSAGE", "unknown_type dance"}


def test_a_frame_of_two_megabytes_costs_the_connection_and_no_more() -> None:
    async def story() -> None:
        shout = polite(lambda websocket: websocket.send(b"x" * 2_000_000))
        async with serving(shout) as server, running(link_to(server)) as recorder:
            await recorder.up(2)
            assert "1009" in recorder.reasons[0]

    asyncio.run(story())


def test_a_flood_reaches_the_toy_only_up_to_the_limit_and_leaves_the_loop_to_others() -> None:
    async def flood(websocket: ServerConnection) -> None:
        for _ in range(3000):
            await websocket.send('{"type":"command","name":"stop"}')
        await websocket.send(encode_binary(DownAudio(1, 0, b"x", final=True)))

    async def story() -> None:
        async with serving(polite(flood)) as server:
            link = link_to(server, times=replace(QUICK, handshake=10.0))  # reading a flood takes a busy machine long
            async with running(link) as recorder:
                turns = 0
                while not recorder.calls or not isinstance(recorder.calls[-1], DownAudio):
                    await asyncio.sleep(0)
                    turns += 1
                assert len(recorder.calls) == 2 + MESSAGES_PER_MINUTE + 1
                assert link.oddities["rate_limit"] == 3000 - MESSAGES_PER_MINUTE
                assert turns > 1000

    asyncio.run(story())


@contextlib.asynccontextmanager
async def deaf_server(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Shakes hands and then does not read any more, with as little room in its buffers as there can be."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))

    async def deaf(websocket: ServerConnection) -> None:
        tls = getattr(websocket.transport, "_ssl_protocol", None)  # which would read a quarter of a megabyte by itself
        (websocket.transport if tls is None else tls._transport).pause_reading()
        await websocket.wait_closed()

    quick: dict[str, object] = {"compression": None, "close_timeout": 0.1, "max_queue": 1}
    async with serve(polite(deaf), sock=listening, ssl=context, **quick) as server:
        yield server
        for connection in server.connections:
            connection.transport.abort()


def test_with_a_server_that_does_not_read_the_backlog_tells_and_frames_are_refused() -> None:
    async def story() -> None:
        async with deaf_server() as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.up()
                accepted, most = 0, 0
                for sequence in range(1000):
                    accepted += link.send_audio(1, sequence, bytes(60), final=False)
                    most = max(most, link.backlog)
                    await asyncio.sleep(0)
                assert most == AUDIO_FRAMES
                assert link.backlog == AUDIO_FRAMES
                assert accepted < 500, "the buffers between hold seconds, not minutes"
                assert link.send_audio(1, 1000, b"", final=True), "the end of a turn finds room"
                assert link.is_up

    asyncio.run(story())


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux only")
def test_a_server_that_was_stopped_in_its_tracks_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(link_dial, "USER_TIMEOUT_MS", 500)

    async def story() -> None:
        async with deaf_server() as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.up()
                sequence = 0
                while not recorder.reasons:
                    link.send_audio(1, sequence, bytes(60), final=False)
                    sequence += 1
                    await asyncio.sleep(0.001)
                assert recorder.reasons == ["the connection broke"]

    asyncio.run(story())


# -- leaving -------------------------------------------------------------------------------


def test_cancelled_it_says_goodbye_to_the_server_and_nothing_to_the_listener() -> None:
    async def story() -> None:
        closed = asyncio.Event()

        async def wait(websocket: ServerConnection) -> None:
            await websocket.wait_closed()
            assert websocket.close_code == 1000
            closed.set()

        async with serving(polite(wait)) as server:
            async with running(link_to(server)) as recorder:
                await recorder.up()
            async with asyncio.timeout(PATIENCE):
                await closed.wait()
        assert recorder.calls == ["connecting", ("up", "s1")]

    asyncio.run(story())


def test_cancelled_while_the_server_does_not_read_it_leaves_all_the_same() -> None:
    async def story() -> None:
        async with deaf_server() as server:
            link = link_to(server)
            task = asyncio.create_task(link.run(recorder := Recorder()))
            await recorder.up()
            for sequence in range(500):
                link.send_audio(1, sequence, bytes(60), final=False)
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=PATIENCE)
            assert done

    asyncio.run(story())


def test_cancelled_while_it_waits_or_calls_it_leaves_at_once() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            for port in (mute.getsockname()[1], free_port()):
                async with running(link_to(port, times=LinkTimes())) as recorder:
                    await recorder.until(bool)
                    await asyncio.sleep(0.02)

    asyncio.run(story())


def test_a_listener_that_fails_is_not_taken_for_a_broken_connection() -> None:
    class Broken(Recorder):
        def on_message(self, message: Message) -> None:
            raise RuntimeError("a bug in the toy")

    async def story() -> None:
        speak = polite(lambda websocket: websocket.send(encode_message(SwitchToy("cat"))))
        async with serving(speak) as server:
            with pytest.raises(RuntimeError, match="a bug in the toy"):
                async with asyncio.timeout(PATIENCE):
                    await link_to(server).run(Broken())

    asyncio.run(story())


# -- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": "line\nbreak"}, "the token is empty, or has a space"),
        ({"token": ""}, "the token is empty"),
        ({"device_id": "my pi"}, "the device id"),
        ({"device_id": "pi/1"}, "would not understand"),
        ({"toy_id": "../bear"}, "handshake.toyId must be an id"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_words(changes, words) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        link_to(1, **changes)
    assert "line\nbreak" not in str(caught.value)


def test_an_address_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(SettingsError, match=r"like wss://host/path, not 'http://example\.org'"):
        WebSocketLink("http://example.org", token="t", device_id="d", toy_id="t", capabilities={})


# -- TLS -----------------------------------------------------------------------------------

CERTIFICATE = Path(__file__).parent / "data" / "localhost.pem"
"""A key and a certificate for localhost that vouches for itself until 2125. Protects nothing."""


def encrypted() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def secure_link(server: Server, trust: ServerTrust | None) -> WebSocketLink:
    return WebSocketLink(
        f"wss://localhost:{port_of(server)}",
        token="secret",
        device_id="pi-1",
        toy_id="bear",
        capabilities={},
        trust=trust,
        times=QUICK,
    )


def test_over_tls_speech_flows_to_a_server_that_only_listens() -> None:
    async def story() -> None:
        heard: list[object] = []
        async with serving(polite(heard=heard), ssl=encrypted()) as server:
            link = secure_link(server, ServerTrust(ssl.create_default_context(cafile=CERTIFICATE)))
            async with running(link) as recorder:
                await recorder.up()
                for sequence in range(150):
                    assert link.send_audio(1, sequence, bytes(60), final=sequence == 149)
                    await eventually(lambda: link.backlog == 0)
                await eventually(lambda: len(heard) == 151)  # with the handshake

    asyncio.run(story())


def test_over_tls_too_the_backlog_tells_of_a_server_that_does_not_read() -> None:
    async def story() -> None:
        async with deaf_server(encrypted()) as server:
            link = secure_link(server, ServerTrust(ssl.create_default_context(cafile=CERTIFICATE)))
            async with running(link) as recorder:
                await recorder.up()
                accepted = 0
                for sequence in range(1000):
                    accepted += link.send_audio(1, sequence, bytes(60), final=False)
                    await asyncio.sleep(0)
                assert link.backlog == AUDIO_FRAMES
                assert accepted < 500, "the buffers between hold seconds, not minutes"

    asyncio.run(story())


def test_over_tls_it_trusts_whom_it_was_told_to_and_nobody_else() -> None:
    async def story() -> None:
        async with serving(polite(), ssl=encrypted()) as server:
            async with running(secure_link(server, None)) as recorder:
                await recorder.down()
                assert recorder.reasons[0].startswith("the server's certificate is not accepted: self")
            trust = ServerTrust(ssl.create_default_context(cafile=CERTIFICATE))
            async with running(secure_link(server, trust)) as recorder:
                await recorder.up()

    asyncio.run(story())
