import asyncio

from pommai.events import Event
from pommai.toy.timers import Timers


def run(scene):
    posted: list[Event] = []

    async def main():
        timers = Timers(posted.append)
        await scene(timers, posted)
        timers.close()

    asyncio.run(main())


def test_a_timer_posts_its_event_and_is_over_when_that_is_taken():
    async def scene(timers, posted):
        timers.start("timer.error.sorry", 0.001)
        while not posted:
            await asyncio.sleep(0.001)
        assert posted[0].name == "timer.error.sorry"
        assert timers.pending == ("timer.error.sorry",)
        assert timers.fired(posted[0])
        assert timers.pending == ()

    run(scene)


def test_a_timer_cancelled_while_its_event_waits_in_the_queue_has_not_fired():
    async def scene(timers, posted):
        timers.start("timer.error.sorry", 0)
        while not posted:
            await asyncio.sleep(0)
        timers.cancel("timer.error.sorry")
        assert not timers.fired(posted[0])

    run(scene)


def test_a_timer_started_anew_is_another_one():
    async def scene(timers, posted):
        timers.start("timer.error.sorry", 0)
        while not posted:
            await asyncio.sleep(0)
        timers.start("timer.error.sorry", 0)
        assert not timers.fired(posted[0])
        while len(posted) < 2:
            await asyncio.sleep(0)
        assert timers.fired(posted[1])

    run(scene)


def test_a_cancelled_timer_posts_nothing():
    async def scene(timers, posted):
        timers.start("timer.a.b", 0.001)
        timers.start("timer.c.d", 0.002)
        timers.cancel("timer.a.b")
        timers.cancel("timer.x.never_started")
        while not posted:
            await asyncio.sleep(0.001)
        assert [event.name for event in posted] == ["timer.c.d"]

    run(scene)


def test_an_event_nobody_started_a_timer_for_has_not_fired():
    async def scene(timers, posted):
        assert not timers.fired(Event("timer.error.sorry"))

    run(scene)
