"""What is told to Redis later: not more than a little for each toy, and nothing is lost when Redis fails in between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gateway_material import run

from pommai.errors import FleetError
from pommai.gateway.archive import Alert
from pommai.gateway.fleet import scripts
from pommai.gateway.fleet.port import Seat
from pommai.gateway.fleet.untold import AT_ONCE, MOST_ALERTS, Untold
from pommai.gateway.fleet.wanted import Entry

SEAT = Seat("a", "bear", "s1")
ALERT = Alert("now", "a", "high", "sad")


class Redis:
    """Notes what it is asked, and fails when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str | int, ...]]] = []
        self.fails = False
        self.lost: set[str] = set()

    async def run(self, script: str, keys: tuple[str, ...], *arguments: str | int) -> list[bytes]:
        self._note(script, arguments)
        if script != scripts.CLAIM:
            return []
        seats = [arguments[at : at + 4] for at in range(4, len(arguments), 4)]
        return [b"" if seat[1] in self.lost else b"%016d" % number for number, seat in enumerate(seats)]

    async def call(self, command: str, key: str, *arguments: str | int) -> object:
        self._note(command, arguments)
        return None

    def _note(self, what: str, arguments: tuple[str | int, ...]) -> None:
        if self.fails:
            raise FleetError("Redis is away")
        self.asked.append((what, arguments))

    def count(self, what: str) -> int:
        return sum(script == what for script, _ in self.asked)


def untold() -> Untold:
    return Untold("one#01234567", 5000, "seats:")


def test_what_could_not_be_told_is_told_the_next_time_and_only_the_newest_of_it() -> None:
    async def test() -> None:
        redis, some = Redis(), untold()
        redis.fails = True
        for revision in range(1, 50):
            some.set("a", Entry(revision, "bear"))
            some.seated(replace(SEAT, toy_id=f"toy-{revision}"))
        some.alert(ALERT)
        with pytest.raises(FleetError):
            await some.tell(redis, 1)
        redis.fails = False
        assert some
        assert await some.tell(redis, 1) == []
        assert not some
        assert [script for script, _ in redis.asked] == [scripts.MERGE, scripts.CLAIM, "XADD"]
        assert redis.asked[0][1][2:] == ("a", "0000000000000049 bear")
        assert redis.asked[1][1][4:] == ("a", "s1", "toy-49", "")

    run(test())


def test_many_are_told_in_parts() -> None:
    async def test() -> None:
        redis, some = Redis(), untold()
        for number in range(2 * AT_ONCE + 1):
            some.set(f"d{number}", Entry(1, "bear"))
            some.seated(Seat(f"d{number}", "bear", f"s{number}"))
        await some.tell(redis, 1)
        assert (redis.count(scripts.MERGE), redis.count(scripts.CLAIM), some.seats_told) == (3, 3, 2 * AT_ONCE + 1)

    run(test())


def test_who_left_is_told_if_it_was_told_that_it_came() -> None:
    async def test() -> None:
        redis, some = Redis(), untold()
        some.seated(SEAT)
        some.left(SEAT)
        assert not some, "nobody knows of it"
        some.seated(SEAT)
        await some.tell(redis, 1)
        some.left(SEAT)
        await some.tell(redis, 1)
        assert redis.asked[-1] == (scripts.RELEASE, ("a", "s1"))
        assert some.seats_told == 0

    run(test())


def test_of_those_that_have_gone_elsewhere_it_says_so() -> None:
    async def test() -> None:
        redis, some = Redis(), untold()
        redis.lost = {"s1"}
        some.seated(SEAT)
        some.seated(Seat("b", "bear", "s2"))
        assert await some.tell(redis, 1) == ["s1"]
        assert (bool(some), some.seats_told) == (False, 1)

    run(test())


def test_all_seats_are_told_anew_with_their_numbers_after_redis_was_away() -> None:
    async def test() -> None:
        redis, some = Redis(), untold()
        some.seated(SEAT)
        await some.tell(redis, 1)
        some.start_over([SEAT, Seat("b", "bear", "s2")])
        await some.tell(redis, 1)
        assert redis.asked[-2][0] == "DEL"
        assert redis.asked[-1][1][4:] == ("a", "s1", "bear", "0" * 16, "b", "s2", "bear", "")

    run(test())


def test_of_too_many_alerts_the_newest_are_kept() -> None:
    async def test() -> None:
        redis, some = Redis(), untold()
        for number in range(MOST_ALERTS + 5):
            some.alert(ALERT._replace(reason=str(number)))
        await some.tell(redis, 1)
        assert redis.count("XADD") == MOST_ALERTS
        assert redis.asked[0][1][-1] == "5"

    run(test())
