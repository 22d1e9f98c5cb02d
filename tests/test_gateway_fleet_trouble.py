"""A Redis that is gone, frozen, empty, full of somebody else's keys: toys notice nothing, and operators hear of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fleet_material import Desk, client, desks, until
from gateway_material import PERSONAS, desk, encode_all, run, sentence, toy_at
from redis_server import RedisProcess

from pommai.errors import FleetError
from pommai.gateway.archive import Alert
from pommai.gateway.fleet import redis_fleet
from pommai.gateway.fleet.port import Order, Seat
from pommai.gateway.fleet.redis_fleet import RedisFleet
from pommai.gateway.fleet.redis_server import RedisServer, Streams
from pommai.gateway.fleet.untold import MOST_ALERTS
from pommai.gateway.fleet.wanted import ALL
from pommai.protocol import messages as m

ALERT = Alert("2026-01-01T00:00:00.000+00:00", "desk-1", "high", "somebody is sad")


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """One of its own for each test, and gateways that are quick to try again."""
    monkeypatch.setattr(redis_fleet, "LONGEST_WAIT", 0.5)
    with RedisProcess(tmp_path) as process:
        yield process


async def in_touch(*all_: Desk) -> None:
    await until(lambda: not any(desk.fleet.trouble for desk in all_))


async def out_of_touch(*all_: Desk) -> None:
    await until(lambda: all(desk.fleet.trouble for desk in all_))


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[Desk]:
    """A gateway whose Redis is in some kind of trouble."""
    desk = Desk(PERSONAS, RedisFleet(url, "one"))
    await desk.fleet.join(desk)
    try:
        yield desk
    finally:
        await desk.fleet.leave()


def test_while_redis_is_gone_orders_for_all_are_refused_and_a_pause_is_obeyed_here(redis: RedisProcess) -> None:
    async def test() -> None:
        async with desks(redis.url, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            redis.kill()
            await out_of_touch(one, two)
            with pytest.raises(FleetError, match=r"told now, so nothing was changed: Redis at 127\.0\.0\.1 port"):
                await one.active.set("robo-rex")
            with pytest.raises(FleetError, match="nothing was changed"):
                await two.active.set("robo-rex", "a")
            with pytest.raises(FleetError, match="nothing was changed"):
                await one.fleet.order(Order("resume"))
            assert (one.toys["a"], len(one.fleet.wanted), one.orders) == ([], 0, [])
            with pytest.raises(FleetError, match=r"only those of this gateway \(1\) were asked to pause: "):
                await one.fleet.order(Order("pause"))
            assert [order.kind for order in one.orders] == ["pause"]
            with pytest.raises(FleetError):
                await one.fleet.seats()
            assert [seat.device_id for seat in one.fleet.seats_here] == ["a"]
            # What concerns only a toy that is here, is done.
            assert await one.active.set("robo-rex", "a") == 1
            assert await one.fleet.order(Order("volume", percent=3, device_id="a")) == 1

    run(test())


def test_a_redis_that_comes_back_empty_is_told_all_that_the_gateways_know(redis: RedisProcess) -> None:
    async def test() -> None:
        async with desks(redis.url, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            assert await two.active.set("robo-rex") == 1
            redis.kill()
            await out_of_touch(one, two)
            one.active.chose("a", "pommai-bear")  # a child does not wait for Redis
            two.comes("b", "pommai-bear", "s2")
            assert two.toys["b"] == ["robo-rex"]
            two.fleet.alert(ALERT)
            redis.start()
            await in_touch(one, two)
            entry = one.fleet.wanted.of("a")
            await until(lambda: two.fleet.wanted.of("a") == entry)
            await until(lambda: one.alerts == [ALERT])
            seats = [Seat("a", "pommai-bear", "s1", "one"), Seat("b", "robo-rex", "s2", "two")]
            while sorted(await one.fleet.seats(), key=lambda seat: seat.device_id) != seats:
                await asyncio.sleep(0.01)
            async with desks(redis.url, PERSONAS, "three") as (three,):
                assert dict(three.fleet.wanted) == dict(one.fleet.wanted)
                assert {where for where, _ in three.fleet.wanted} == {ALL, "a"}
                assert await three.active.set("pommai-bear") == 1, "what is set now is later than all that was"
            assert (one.toys["a"], two.toys["b"]) == (["robo-rex"], ["robo-rex", "pommai-bear"])

    run(test())


def test_a_redis_that_is_emptied_while_all_are_in_touch_is_told_again(redis: RedisProcess) -> None:
    async def test() -> None:
        async with desks(redis.url, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            await one.active.set("robo-rex")
            async with client(redis.url) as some:
                await some.flushall()
                while await some.hlen("pommai:{toys}:wanted") != 1:
                    await asyncio.sleep(0.01)
            seats = (Seat("a", "robo-rex", "s1", "one"),)
            while await two.fleet.seats() != seats:
                await asyncio.sleep(0.01)
            assert await two.active.set("pommai-bear") == 1, "it is heard by those who had read the old streams"

    run(test())


def test_a_toy_that_changes_gateways_while_redis_is_gone_is_the_newer_ones_in_the_end(redis: RedisProcess) -> None:
    async def test() -> None:
        async with desks(redis.url, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            while not await two.fleet.seats():
                await asyncio.sleep(0.01)
            redis.kill()
            await out_of_touch(one, two)
            two.comes("a", "pommai-bear", "s2")
            redis.start()
            await until(lambda: one.dropped == ["s1"])
            await in_touch(one, two)
            assert two.dropped == []

    run(test())


def test_a_frozen_redis_makes_nothing_wait_and_does_nothing_late(redis: RedisProcess) -> None:
    async def test() -> None:
        async with desks(redis.url, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            redis.freeze()
            with pytest.raises(FleetError, match="does not answer"):
                await two.active.set("robo-rex")
            await out_of_touch(one, two)
            for number in range(2 * MOST_ALERTS):
                one.fleet.alert(ALERT._replace(reason=f"number {number}"))
            redis.thaw()
            await in_touch(one, two)
            await until(lambda: len(two.alerts) >= MOST_ALERTS)
            assert len(two.alerts) == MOST_ALERTS, "the older ones were dropped"
            assert two.alerts[-1].reason == "number 199"
            assert (one.toys["a"], len(two.fleet.wanted)) == ([], 0), "what was refused was not done"
            assert await two.active.set("robo-rex") == 1

    run(test())


def test_toys_come_talk_and_are_answered_while_redis_is_frozen(redis: RedisProcess) -> None:
    async def test() -> None:
        packets = encode_all(sentence(0.5))
        async with desk(fleet=RedisFleet(redis.url, "one")) as gateway, toy_at(gateway) as one:
            redis.freeze()
            for turn in range(4):
                await one.say(turn, packets)
                assert await one.answer()
            async with toy_at(gateway, "desk-2") as two:  # nobody waits for Redis to let it in
                await two.send(m.GetToyConfig("robo-rex"))
                await two.expect(m.ToyConfig)
                await two.expect(m.PiConfigUpdate)
                await two.say(1, packets)
                assert await two.answer()
            redis.thaw()
            while gateway.fleet.trouble:
                await asyncio.sleep(0.01)
            while len(await gateway.fleet.seats()) != 1:
                await asyncio.sleep(0.01)

    run(test())


def test_a_gateway_that_beats_no_more_has_no_toys(redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_fleet, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(redis_fleet, "BEAT_SECONDS", 0.1)

    async def test() -> None:
        async with desks(redis.url, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            while not await two.fleet.seats():
                await asyncio.sleep(0.01)
            for task in one.fleet._tasks:
                task.cancel()  # as if its machine had stopped
            while await two.fleet.seats():
                await asyncio.sleep(0.01)
            async with client(redis.url) as some:
                while [key async for key in some.scan_iter("*seats*")]:
                    await asyncio.sleep(0.01)
                while len(await some.zrange("pommai:{toys}:gateways", 0, -1)) > 1:
                    await asyncio.sleep(0.01)

    run(test())


def test_a_pause_that_comes_late_is_as_much_shorter(redis: RedisProcess) -> None:
    async def test() -> None:
        async with alone(redis.url) as one, client(redis.url) as some:
            await one.active.set("robo-rex")
            now = int(1000 * float((await some.time())[0]))
            order = {"seconds": 60.0, "message": "", "percent": 0, "device_id": None, "kind": "pause"}
            fields = {"kind": "order", "from": "two#01234567", "id": ""}
            await one.fleet._hear("news", f"{now - 20_000}-0", fields | {"order": json.dumps(order)})
            await one.fleet._hear("news", f"{now - 70_000}-0", fields | {"order": json.dumps(order)})
            assert len(one.orders) == 1
            assert 38.0 < one.orders[0].seconds < 42.0

    run(test())


@pytest.mark.parametrize("kind", ["restart", "reset"])
def test_nothing_is_forgotten_nor_started_again_long_after_somebody_wanted_it(redis: RedisProcess, kind: str) -> None:
    async def test() -> None:
        async with alone(redis.url) as one, client(redis.url) as some:
            await one.active.set("robo-rex")
            now = int(1000 * float((await some.time())[0]))
            order = {"seconds": 0.0, "message": "", "percent": 0, "device_id": "desk-1", "kind": kind}
            fields = {"kind": "order", "from": "two#01234567", "id": "", "order": json.dumps(order)}
            await one.fleet._hear("news", f"{now - 70_000}-0", fields)
            assert one.orders == []
            await one.fleet._hear("news", f"{now - 2_000}-0", fields)
            assert [heard.kind for heard in one.orders] == [kind]

    run(test())


def test_a_read_only_copy_is_no_redis_for_a_fleet(redis: RedisProcess, tmp_path: Path) -> None:
    copy = RedisProcess(tmp_path, "--replicaof", f"127.0.0.1 {redis.port}", port=redis.port + 1)

    async def test() -> None:
        async with alone(copy.url) as one:
            await until(lambda: "read-only copy" in one.fleet.trouble)
            one.comes("a", "pommai-bear", "s1")
            assert await one.active.set("robo-rex", "a") == 1

    with copy:
        run(test())


def test_a_password_is_asked_for_in_words_and_never_shown(tmp_path: Path) -> None:
    async def test(port: int) -> None:
        for url, words in (
            (f"redis://127.0.0.1:{port}/0", "password"),
            (f"redis://:hunter2@127.0.0.1:{port}/0", "does not accept the name or password"),
        ):
            async with alone(url) as one:
                assert words in one.fleet.trouble
                assert "hunter2" not in one.fleet.trouble
        async with alone(f"redis://:s%40cret@127.0.0.1:{port}/0") as one:
            assert one.fleet.trouble == ""

    with RedisProcess(tmp_path, "--requirepass", "s@cret") as locked:
        run(test(locked.port))


@pytest.mark.parametrize("key", ["wanted", "clock", "gateways", "news", "alerts", "epoch", "changes"])
def test_keys_of_another_program_are_trouble_in_words_and_no_more(redis: RedisProcess, key: str) -> None:
    async def test() -> None:
        async with client(redis.url) as some:
            if key == "wanted":
                await some.set("pommai:{toys}:wanted", "mine")
            else:
                await some.rpush(f"pommai:{{toys}}:{key}", "mine")
            async with alone(redis.url) as one:
                one.comes("a", "pommai-bear", "s1")
                one.fleet.alert(ALERT)
                await until(lambda: "keys of another program" in one.fleet.trouble)
                assert await one.active.set("robo-rex", "a") == 1
                await some.delete(f"pommai:{{toys}}:{key}")
                await in_touch(one)
                assert await one.active.set("pommai-bear") == 1

    run(test())


def test_what_is_too_large_to_be_read_is_passed_over(redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    really = RedisServer.listen

    async def listen(server: RedisServer, after: Mapping[str, str], most: int) -> Streams:
        streams = await really(server, after, most)
        if any(b"huge" in fields for _, entries in streams for _, fields in entries):
            raise FleetError("Redis does not answer")  # before all of it is here
        return streams

    async def test() -> None:
        async with client(redis.url) as some, desks(redis.url, PERSONAS, "one", "two") as (one, two):
            await some.xadd("pommai:{toys}:news", {"huge": "x"})
            two.comes("a", "pommai-bear", "s1")
            await one.active.set("robo-rex")  # stands behind it
            await until(lambda: two.toys["a"] == ["robo-rex"])
            await in_touch(one, two)
            assert await one.active.set("pommai-bear") == 1, "they listen again"

    monkeypatch.setattr(RedisServer, "listen", listen)
    run(test())


def test_nonsense_in_redis_is_passed_over(redis: RedisProcess) -> None:
    async def test() -> None:
        async with client(redis.url) as some, desks(redis.url, PERSONAS, "one") as (one,):
            huge = "x" * 2_000_000
            rows = {"a": huge, "b": "-1 robo-rex", "c": "0000000000000007 ../etc", "d": "9" * 16 + " robo-rex"}
            await some.hset("pommai:{toys}:wanted", mapping={**rows, "e f": "0000000000000007 robo-rex", huge: "1"})
            await some.hset("pommai:{toys}:seats:two#01234567", mapping={"a": "1", "b": huge, "c": f"{7:016d} s t"})
            await some.zadd("pommai:{toys}:gateways", {"two#01234567": 9e12, "../../x": 9e12, huge: 9e12})
            await some.incr("pommai:{toys}:changes")
            for fields in (
                {"kind": "wanted", "from": "two#01234567", "id": "", "where": "*", "entry": huge},
                {"kind": "order", "from": "two#01234567", "id": "", "order": "[" * 4000},
                {"kind": "order", "from": "two#01234567", "id": "", "order": '{"kind": "format c:"}'},
                {"kind": "done", "from": "two#01234567", "id": "00", "told": "-5"},
                {"kind": "moved", "from": "two#01234567", "id": "", "session": "nobody's"},
                {"kind": "dance", "from": "nobody"},
                {huge: huge},
            ):
                await some.xadd("pommai:{toys}:news", fields)
                await some.xadd("pommai:{toys}:alerts", fields)
            one.comes("a", "pommai-bear", "s1")
            await until(lambda: one.fleet._changes == b"1")
            assert (one.fleet.trouble, len(one.fleet.wanted), one.alerts, one.orders) == ("", 0, [], [])
            assert [seat.session_id for seat in await one.fleet.seats()] == ["s1", "s"]
            assert await one.active.set("robo-rex") == 1, "the gateway that is not there does not answer"

    run(test())
