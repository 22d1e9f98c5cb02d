"""Gateways that share their toys through a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fleet_material import Desk, client, desks, until
from gateway_material import PERSONAS, run
from redis_server import RedisProcess

from pommai.gateway.archive import Alert
from pommai.gateway.fleet.port import Order, Seat

ALERT = Alert("2026-01-01T00:00:00.000+00:00", "desk-1", "high", "somebody is sad")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path_factory.mktemp("redis")) as process:
        yield process


@pytest.fixture
def redis(running: RedisProcess) -> str:
    """An empty database."""

    async def empty() -> None:
        async with client(running.url) as some:
            await some.flushall()

    run(empty())
    return running.url


def test_what_is_set_on_one_gateway_counts_on_all_and_reaches_each_toy_once(redis: str) -> None:
    async def test() -> None:
        async with desks(redis, PERSONAS, "one", "two", "three") as (one, two, three):
            one.comes("a", "pommai-bear", "s1")
            two.comes("b", "pommai-bear", "s2")
            three.comes("c", "robo-rex", "s3")
            assert await two.active.set("robo-rex") == 2, "the third is it already"
            assert await one.active.set("robo-rex") == 0
            assert await three.active.set("pommai-bear", "a") == 1
            assert [one.toys["a"], two.toys["b"], three.toys["c"]] == [["robo-rex", "pommai-bear"], ["robo-rex"], []]

    run(test())


def test_what_was_set_survives_the_gateway_and_counts_for_one_that_joins_later(redis: str) -> None:
    async def test() -> None:
        async with desks(redis, PERSONAS, "one") as (one,):
            await one.active.set("robo-rex")
        async with desks(redis, PERSONAS, "two") as (two,):
            two.comes("a", "pommai-bear", "s1")
            assert two.toys["a"] == ["robo-rex"]

    run(test())


def test_what_a_child_chooses_on_one_gateway_counts_when_the_toy_comes_to_another(redis: str) -> None:
    async def test() -> None:
        async with desks(redis, PERSONAS, "one", "two") as (one, two):
            await two.active.set("robo-rex")
            one.comes("a", "robo-rex", "s1")
            one.active.chose("a", "pommai-bear")
            entry = one.fleet.wanted.of("a")
            assert entry is not None
            assert entry.toy_id == "pommai-bear"
            await until(lambda: two.fleet.wanted.of("a") == entry)
            two.comes("a", "pommai-bear", "s2")
            assert two.toys["a"] == []
            await until(lambda: one.dropped == ["s1"])

    run(test())


def test_the_last_connection_of_a_toy_counts_whichever_gateway_it_is_to(redis: str) -> None:
    async def test() -> None:
        async with desks(redis, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            await in_the_end(one, two, [Seat("a", "pommai-bear", "s1", "one")])
            two.comes("a", "pommai-bear", "s2")
            await until(lambda: one.dropped == ["s1"])
            await in_the_end(one, two, [Seat("a", "pommai-bear", "s2", "two")])
            one.comes("a", "pommai-bear", "s3")
            await until(lambda: two.dropped == ["s2"])
            await in_the_end(one, two, [Seat("a", "pommai-bear", "s3", "one")])
            one.active.chose("a", "robo-rex")
            await in_the_end(one, two, [Seat("a", "robo-rex", "s3", "one")])
            one.gone("a", "s3")
            await in_the_end(one, two, [])

    async def in_the_end(one: Desk, two: Desk, seats: list[Seat]) -> None:
        for desk in (one, two):
            while sorted(await desk.fleet.seats(), key=lambda seat: seat.device_id) != seats:
                await asyncio.sleep(0.01)

    run(test())


def test_orders_reach_all_toys_of_the_fleet_and_say_how_many(redis: str) -> None:
    async def test() -> None:
        async with desks(redis, PERSONAS, "one", "two") as (one, two):
            one.comes("a", "pommai-bear", "s1")
            two.comes("b", "pommai-bear", "s2")
            two.comes("c", "pommai-bear", "s3")
            assert await one.fleet.order(Order("pause", 60.0, "dinner")) == 3
            assert await two.fleet.order(Order("resume")) == 3
            assert await one.fleet.order(Order("volume", percent=20, device_id="c")) == 1
            assert await one.fleet.order(Order("volume", percent=20, device_id="nobody")) == 0
            assert await one.fleet.order(Order("volume", percent=30, device_id="a")) == 1
            assert [order.kind for order in one.orders] == ["pause", "resume", "volume", "volume", "volume"]
            assert [order.percent for order in two.orders[2:]] == [20, 20], "the last was nobody else's business"
            assert 59.0 < two.orders[0].seconds <= 60.0
            assert two.orders[0].message == "dinner"

    run(test())


def test_an_alert_is_shown_once_by_every_other_gateway(redis: str) -> None:
    async def test() -> None:
        async with desks(redis, PERSONAS, "one", "two", "three") as (one, two, three):
            await one.fleet.order(Order("resume"))  # all are listening
            one.fleet.alert(ALERT)
            await until(lambda: two.alerts and three.alerts)
            async with client(redis) as some:
                ((_, fields),) = await some.xrange("pommai:{toys}:alerts")
                await some.xadd("pommai:{toys}:alerts", fields)  # the answer was lost, and it was sent again
                await some.xadd("pommai:{toys}:alerts", fields | {"id": "0123456789abcdef"})
            await until(lambda: len(two.alerts) > 1)
            assert (one.alerts, two.alerts) == ([], [ALERT, ALERT])
            assert await two.fleet.alerts() == await three.fleet.alerts() == (ALERT, ALERT)
            assert await one.fleet.alerts() == (), "those it has told itself it has in its archive"

    run(test())
