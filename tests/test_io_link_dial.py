"""Opening the TCP connection."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from pommai.io.link_dial import SEND_BUFFER_BYTES, dial


def test_it_connects_without_blocking_and_with_a_small_send_buffer() -> None:
    async def story() -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            await dial("localhost", server.getsockname()[1]) as connection,
        ):
            assert not connection.getblocking()
            size = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert size <= 2 * SEND_BUFFER_BYTES, "Linux tells twice what was asked for"

    asyncio.run(story())


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_when_nobody_listens_it_says_so() -> None:
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(dial("127.0.0.1", closed_port()))


def test_when_the_first_address_fails_it_tries_the_next(monkeypatch) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            good, bad = server.getsockname(), ("127.0.0.1", closed_port())
            found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in (bad, good)]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            with await dial("toys.example", 443) as connection:
                assert connection.getpeername() == good

    asyncio.run(story())


def test_a_name_that_nobody_knows_is_an_error_of_the_system(monkeypatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="not known"):
        asyncio.run(dial("toys.example", 443))


def test_a_name_that_cannot_be_one_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="label"):
        asyncio.run(dial("x" * 70 + ".example", 443))


def test_leaving_does_not_wait_for_a_name_server_that_does_not_answer(monkeypatch) -> None:
    answer = threading.Event()

    def late(*_: object, **__: object) -> list[object]:
        answer.wait(60.0)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", late)

    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await dial("toys.example", 443)

    try:
        asyncio.run(story())
        assert not answer.is_set()
        assert any(thread.name == "look-up" for thread in threading.enumerate()), "left behind, not waited for"
    finally:
        answer.set()
