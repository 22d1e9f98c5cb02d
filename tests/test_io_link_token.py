"""What the link shows the server, and what it does when that is refused."""

from __future__ import annotations

import asyncio
import contextlib
import http
from pathlib import Path
from random import Random

import pytest
from test_io_link import PATIENCE, QUICK, Recorder
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from pommai.errors import AuthenticationError, SecretError, SettingsError
from pommai.io.link import WebSocketLink
from pommai.io.link_token import FixedToken, StoredToken
from pommai.io.secret import SecretFile, keep_secret
from pommai.protocol.messages import HandshakeAck
from pommai.protocol.wire import encode_message


class Changing:
    """Gives a new token after each refusal."""

    def __init__(self, soon: bool = True) -> None:
        self.number, self.soon = 1, soon

    async def token(self) -> str:
        if self.number > 9:
            raise AuthenticationError("nobody knows this device")
        return f"token-{self.number}"

    def refused(self, token: str) -> bool:
        assert token == f"token-{self.number}"
        self.number += 1
        return self.soon


def test_a_fixed_token_is_always_the_same_and_hidden() -> None:
    token = FixedToken("abc")
    assert asyncio.run(token.token()) == "abc"
    assert not token.refused("abc")
    assert "abc" not in repr(vars(token))
    with pytest.raises(SettingsError, match="the token is empty, or has a space") as caught:
        FixedToken("a secret")
    assert "a secret" not in str(caught.value)


async def attempts(credentials: Changing, accepts: str, until: int) -> tuple[list[str], list[object]]:
    """Tokens that a server of one accepted token saw, and what the link said, until so many attempts or up."""
    seen: list[str] = []
    enough = asyncio.Event()

    def door(connection: ServerConnection, request: Request) -> Response | None:
        seen.append(request.headers["Authorization"].removeprefix("Bearer "))
        if len(seen) >= until:
            enough.set()
        return None if seen[-1] == accepts else connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")

    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(encode_message(HandshakeAck("s", {})))
        enough.set()
        with contextlib.suppress(Exception):
            await connection.wait_closed()

    recorder = Recorder()
    async with serve(talk, "127.0.0.1", 0, process_request=door) as server:
        port = server.sockets[0].getsockname()[1]
        link = WebSocketLink(
            f"ws://127.0.0.1:{port}",
            token=credentials,
            device_id="d",
            toy_id="t",
            capabilities={},
            times=QUICK,
            random=Random(1),
        )
        running = asyncio.create_task(link.run(recorder))
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
            if accepts in seen:
                await recorder.up()
        running.cancel()
        await asyncio.wait([running])
    return seen, recorder.calls


def test_a_refused_token_is_replaced_at_the_next_connect() -> None:
    seen, calls = asyncio.run(attempts(Changing(), "token-3", 99))
    assert seen == ["token-1", "token-2", "token-3"]
    assert calls[1] == ("down", "the server refuses the toy's token (HTTP 401)")


def test_a_token_that_cannot_be_read_ends_the_link_which_has_said_why(tmp_path: Path) -> None:
    """Whoever runs it knows what to wait for: calls would change nothing."""

    async def scene() -> None:
        recorder = Recorder()
        file, seen = keep_secret(tmp_path / "token", "a-token-of-a-toy"), list[str]()
        stored = StoredToken(SecretFile(file), seen.append)
        link = WebSocketLink("ws://127.0.0.1:1", token=stored, device_id="d", toy_id="t", capabilities={}, times=QUICK)
        running = asyncio.create_task(link.run(recorder))
        await recorder.until(lambda calls: len(calls) >= 4)
        file.chmod(0o644)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(SecretError, match="chmod 600"):
                await running
        assert recorder.calls[-2] == "connecting"
        assert "chmod 600" in recorder.reasons[-1]
        assert not link.is_up
        assert set(seen) == {"a-token-of-a-toy"}

    asyncio.run(scene())


def test_a_device_that_gets_no_token_says_why_and_does_not_connect() -> None:
    async def scene() -> None:
        credentials, recorder = Changing(), Recorder()
        credentials.number = 10
        link = WebSocketLink(
            "ws://127.0.0.1:1", token=credentials, device_id="d", toy_id="t", capabilities={}, times=QUICK
        )
        running = asyncio.create_task(link.run(recorder))
        await recorder.until(lambda calls: len(calls) >= 4)
        running.cancel()
        await asyncio.wait([running])
        assert recorder.calls[:4] == ["connecting", ("down", "nobody knows this device")] * 2

    asyncio.run(scene())
