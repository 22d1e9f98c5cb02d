"""Redis, asked with patience that ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gateway_material import run
from redis_server import RedisProcess

from pommai.errors import FleetError, SettingsError
from pommai.gateway.fleet import redis_server
from pommai.gateway.fleet.redis_server import RedisServer


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "localhost:6379", "", "redis://:pass/word@host:x", "redis://host:99999999", "redis://[::1"],
)
def test_an_address_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="the address of Redis must be like") as caught:
        RedisServer(url)
    assert "pass/word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_finds_what_is_new_and_waits_no_longer_than_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "LISTEN_SECONDS", 0.05)

    async def test(url: str) -> None:
        server = RedisServer(url)
        assert await server.newest("news") == "0-0"
        assert await server.listen({"news": "0-0"}, 10) == []
        first = (await server.call("XADD", "news", "*", "a", "1")).decode()
        assert await server.listen({"news": "0-0", "alerts": "0-0"}, 10) == [("news", [(first, {b"a": b"1"})])]
        assert await server.newest("news") == first
        assert await server.run("return {KEYS[1], ARGV[1], 7}", ["k"], "x") == [b"k", b"x", 7]
        await server.call("HSET", "h", *(word for number in range(1000) for word in (f"f{number}", "v")))
        assert len(await server.scan("h", 5000)) == 1000
        assert 700 <= len(await server.scan("h", 700)) <= 1000
        with pytest.raises(FleetError, match="has keys of another program"):
            await server.call("GET", "h")
        with pytest.raises(FleetError, match=r"refuses: .*unknown command"):
            await server.call("DANCE")
        await server.close()

    with RedisProcess(tmp_path) as process:
        run(test(process.url))


def test_a_frozen_redis_is_given_up_and_one_that_is_gone_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "CALL_SECONDS", 0.1)

    async def test(process: RedisProcess) -> None:
        server = RedisServer(process.url)
        process.freeze()
        with pytest.raises(FleetError, match=rf"Redis at 127\.0\.0\.1 port {process.port} does not answer"):
            await server.call("PING")
        process.kill()
        with pytest.raises(FleetError, match="cannot be reached"):
            await server.call("PING")
        process.start()
        assert await server.call("PING") in (b"PONG", True)
        await server.close()

    with RedisProcess(tmp_path) as process:
        run(test(process))


def test_whoever_is_cancelled_while_it_waits_ends(tmp_path: Path) -> None:
    async def test(url: str) -> None:
        server = RedisServer(url)
        for turns in range(60):
            waiting = asyncio.create_task(server.listen({"nothing": "0-0"}, 10))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await server.close()

    with RedisProcess(tmp_path) as process:
        run(test(process.url))
