"""HTTP beside the socket, as strangers, slow and hostile clients meet it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web as aiohttp_web
from gateway_material import desk, run, toy_at
from test_gateway_tls import issue, trusting
from web_material import OPERATOR, asking, operated, raw, web_of

from pommai.errors import PommaiError, SettingsError, StoreError
from pommai.gateway.porch import Porch
from pommai.gateway.tls import Certificate
from pommai.gateway.web import app as app_module
from pommai.gateway.web.app import BODY_BYTES, Web, WebSettings

HEAD = f"Host: x\r\nAuthorization: Bearer {OPERATOR}\r\nConnection: close\r\n"


def parted(answer: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body or b"{}")


def test_what_is_not_there_is_answered_with_what_is() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            answer = await client.get("/persona")
            assert answer.status_code == 404
            assert answer.json()["error"] == "there is nothing at /persona"
            assert "GET /personas, " in answer.json()["hint"]
            answer = await client.delete("/personas")
            assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
            assert answer.json() == {"error": "/personas takes no DELETE", "hint": "it takes GET, HEAD, OPTIONS"}
            answer = await client.options("/personas/active")
            assert (answer.status_code, answer.headers["Allow"], answer.content) == (
                204,
                "GET, HEAD, OPTIONS, PUT",
                b"",
            )
            answer = await client.head("/sessions")
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["Content-Length"] == str(len((await client.get("/sessions")).content))

    run(test())


def test_an_answer_says_nothing_of_what_made_it_and_is_kept_by_nobody() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            for path in ("/healthz", "/nowhere", "/metrics"):
                headers = (await client.get(path)).headers
                assert "Server" not in headers
                assert headers["Cache-Control"] == "no-store"
                assert headers["X-Content-Type-Options"] == "nosniff"

    run(test())


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (StoreError("the disk is full"), 503, "the disk is full"),
        (PommaiError("no such thing"), 400, "no such thing"),
        (RuntimeError("token 1234"), 500, "the gateway has a fault"),
    ],
)
def test_what_a_route_raises_is_a_sentence_with_a_fitting_status(
    error: Exception, status: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async def fail(_: aiohttp_web.Request) -> aiohttp_web.Response:
            raise error

        async with desk() as gateway:
            web = web_of(gateway)
            web.app.router.add_get("/fail", fail)
            async with web, asking(web) as client:
                answer = await client.get("/fail")
                assert (answer.status_code, answer.json()["error"]) == (status, words)
                assert ("request broken" in caplog.text) == (status == 500)

    run(test())


def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            answer = await client.post("/toys/pause", content=b"x" * (BODY_BYTES + 1))
            assert answer.status_code == 413
            assert answer.json()["hint"] == f"most requests may carry {BODY_BYTES} bytes"
            port = client.base_url.port
            assert port is not None
            endless = b"POST /toys/pause HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HEAD.encode() + b"\r\n"
            chunks = (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 3
            assert b"413" in (await raw(port, endless + chunks)).split(b"\r\n")[0]

    run(test())


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
    ],
)
def test_what_is_no_proper_request_is_refused_and_the_connection_closed(request_: bytes) -> None:
    async def test() -> None:
        async with operated() as (_, client):
            assert client.base_url.port is not None
            answer = await raw(client.base_url.port, request_)
            assert answer.split()[1] == b"400"
            assert b"Traceback" not in answer
            assert (await client.get("/healthz")).status_code == 200

    run(test())


def test_who_sends_headers_byte_by_byte_or_nothing_at_all_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "IDLE_SECONDS", 0.3)

    async def trickle(port: int, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        return await reader.read()

    async def test() -> None:
        async with desk() as gateway, web_of(gateway) as web:
            async with toy_at(gateway):
                found = await asyncio.gather(
                    trickle(web.port, b""),
                    trickle(web.port, b"G"),
                    trickle(web.port, b"X: y\r\n"),
                    *(trickle(web.port, b"") for _ in range(50)),
                    return_exceptions=True,
                )
                assert len(gateway.sessions) == 1
            answers = [each for each in found if isinstance(each, bytes)]
            assert not any(answer.startswith(b"HTTP/1.1 2") for answer in answers)

    run(test())


def test_a_body_that_trickles_in_is_given_up_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "REQUEST_SECONDS", 0.3)

    async def test() -> None:
        async with desk() as gateway, web_of(gateway) as web:
            reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
            writer.write(f"POST /toys/pause HTTP/1.1\r\nContent-Length: 60000\r\n{HEAD}\r\n".encode())
            answer = asyncio.create_task(reader.readuntil(b"}\n"))
            while not answer.done():
                writer.write(b"{")
                await asyncio.sleep(0.01)
            assert parted(await answer) == (408, {"error": "this took longer than 0.3 s", "hint": ""})
            writer.close()

    run(test())


def test_who_asks_and_does_not_read_is_cut_off_and_nothing_is_held_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "REQUEST_SECONDS", 0.3)
    transports: list[asyncio.Transport] = []

    async def large(request: aiohttp_web.Request) -> aiohttp_web.Response:
        assert isinstance(request.transport, asyncio.Transport)
        transports.append(request.transport)
        return aiohttp_web.Response(body=bytes(8 << 20))

    async def test() -> None:
        async with desk() as gateway:
            web = web_of(gateway)
            web.app.router.add_get("/large", large)
            async with web:
                with socket.socket() as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    client.setblocking(False)
                    loop = asyncio.get_running_loop()
                    await loop.sock_connect(client, ("127.0.0.1", web.port))
                    await loop.sock_sendall(client, f"GET /large HTTP/1.1\r\n{HEAD}\r\n".encode())
                    while not (transports and transports[0].is_closing()):
                        await asyncio.sleep(0.01)
                    assert transports[0].get_write_buffer_size() == 0

    run(test())


def test_half_open_connections_leave_room_for_toys_and_are_forgotten_when_they_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class SmallPorch(Porch):
        """Lets few stand before the door."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, most_from_one=20, **options)

    monkeypatch.setattr(app_module, "Porch", SmallPorch)

    async def answered(web: Web) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with asking(web) as client:
                return (await client.get("/healthz")).is_success
        return False

    async def test() -> None:
        async with desk() as gateway, web_of(gateway) as web:
            loop = asyncio.get_running_loop()
            with contextlib.ExitStack() as stack:
                for _ in range(20):
                    half_open = stack.enter_context(socket.socket())
                    half_open.setblocking(False)
                    await loop.sock_connect(half_open, ("127.0.0.1", web.port))
                while await answered(web):
                    await asyncio.sleep(0)
                async with toy_at(gateway):
                    assert len(gateway.sessions) == 1
            while not await answered(web):
                await asyncio.sleep(0.01)

    run(test())


def test_a_port_that_is_taken_is_a_sentence() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            async with desk() as gateway:
                with pytest.raises(PommaiError, match=r"for HTTP: .*Choose another --http-port: 0 .* or none"):
                    async with web_of(gateway, port=taken.getsockname()[1]):
                        pass

    run(test())


def test_a_port_out_of_range_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match=r"HTTP port must be 0\.\.65535, not 70000"):
        WebSettings(port=70_000)


def speaks_ipv6() -> bool:
    """Containers often have no IPv6, not even to themselves."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "localhost"])
def test_it_listens_wherever_it_is_told_to(host: str) -> None:
    if ":" in host and not speaks_ipv6():
        pytest.skip("needs IPv6, if only on this machine")

    async def test() -> None:
        async with desk() as gateway, web_of(gateway, host=host) as web:
            there = f"[{host}]" if ":" in host else host
            assert web.url == f"http://{there}:{web.port}"
            near = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, there)
            async with asking(web) as client:
                assert (await client.get(f"http://{near}:{web.port}/healthz")).json() == {"status": "alive"}

    run(test())


def test_with_a_certificate_it_is_https_and_plain_words_are_not_understood(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        certificate = Certificate(*issue(tmp_path))
        async with desk(tls=certificate.context) as gateway, web_of(gateway, tls=certificate.context) as web:
            assert web.url.startswith("https://127.0.0.1:")
            assert gateway.url.startswith("wss://127.0.0.1:")
            async with asking(web, verify=trusting()) as client:
                assert (await client.get("/readyz")).json()["ready"] is True
            with contextlib.suppress(ConnectionError):
                assert not (await raw(web.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 2")

    caplog.set_level(logging.INFO)
    run(test())
    assert "Traceback" not in caplog.text


def test_when_it_closes_who_is_answered_gets_the_answer_and_who_waits_for_ever_does_not_hold_it_up() -> None:
    entered = asyncio.Event()

    async def slow(_: aiohttp_web.Request) -> aiohttp_web.Response:
        entered.set()
        await asyncio.sleep(0.1)
        return aiohttp_web.json_response({"done": True})

    async def endless(_: aiohttp_web.Request) -> aiohttp_web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def test() -> None:
        async with desk() as gateway:
            web = web_of(gateway)
            web.app.router.add_get("/slow", slow)
            web.app.router.add_get("/endless", endless)
            async with web:
                client = asking(web)
                asked = [asyncio.create_task(client.get(path)) for path in ("/endless", "/slow")]
                await entered.wait()
            waiting, answered = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(answered, httpx.Response)
            assert answered.json() == {"done": True}
            assert isinstance(waiting, httpx.TransportError)
            await client.aclose()

    run(test())


def test_who_goes_before_the_answer_is_made_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> str:
            asked.set()
            await go_on.wait()
            return ""

        async with desk() as gateway:
            web = web_of(gateway)
            web.checks["slow"] = slow
            async with web:
                _, writer = await asyncio.open_connection("127.0.0.1", web.port)
                writer.write(f"GET /readyz HTTP/1.1\r\n{HEAD}\r\n".encode())
                await asked.wait()
                (connection,) = web._runner.server.connections
                transport = connection.transport
                writer.transport.abort()
                while not transport.is_closing():
                    await asyncio.sleep(0)
                go_on.set()
                while connection._current_request is not None:
                    await asyncio.sleep(0)

    run(test())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
