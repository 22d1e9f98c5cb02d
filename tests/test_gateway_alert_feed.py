from __future__ import annotations

import asyncio

from gateway_material import run

from pommai.gateway.alert_feed import MOST_WAITING, AlertFeed
from pommai.gateway.archive import Alert


def alert(number: int = 1) -> Alert:
    return Alert("2026-01-01T00:00:00.000+00:00", "desk-1", "high", f"number {number}")


def test_everybody_who_listens_hears_of_it_even_when_one_of_them_fails() -> None:
    feed, heard = AlertFeed(), []

    def fail(_: Alert) -> None:
        raise RuntimeError("deaf")

    feed.listen(fail)
    feed.listen(heard.append)
    feed.tell(alert())
    feed.ignore(heard.append)
    feed.tell(alert())
    assert heard == [alert()]


def test_who_follows_takes_one_after_the_other_and_waits_for_more() -> None:
    async def test() -> None:
        feed = AlertFeed()
        feed.tell(alert(0))  # before anybody followed
        with feed.follow() as following:
            feed.tell(alert(1))
            feed.tell(alert(2))
            assert [await following.next(), await following.next()] == [alert(1), alert(2)]
            waiting = asyncio.create_task(following.next())
            await asyncio.sleep(0)
            feed.tell(alert(3))
            assert await waiting == alert(3)
        feed.tell(alert(4))
        assert following.dropped == 0

    run(test())


def test_who_does_not_read_loses_the_oldest_and_holds_no_memory() -> None:
    async def test() -> None:
        feed = AlertFeed()
        with feed.follow() as following:
            for number in range(MOST_WAITING + 3):
                feed.tell(alert(number))
            assert following.dropped == 3
            assert await following.next() == alert(3)

    run(test())
