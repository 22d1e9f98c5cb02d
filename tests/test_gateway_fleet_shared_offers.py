"""Offers that a fleet shares, through a real Redis that is gone, frozen, empty, or full of nonsense."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bundle_material import bundle_bytes
from fleet_material import client
from gateway_material import run
from offer_material import BUNDLE, HASH, kept, says
from redis_server import RedisProcess
from shared_offers_material import Counter, counter, counters

from pommai.errors import BundleError, FleetError, StoreError
from pommai.gateway.fleet import bundle_pieces, redis_server, shared_offers
from pommai.gateway.offers import MOST_KEPT, Told

BUNDLES = "pommai:{toys}:offers:bundles"


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """One of its own for each test, and gateways that are quick to look."""
    monkeypatch.setattr(shared_offers, "BEAT_SECONDS", 0.03)
    monkeypatch.setattr(shared_offers, "AGAIN_SECONDS", 0.1)
    with RedisProcess(tmp_path) as process:
        yield process


async def alike(*all_: Counter, **wanted: Any) -> dict[str, Any]:
    """Wait until all gateways show the same, and what is wanted in it."""
    while True:
        states = [await each.state() for each in all_]
        if all(state == states[0] for state in states) and wanted.items() <= states[0].items():
            return states[0]
        await asyncio.sleep(0.01)


async def out_of_touch(*all_: Counter) -> None:
    while not all(each.offers.missing for each in all_):
        await asyncio.sleep(0.01)


async def in_touch(*all_: Counter) -> None:
    while any(each.offers.missing for each in all_):
        await asyncio.sleep(0.01)


async def here(*all_: Counter, sha256: str = HASH) -> None:
    """Wait until all have the file."""
    while any(each.offers.is_coming(sha256) for each in all_):
        await asyncio.sleep(0.01)


def reasons(caplog: Any) -> list[str]:
    """Why something was logged."""
    return [record.reason for record in caplog.records if hasattr(record, "reason")]


def test_an_offer_holds_at_every_gateway_with_its_file_and_the_toys_states_until_any_withdraws_it(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two", "three") as (one, two, three):
            await one.bring()
            assert two.offers.is_coming(HASH)
            assert await two.offers.offer(HASH, ["bear", "rex"])
            await here(one, two, three)
            assert b"".join([piece async for piece in three.files.give(HASH, len(BUNDLE))]) == BUNDLE
            await three.offers.tell(HASH, "bear")
            await three.offers.hear({"bear": says(11), "cat": says(12)})
            await alike(one, two, three, toys={HASH: {"bear": (1, "told", ""), "rex": (0, "", "")}})
            await one.offers.hear({"bear": says(11, offer=HASH, outcome="refused", reason="no room")})
            expected = {HASH: {"bear": (1, "refused", "no room"), "rex": (0, "", "")}}
            state = await alike(one, two, three, toys=expected)
            assert (state["kept"], set(state["reports"])) == ({(HASH, 12, False)}, {"bear", "cat"})
            assert await three.offers.offer(HASH, None)
            expected[HASH]["bear"] = (0, "", "")
            await alike(one, two, three, kept={(HASH, 12, True)}, toys=expected)
            assert await two.offers.withdraw(HASH)
            await alike(one, two, three, kept=set(), toys={})
            assert not await one.offers.withdraw(HASH)
            assert not await three.offers.offer(HASH, None)
            while one.files.is_there(HASH) or three.files.is_there(HASH):
                await asyncio.sleep(0.01)

    run(test())


def test_a_toy_is_told_the_same_by_whichever_gateway_it_comes_to(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring()
            await one.offers.offer(HASH, None)
            await one.offers.tell(HASH, "bear")
            await alike(one, two, toys={HASH: {"bear": (1, "told", "")}})
            at = [(await each.offers.read()).told[HASH]["bear"].at for each in (one, two)]
            assert at[0] == at[1]
            assert at[0] is not None
            assert abs(at[0] - two.offers.now()) < 60_000
            await two.offers.tell(HASH, "bear")
            await one.offers.offer(HASH, ["bear"])  # it is about to answer
            await alike(one, two, toys={HASH: {"bear": (2, "told", "")}})

    run(test())


def test_who_asks_for_a_bundle_before_it_is_known_here_is_not_sent_away(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_offers, "BEAT_SECONDS", 1000.0)  # only what is asked for

    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring()
            found = await two.offers.find(HASH)
            assert found is not None
            assert found.size == len(BUNDLE)
            assert await two.offers.find("0" * 64) is None

    run(test())


def test_while_redis_is_gone_offers_stand_changes_are_refused_and_what_toys_say_is_told_later(
    redis: RedisProcess, tmp_path: Path, caplog: Any
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring()
            await one.offers.offer(HASH, ["bear"])
            before = await alike(one, two, kept={(HASH, 12, False)}, toys={HASH: {"bear": (0, "", "")}})
            await here(two)
            redis.kill()
            await out_of_touch(one, two)
            assert "cannot be reached" in two.offers.missing
            words = "the other gateways cannot be told now, so nothing was changed: Redis at"
            for change in (
                lambda: two.offers.keep(kept(13)),
                lambda: two.offers.offer(HASH, None),
                lambda: two.offers.offer(HASH, ["cat"]),
                lambda: two.offers.withdraw(HASH),
            ):
                with pytest.raises(FleetError, match=words):
                    await change()
            assert await two.state() == before
            assert await two.offers.find("0" * 64) is None
            await two.offers.tell(HASH, "bear")
            await two.offers.hear({"bear": says(waiting=12, offer=HASH, outcome="taken")})
            await two.offers.hear({"bear": says(waiting=12, offer=HASH, outcome="taken")})  # on every connect
            redis.start()
            await alike(one, two, toys={HASH: {"bear": (1, "taken", "")}})
            await in_touch(one, two)

    run(test())
    told = [reason for reason in reasons(caplog) if "cannot be reached" in reason]
    assert 2 <= len(told) < 6, "of each gateway, and not at every beat"


def test_a_redis_that_comes_back_empty_is_told_everything_but_what_was_withdrawn(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring()
            await one.offers.keep(kept(13))
            await one.offers.offer(HASH, None)
            await alike(one, two, kept={(HASH, 12, True), (kept(13).sha256, 13, False)})
            await two.offers.withdraw(kept(13).sha256)
            expected = await alike(one, two, kept={(HASH, 12, True)})
            async with client(redis.url) as some:
                await some.flushall()
                while await some.hlen(BUNDLES) < 2:
                    await asyncio.sleep(0.01)
            async with counter(redis.url, tmp_path, "three") as three:
                assert await alike(one, two, three) == expected
                await here(three)

    run(test())


def test_a_toy_that_is_fetching_when_a_bundle_is_withdrawn_gets_all_of_it(redis: RedisProcess, tmp_path: Path) -> None:
    big = bundle_bytes({"sounds/long.wav": b"RIFF" * 400_000})
    sha256 = hashlib.sha256(big).hexdigest()

    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring(big, sha256)
            await here(two, sha256=sha256)
            got = b""
            async for piece in two.files.give(sha256, len(big)):
                if not got:
                    await one.offers.withdraw(sha256)
                    while two.files.is_there(sha256):
                        await asyncio.sleep(0.01)
                got += piece
            assert got == big
            await two.offers.hear({"bear": says(waiting=12, offer=sha256, outcome="taken")})
            assert (await two.offers.read()).kept == ()

    run(test())


def test_gateways_that_share_a_data_file_as_well_get_on(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "both", "both", "three") as (one, two, three):
            await one.bring()
            await two.offers.offer(HASH, ["bear"])
            await one.offers.tell(HASH, "bear")
            await here(one, two, three)
            await alike(one, two, three, toys={HASH: {"bear": (1, "told", "")}})
            await two.offers.withdraw(HASH)
            await alike(one, two, three, kept=set())

    run(test())


def test_a_gateway_that_was_away_does_not_bring_back_what_was_withdrawn_and_learns_what_is_new(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring()
            await one.offers.offer(HASH, ["bear"])
            await alike(one, two, toys={HASH: {"bear": (0, "", "")}})
            await here(two)
        async with counters(redis.url, tmp_path, "one") as (one,):
            await one.offers.withdraw(HASH)
            await one.files.forget(HASH)
        async with counters(redis.url, tmp_path, "two") as (two,):
            assert (await two.state())["kept"] == set()
            assert not two.files.is_there(HASH)
            await two.bring()  # again: what was said of the earlier offer does not count
            await two.offers.offer(HASH, ["cat"])
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await alike(one, two, toys={HASH: {"cat": (0, "", "")}})
            await here(one)

    run(test())


def test_after_a_restart_of_all_with_an_empty_redis_everything_is_as_it_was(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.bring()
            await one.offers.offer(HASH, ["bear"])
            await two.offers.hear({"bear": says(11)})
            before = await alike(one, two, toys={HASH: {"bear": (0, "", "")}}, reports={"bear": says(11)})
        async with client(redis.url) as some:
            await some.flushall()
        async with counters(redis.url, tmp_path, "two", "three") as (two, three):
            assert await alike(two, three, kept={(HASH, 12, False)}, reports={"bear": says(11)}) == before

    run(test())


def test_a_redis_of_yesterday_learns_what_is_new(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two), client(redis.url) as some:
            await one.bring()
            await alike(one, two, kept={(HASH, 12, False)})
            then = await some.get("pommai:{toys}:offers:changes")
            await one.offers.offer(HASH, None)
            await alike(one, two, kept={(HASH, 12, True)})
            await some.hdel(BUNDLES, HASH)
            await some.zrem(f"{BUNDLES}:order", HASH)
            await some.set("pommai:{toys}:offers:changes", int(then) - 1)
            async with counter(redis.url, tmp_path, "three") as three:
                await alike(one, two, three, kept={(HASH, 12, True)})

    run(test())


def test_gateways_that_were_alone_bring_their_offers_into_the_fleet(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        for name, version in (("one", 12), ("two", 13)):
            async with counters(redis.url, tmp_path, name) as (each,):
                await each.offers.keep(kept(version))
                await each.offers.offer(kept(version).sha256, ["bear"])
            async with client(redis.url) as some:
                await some.flushall()
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            both = {(kept(version).sha256, version, False) for version in (12, 13)}
            await alike(one, two, kept=both)

    run(test())


def test_of_changes_at_the_same_time_all_gateways_end_with_the_same(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            for version in range(1, 6):
                await one.offers.keep(kept(version))
                await two.offers.catch_up()
                sha256 = kept(version).sha256

                async def trying(change: Any) -> None:
                    with suppress(FleetError):
                        await change

                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(trying(one.offers.offer(sha256, None)))
                    tasks.create_task(trying(two.offers.withdraw(sha256)))
                    tasks.create_task(trying(two.offers.offer(sha256, ["bear"])))
                    tasks.create_task(one.offers.hear({"bear": says(offer=sha256, outcome="taken")}))
            for each in (one, two, one):
                await each.offers.catch_up()
            await alike(one, two)

    run(test())


def test_only_so_many_are_kept_in_the_whole_fleet(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            for version in range(1, MOST_KEPT + 1):
                await one.offers.keep(kept(version))
            with pytest.raises(BundleError, match="keeps 8 bundles"):
                await two.offers.keep(kept(99))

    run(test())


def test_a_change_that_redis_gets_to_too_late_is_not_made(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):
            await one.offers.keep(kept(12))
            await alike(one, two, kept={(kept(12).sha256, 12, False)})
            with monkeypatch.context() as patched:
                patched.setattr(shared_offers, "LATE_SECONDS", -1.0)
                for change in (one.offers.withdraw(kept(12).sha256), one.offers.offer(kept(12).sha256, ["bear"])):
                    with pytest.raises(FleetError, match="Redis is too slow now, so nothing was changed"):
                        await change
            await alike(one, two, kept={(kept(12).sha256, 12, False)}, toys={kept(12).sha256: {}})
            monkeypatch.setattr(redis_server, "CALL_SECONDS", 0.1)
            redis.freeze()
            with pytest.raises(FleetError, match="does not answer"):
                await one.offers.withdraw(kept(12).sha256)
            await one.offers.tell(kept(12).sha256, "bear")  # no toy waits for it
            assert (await one.offers.read()).told[kept(12).sha256]["bear"].times == 1
            redis.kill()

    run(test())


def test_a_file_that_is_not_what_others_say_is_not_kept(redis: RedisProcess, tmp_path: Path, caplog: Any) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two), client(redis.url) as some:
            await one.bring()
            text = await some.hget(BUNDLES, HASH)
            forged = f"{int(text[:16]) + 1:016d}{text[16:].replace(f'[{len(BUNDLE)}, 12,', f'[{len(BUNDLE)}, 99,')}"
            await some.hset(BUNDLES, HASH, forged)
            await some.zadd(f"{BUNDLES}:order", {HASH: await some.incr("pommai:{toys}:offers:changes")})
            await alike(one, two, kept={(HASH, 99, False)})
            await two.files.forget(HASH)
            while not any("is not what other gateways say" in reason for reason in reasons(caplog)):
                await asyncio.sleep(0.01)
            assert two.offers.is_coming(HASH)

    run(test())


def test_a_bundle_that_nobody_has_any_more_is_told_of_once(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(bundle_pieces, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(shared_offers, "AGAIN_SECONDS", 0.0)

    async def test() -> None:
        async with counters(redis.url, tmp_path, "one") as (one,):
            await one.offers.keep(kept(12))
            while "bundle not here" not in caplog.text:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            assert one.offers.is_coming(kept(12).sha256)

    run(test())
    assert reasons(caplog).count("no gateway that has the bundle 000000000000 is in touch") == 1


def test_nonsense_in_redis_is_passed_over(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two), client(redis.url) as some:
            await one.bring()
            await one.offers.offer(HASH, ["bear"])
            await one.offers.hear({"bear": says(11)})
            huge = "x" * 2_000_000
            n = f"{9:016d}"
            rows = {"0" * 64: f"{n} {n} [-1]", "1" * 64: huge, "nohash": f"{n} {n} []", huge: "1"}
            for hash_, more in (
                ("bundles", {**rows, "2" * 64: f'{n} {n} [{1 << 60}, 1, "pommai", "", false, false]'}),
                ("words", {"a b": f"{n} {{}}", "cat": f"{n} {{", "dog": huge, "owl": f'{n} {{"type": "ping"}}'}),
                (f"toys:{HASH}", {"cat": f'{n} [1, 1, "dance", ""]', "dog": huge, "a b": f"{n} [0, 0, '', '']"}),
            ):
                for name, text in more.items():
                    await some.hset(f"pommai:{{toys}}:offers:{hash_}", name, text)
                    number = await some.incr("pommai:{toys}:offers:changes")
                    await some.zadd(f"pommai:{{toys}}:offers:{hash_}:order", {name: number})
            await some.zadd("pommai:{toys}:offers:asked", {huge: 1, f"{HASH}:9999": 2, "../../x:0": 3})
            async with counter(redis.url, tmp_path, "three") as three:
                state = await alike(one, two, three, toys={HASH: {"bear": (0, "", "")}})
                assert (state["kept"], state["reports"]) == ({(HASH, 12, False)}, {"bear": says(11)})
                await here(two, three)

    run(test())


def test_a_disk_that_is_full_for_a_while_loses_nothing_of_what_others_tell(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with counters(redis.url, tmp_path, "one", "two") as (one, two):

            async def full(*_: object) -> None:
                raise StoreError("two.db cannot be used: database or disk is full")

            with monkeypatch.context() as patched:
                for put in ("put_marks", "put_lines", "put_words"):
                    patched.setattr(two.offers.registers, put, full)
                await one.bring()
                await one.offers.offer(HASH, ["bear"])
                await one.offers.hear({"bear": says(11)})
                await out_of_touch(two)
                assert two.offers.missing == "two.db cannot be used: database or disk is full"
                assert (await two.offers.read()).kept == ()
            await alike(one, two, toys={HASH: {"bear": (0, "", "")}}, reports={"bear": says(11)})
            await in_touch(two)

    run(test())


def test_keys_of_another_program_are_trouble_in_words_and_no_more(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        async with client(redis.url) as some:
            await some.set(BUNDLES, "theirs")
            await some.set(f"{BUNDLES}:order", "theirs")
        async with counter(redis.url, tmp_path, "one") as one:
            while "has keys of another program" not in one.offers.missing:
                await asyncio.sleep(0.01)
            with pytest.raises(FleetError, match="has keys of another program"):
                await one.offers.keep(kept())
            assert (await one.offers.read()).kept == ()

    run(test())


def test_others_hear_of_a_change_without_being_asked(redis: RedisProcess, tmp_path: Path) -> None:
    async def test() -> None:
        changed = asyncio.Event()
        async with (
            counter(redis.url, tmp_path, "one") as one,
            counter(redis.url, tmp_path, "two", changed.set) as two,
        ):
            await in_touch(one, two)
            await one.bring()
            await changed.wait()
            await here(two)
            changed.clear()
            await one.offers.offer(HASH, ["bear"])
            while (await two.offers.read()).told.get(HASH) != {"bear": Told()}:
                await changed.wait()
                await asyncio.sleep(0.01)

    run(test())
