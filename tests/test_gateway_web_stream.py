from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest
from gateway_material import desk, run, toy_at
from web_material import OPERATOR, asking, operated, web_of

from pommai.gateway.alert_feed import MOST_WAITING
from pommai.gateway.archive import Alert
from pommai.gateway.web import stream as stream_module
from pommai.gateway.web.stream import MOST_LISTENERS
from pommai.protocol import messages as m


def alert(number: int, words: str = "") -> Alert:
    return Alert("2026-01-01T00:00:00.000+00:00", "desk-1", "high", f"number {number}{words}")


class Listener:
    """Reads server-sent events."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def line(self) -> str:
        """The next line that is not empty."""
        while not (line := await anext(self._lines)):
            pass
        return line

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event's name and what it carries."""
        while (line := await self.line()).startswith(":"):
            pass
        return line.removeprefix("event: "), json.loads((await self.line()).removeprefix("data: "))


def test_an_alert_of_a_toy_is_heard_by_all_who_listen_as_soon_as_it_comes() -> None:
    async def test() -> None:
        async with (
            operated() as (gateway, client),
            client.stream("GET", "/alerts/stream") as one,
            client.stream("GET", "/alerts/stream") as two,
        ):
            assert one.headers["Content-Type"] == "text/event-stream"
            listeners = [Listener(one), Listener(two)]
            for listener in listeners:
                assert await listener.line() == ": alerts follow"
            async with toy_at(gateway) as toy:
                await toy.send(m.GuardianAlert("high", "asked for help", "2026-01-01T00:00:00Z", id="s1"))
                for listener in listeners:
                    name, told = await listener.event()
                    assert (name, told["device"], told["reason"]) == ("alert", "desk-1", "asked for help")

    run(test())


def test_who_listens_to_silence_is_told_that_the_line_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "ALIVE_SECONDS", 0.01)

    async def test() -> None:
        async with operated() as (gateway, client), client.stream("GET", "/alerts/stream") as response:
            listener = Listener(response)
            assert [await listener.line() for _ in range(3)] == [": alerts follow", ": still here", ": still here"]
            gateway.alerts.tell(alert(1))
            assert (await listener.event())[1]["reason"] == "number 1"

    run(test())


def test_who_does_not_read_in_time_is_told_how_much_is_lost() -> None:
    async def test() -> None:
        async with operated() as (gateway, client), client.stream("GET", "/alerts/stream") as response:
            listener = Listener(response)
            await listener.line()
            for number in range(MOST_WAITING + 5):  # all at once
                gateway.alerts.tell(alert(number))
            assert await listener.event() == ("dropped", {"count": 5})
            assert [(await listener.event())[1]["reason"] for _ in range(2)] == ["number 5", "number 6"]

    run(test())


def test_who_never_reads_is_cut_off_and_takes_a_bounded_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "WRITE_SECONDS", 0.2)

    async def test() -> None:
        async with desk() as gateway, web_of(gateway) as web:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(deaf, ("127.0.0.1", web.port))
                head = f"GET /alerts/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n"
                await loop.sock_sendall(deaf, head.encode())
                listening = gateway.alerts.listeners
                while gateway.alerts.listeners == listening:
                    await asyncio.sleep(0)
                number = 0
                while gateway.alerts.listeners > listening:
                    gateway.alerts.tell(alert(number, " " + "x" * 250))
                    number += 1
                    await asyncio.sleep(0)

    run(test())


def test_only_so_many_listen_and_who_goes_makes_room() -> None:
    async def test() -> None:
        async with operated() as (gateway, client):
            listening = gateway.alerts.listeners
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(
                base_url=client.base_url, headers=client.headers, limits=limits, trust_env=False
            ) as many:
                opened = [
                    await many.send(many.build_request("GET", "/alerts/stream"), stream=True)
                    for _ in range(MOST_LISTENERS)
                ]
                answer = await many.get("/alerts/stream")
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
                for response in opened:
                    await response.aclose()
            gateway.alerts.tell(alert(1))
            while gateway.alerts.listeners > listening:
                await asyncio.sleep(0.01)
            async with client.stream("GET", "/alerts/stream") as response:
                assert response.status_code == 200

    run(test())


def test_a_gateway_that_closes_does_not_wait_for_who_listens() -> None:
    async def test() -> None:
        async with desk() as gateway:
            web = web_of(gateway)
            async with web:
                client = asking(web)
                request = client.build_request("GET", "/alerts/stream")
                response = await client.send(request, stream=True)
            lines = [line async for line in response.aiter_lines() if line]
            assert lines[0] == ": alerts follow"
            await client.aclose()

    run(test())
