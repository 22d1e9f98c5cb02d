"""The scripts for offers, in a real Redis: the later word stays, and whoever asks learns each change once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisProcess
from test_gateway_fleet_scripts import FAR, with_client

from pommai.gateway.fleet import offer_scripts as scripts

SHA = "0" * 64
MARK_KEYS = ("changes", "bundles", "bundles:order", "toys", "toys:order")
ROW_KEYS = ("changes", "toys", "toys:order", "bundles")


@pytest.fixture
def redis(tmp_path: Path) -> Any:
    with RedisProcess(tmp_path) as process:
        yield process


def mark(changed: int, made: int = 10, rest: str = "[]") -> str:
    return f"{changed:016d} {made:016d} {rest}"


def row(changed: int, rest: str = "[]") -> str:
    return f"{changed:016d} {rest}"


def test_the_later_word_about_a_bundle_stays_and_toys_of_an_earlier_offer_are_forgotten(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        async def put(text: str, deadline: str | int = "") -> Any:
            return await asks(scripts.MARK, MARK_KEYS, deadline, SHA, text)

        async def toys(*texts: str, deadline: str | int = "") -> Any:
            return await asks(scripts.ROWS, ROW_KEYS, deadline, SHA, 9, *texts)

        assert await toys("bear", row(50)) == "gone"
        assert await put(mark(10), 1) == "late"
        assert await put(mark(10), FAR) == "set"
        assert await put(mark(10)) == "known"
        assert await put(mark(10, rest="[1]")) == "newer"
        assert await toys("bear", row(11), deadline=1) == "late"
        assert await toys("bear", row(11), "rex", row(10), "cat", row(12)) == "set"
        assert await toys("bear", row(10, "old"), "cat", row(13)) == "set"
        assert await some.hgetall("toys") == {"bear": row(11), "cat": row(13)}
        assert await put(mark(20, rest="[all]")) == "set"
        assert await some.hlen("toys") == 2
        assert await put(mark(30, 30), FAR) == "newer", "two operators bring it at the same time"
        assert await put(mark(30, 30)) == "set", "it was brought to two gateways that were alone"
        assert await some.exists("toys", "toys:order") == 0
        await toys("bear", row(31))
        assert await put(mark(40, 30, "-[]")) == "set"
        assert await some.exists("toys", "toys:order") == 0
        assert await toys("bear", row(50)) == "gone"
        assert await put(mark(39, 30)) == "newer"
        assert await put(mark(41, 41), FAR) == "set"
        await some.hset("bundles", SHA, "garbage")
        assert await put(mark(1, 1)) == "set"

    with_client(redis, test)


def test_of_too_many_toys_those_that_were_heard_of_last_are_kept(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        keys = ("changes", "words", "words:order", "bundles")
        for number in range(5):
            await asks(scripts.ROWS, keys, "", "", 3, f"t{number % 4}", row(number + 1))
        assert await some.zrange("words:order", 0, -1) == ["t2", "t3", "t0"]
        assert await some.hgetall("words") == {"t2": row(3), "t3": row(4), "t0": row(5)}

    with_client(redis, test)


def test_whoever_asks_learns_each_change_once_in_pages_and_nothing_huge(redis: RedisProcess) -> None:
    async def test(some: Any, asks: Any) -> None:
        async def pull(after: str = "0") -> Any:
            return await asks(scripts.PULL, ("epoch", "changes", "words", "words:order"), "word", after, 2)

        keys = ("changes", "words", "words:order", "bundles")
        assert (await pull())[:2] + (await pull())[3:] == ["word", "0", "0", 0, []]
        for name, text in (("a", row(1)), ("b", row(1)), ("c", "x" * 100_000), ("d" * 9000, row(1)), ("a", row(2))):
            await asks(scripts.ROWS, keys, "", "", 99, name, text)
        await some.hset("words", "c", "x" * 100_000)
        await some.zadd("words:order", {"c": 3})
        epoch, changes, now, last, looked_at, found = await pull()
        assert (epoch, int(changes) >= 4, looked_at, found) == ("word", True, 2, ["b", row(1)])
        assert abs(int(now) - 1000 * (await some.time())[0]) < 60_000
        *_, last, looked_at, found = await pull(last)
        assert found == ["a", row(2)]
        await some.zadd("words:order", {"b": "inf", "a": 1e300})
        assert (await pull(last))[3:] == [last, 0, []]

    with_client(redis, test)


def test_pieces_are_asked_for_by_so_many_at_most_and_taken_for_a_while(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(some: Any, asks: Any) -> None:
        await some.zadd("asked", {"old": 1})
        for begin in range(0, 2000, 100):
            await asks(scripts.ASK, ("asked",), 60_000, *(f"{SHA}:{number}" for number in range(begin, begin + 100)))
        assert await some.zcard("asked") == scripts.MOST_ASKED
        assert await some.zscore("asked", "old") is None
        assert 0 < await some.pttl("asked") <= 60_000
        await some.set("piece", "abcdef", px=60_000)
        assert await asks(scripts.TAKE, ("piece",), 3, 5_000) == "abc"
        assert await some.pttl("piece") <= 5_000
        assert await asks(scripts.TAKE, ("none",), 3, 5_000) == ""

    with_client(redis, test)
