"""Files that go from one gateway to others through a real Redis, piece by piece."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fleet_material import client
from gateway_material import run
from redis_server import RedisProcess

from pommai.errors import FleetError, StoreError
from pommai.gateway.bundle_files import BundleFiles
from pommai.gateway.fleet import bundle_pieces
from pommai.gateway.fleet.bundle_pieces import Asks, give, pieces
from pommai.gateway.fleet.redis_fleet import RedisFleet

DATA = random.Random(7).randbytes(100_000)
SHA = hashlib.sha256(DATA).hexdigest()
KEYS = "pommai:{toys}:offers:"


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """One for each test, and pieces so small that there are many."""
    monkeypatch.setattr(bundle_pieces, "PIECE", 1000)
    monkeypatch.setattr(bundle_pieces, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(bundle_pieces, "LOOK_SECONDS", 0.005)
    with RedisProcess(tmp_path) as process:
        yield process


@asynccontextmanager
async def asks(redis: RedisProcess) -> AsyncIterator[Asks]:
    fleet = RedisFleet(redis.url, "one")
    try:
        yield fleet
    finally:
        await fleet.leave()


def folder(path: Path) -> BundleFiles:
    """Files of a gateway that has the bundle."""
    files = BundleFiles(path)
    path.mkdir()
    files.place(SHA).write_bytes(DATA)
    return files


async def got(some: Asks, size: int = len(DATA)) -> bytes:
    return b"".join([piece async for piece in pieces(some, SHA, size)])


@asynccontextmanager
async def giving(some: Asks, files: BundleFiles) -> AsyncIterator[list[int]]:
    """A gateway that gives what others ask for; how much it gave each time."""
    given: list[int] = []

    async def work() -> None:
        while True:
            given.append(await give(some, files))
            await asyncio.sleep(0.005)

    task = asyncio.create_task(work())
    try:
        yield given
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_a_file_arrives_whole_at_several_at_a_time_and_is_gone_from_redis_then(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_pieces, "SHARED_MS", 20)
    monkeypatch.setattr(bundle_pieces, "LIVE_MS", 500)

    async def test() -> None:
        async with asks(redis) as some, client(redis.url) as other, giving(some, folder(tmp_path / "a")) as given:
            getting = [asyncio.create_task(got(some)) for _ in range(2)]
            assert await asyncio.gather(*getting) == [DATA, DATA]
            assert sum(given) >= 100
            assert max(given) <= bundle_pieces.MOST_GIVEN
            while await other.keys(f"{KEYS}piece:*"):  # what was taken is gone soon
                await asyncio.sleep(0.01)

    run(test())


def test_each_piece_is_given_by_one_of_those_who_have_it_and_all_do_when_one_ends(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async def test() -> None:
        async with asks(redis) as some:
            first, second = folder(tmp_path / "a"), folder(tmp_path / "b")
            getting = asyncio.create_task(got(some))
            async with giving(some, first) as given:
                while not sum(given):
                    await asyncio.sleep(0.001)
            async with client(redis.url) as other:
                await other.delete(f"{KEYS}asked")  # it has ended with questions in its hand
            async with giving(some, second):
                assert await getting == DATA

    run(test())


def test_what_nobody_has_is_said_so_after_a_while(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_pieces, "PATIENCE_SECONDS", 0.05)

    async def test() -> None:
        async with asks(redis) as some, giving(some, BundleFiles(tmp_path / "none")) as given:
            with pytest.raises(StoreError, match=f"no gateway that has the bundle {SHA[:12]} is in touch"):
                await got(some)
            assert sum(given) == 0

    run(test())


def test_a_file_that_is_shorter_than_was_said_does_not_arrive(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_pieces, "PATIENCE_SECONDS", 0.1)

    async def test() -> None:
        async with asks(redis) as some, giving(some, folder(tmp_path / "a")):
            with pytest.raises(StoreError):
                await got(some, len(DATA) + 5000)

    run(test())


def test_a_piece_is_never_larger_than_pieces_are(redis: RedisProcess) -> None:
    async def test() -> None:
        async with asks(redis) as some, client(redis.url) as other:
            await other.set(f"{KEYS}piece:{SHA}:0", "x" * 5_000_000)
            assert await got(some, 10) == b"x" * 1000  # and is then found to be no such file

    run(test())


def test_a_redis_that_is_gone_ends_it(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with asks(redis) as some:
            redis.kill()
            for asking in (got(some), give(some, folder(tmp_path / "a"))):
                with pytest.raises(FleetError, match="cannot be reached"):
                    await asking

    run(test())


def test_questions_that_nobody_answers_keep_nobody_from_answering_others(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with asks(redis) as some, client(redis.url) as other:
            await other.zadd(f"{KEYS}asked", {f"{number:064x}:0": 1e15 + number for number in range(2000)})
            getting: Any = asyncio.create_task(got(some))
            async with giving(some, folder(tmp_path / "a")):
                while not getting.done():
                    await other.zadd(f"{KEYS}asked", {f"{number:064x}:0": 1 for number in range(100)})
                    await asyncio.sleep(0.01)
                    await other.zremrangebyscore(f"{KEYS}asked", 1e14, "+inf")
            assert getting.result() == DATA

    run(test())
