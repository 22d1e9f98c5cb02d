"""The scripts, in a real Redis: numbers that only grow, and the later word that stays."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from fleet_material import client
from gateway_material import run
from redis_server import RedisProcess

from pommai.gateway.fleet import scripts

PUT_KEYS = ("clock", "wanted", "changes", "news", "gateways")
FAR = 10**13
"""A deadline that never comes."""


@pytest.fixture
def redis(tmp_path: Path) -> Any:
    with RedisProcess(tmp_path) as process:
        yield process


def with_client(redis: RedisProcess, test: Any) -> None:
    async def story() -> None:
        async with client(redis.url) as some:

            def asks(script: str, keys: tuple[str, ...], *arguments: object) -> Coroutine[Any, Any, Any]:
                return some.eval(script, len(keys), *keys, *arguments)

            await test(some, asks)

    run(story())


def test_numbers_grow_even_when_a_gateway_has_seen_higher_ones_and_when_all_was_lost(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        async def put(seen: int = 0) -> int:
            entry, _ = await asks(scripts.PUT, PUT_KEYS, "one#0", "*", "bear", seen, FAR, "id")
            assert len(entry.split(" ")[0]) == 16
            return int(entry.split(" ")[0])

        numbers = [await put() for _ in range(20)]
        numbers.append(await put(numbers[-1] + 1_000_000))
        await some.flushall()
        numbers.append(await put(numbers[-1]))
        assert numbers == sorted(set(numbers))
        await some.set("clock", "9" * 30)
        assert await put() == 2**52, "and no further"

    with_client(redis, test)


def test_what_comes_after_its_deadline_is_not_done(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        assert await asks(scripts.PUT, PUT_KEYS, "one#0", "*", "bear", 0, 1000, "id") is None
        assert await asks(scripts.ORDER, ("news", "gateways"), "one#0", "{}", 1000, "id") is None
        assert await some.keys("*") == []

    with_client(redis, test)


def test_of_entries_that_are_merged_the_later_stays_and_garbage_gives_way(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        async def merge(*words: object, most: int = 100) -> dict[str, str]:
            await asks(scripts.MERGE, PUT_KEYS[:4], "one#0", most, *words)
            known: dict[str, str] = await some.hgetall("wanted")
            return known

        def entry(number: int, toy: str = "bear") -> str:
            return f"{number:016d} {toy}"

        await some.hset("wanted", "g", "zzz")
        assert (await merge("g", entry(1)))["g"] == entry(1)
        assert (await merge("a", entry(5), "a", entry(4)))["a"] == entry(5)
        assert (await merge("*", entry(7), "a", entry(6), "b", entry(8)))["a"] == entry(5), "overruled for all"
        assert (await merge("c", entry(9), most=4)).keys() == {"g", "a", "*", "b"}, "there is no room"
        assert (await merge("b", entry(10, "rex"), most=4))["b"] == entry(10, "rex")
        assert int(await some.get("clock")) == 10

    with_client(redis, test)


def test_a_toy_is_the_last_claimers_and_the_other_hears_of_it(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        async def claim(me: str, session: str, number: str = "") -> str:
            keys = ("clock", "gateways", "news", f"seats:{me}")
            (given,) = await asks(scripts.CLAIM, keys, me, "seats:", 5000, 0, "a", session, "bear", number)
            return str(given)

        for me in ("one#0", "two#0"):
            await asks(scripts.BEAT, ("epoch", "gateways", f"seats:{me}", "changes"), me, 5000, "word")
        first = await claim("one#0", "s1")
        second = await claim("two#0", "s2")
        assert first < second
        ((_, moved),) = await some.xrange("news")
        assert (moved["kind"], moved["session"]) == ("moved", "s1")
        assert await claim("one#0", "s1", first) == "", "it has gone elsewhere since"
        assert await claim("two#0", "s2", second) == second
        assert await some.hgetall("seats:one#0") == {}
        assert 0 < await some.pttl("seats:two#0") <= 5000
        await asks(scripts.RELEASE, ("seats:two#0",), "a", "s1")
        assert len(await some.hgetall("seats:two#0")) == 1, "that was another session's"
        await asks(scripts.RELEASE, ("seats:two#0",), "a", "s2")
        assert await some.hgetall("seats:two#0") == {}

    with_client(redis, test)
