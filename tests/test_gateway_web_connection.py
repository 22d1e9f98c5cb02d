"""What is no HTTP, and what goes wrong where nobody looks, is answered with JSON too."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from gateway_material import desk, run
from web_material import raw, web_of


def told(answer: bytes) -> tuple[bytes, dict[str, Any]]:
    """The line of its status, and what it says."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head
    assert b"nosniff" in head
    return head.splitlines()[0], json.loads(body)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x1b[2J / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_json_and_fills_no_log(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with desk() as gateway, web_of(gateway) as web:
            line, said = told(await raw(web.port, data))
            assert b" 400 " in line
            assert said["error"] == "this is no HTTP request that can be read"
            assert len(said["hint"]) <= 100
            assert "\x1b" not in said["hint"]

    caplog.set_level("INFO")
    run(test())
    assert "Traceback" not in caplog.text
    assert "no HTTP" not in caplog.text


def test_a_fault_outside_of_every_page_is_told_of_in_json_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with desk() as gateway:
            web = web_of(gateway)

            async def broken(request: Any, response: Any) -> None:
                if not caplog.text:
                    raise ZeroDivisionError

            web.app.on_response_prepare.append(broken)
            async with web:
                line, said = told(await raw(web.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
                assert b" 500 " in line
                assert said == {"error": "the gateway has a fault", "hint": "its log says more"}

    asyncio.run(test())
    assert "ZeroDivisionError" in caplog.text
