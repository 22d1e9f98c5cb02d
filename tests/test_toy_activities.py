"""Activities on virtual time."""

import asyncio
from types import SimpleNamespace

import pytest

from pommai.errors import DeviceError
from pommai.qa.virtual_time import run
from pommai.toy.activities import LEAVE_LIMIT, RESTART_SECONDS, Activities


def scene(story):
    """Runs `story(activities, log, posted)` with a few activities that write down what becomes of them."""

    async def main():
        log, posted = [], []

        async def forever(toy, words=""):
            log.append("begun" + words)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                log.append("ended" + words)

        async def short(toy):
            log.append("short")

        async def failing(toy):
            log.append("failing")
            raise ValueError("no")

        async def slow_to_leave(toy):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                await asyncio.sleep(1000)

        async def fails_on_leaving(toy):
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                raise ValueError("too late")

        async def stubborn(toy):
            while True:
                try:
                    await asyncio.sleep(2)
                    return
                except asyncio.CancelledError:
                    pass

        known = {f.__name__: f for f in (forever, short, failing, slow_to_leave, fails_on_leaving, stubborn)}
        activities = Activities(SimpleNamespace(post=posted.append), known)
        await story(activities, log, posted)
        await activities.close(0.3)

    run(main())


def test_an_activity_runs_with_its_arguments_until_it_is_stopped():
    async def story(activities, log, posted):
        activities.start("a", "forever", {"words": "!"})
        await asyncio.sleep(0)
        assert activities.running == ("forever",)
        activities.stop("a", "forever")
        assert activities.running == ()
        assert activities.tasks == 1
        await asyncio.sleep(0.1)
        assert activities.tasks == 0
        assert log == ["begun!", "ended!"]
        assert posted == []

    scene(story)


def test_stopped_and_started_in_one_go_the_old_one_ends_and_the_new_one_stays():
    async def story(activities, log, posted):
        activities.start("a", "forever", {})
        await asyncio.sleep(0)
        activities.stop("a", "forever")
        activities.start("a", "forever", {"words": " anew"})
        await asyncio.sleep(0.1)
        assert log == ["begun", "ended", "begun anew"]
        assert activities.tasks == 1
        activities.stop("a", "forever")
        await asyncio.sleep(0.1)
        assert log[-1] == "ended anew"

    scene(story)


def test_stopped_before_its_first_moment_it_never_begins():
    async def story(activities, log, posted):
        activities.start("a", "forever", {})
        activities.stop("a", "forever")
        await asyncio.sleep(0.1)
        assert log == []
        assert activities.tasks == 0

    scene(story)


def test_one_that_ended_by_itself_is_not_running_and_may_be_stopped():
    async def story(activities, log, posted):
        activities.start("a", "short", {})
        await asyncio.sleep(0.1)
        assert activities.running == ()
        activities.stop("a", "short")
        activities.stop("a", "short")
        activities.stop("a", "never_started")
        assert posted == []

    scene(story)


def test_one_that_fails_says_so_and_is_begun_again_while_its_state_lasts():
    async def story(activities, log, posted):
        activities.start("a", "failing", {})
        await asyncio.sleep(RESTART_SECONDS * 2 + 1)
        assert log == ["failing"] * 3
        assert [event.name for event in posted] == ["error.activity"] * 3
        assert dict(posted[0].data) == {"activity": "failing", "error": "no"}
        assert activities.running == ("failing",)
        activities.stop("a", "failing")
        await asyncio.sleep(60)
        assert len(log) == 3

    scene(story)


def test_one_that_fails_after_it_was_stopped_bothers_nobody():
    async def story(activities, log, posted):
        activities.start("a", "fails_on_leaving", {})
        await asyncio.sleep(0)
        activities.stop("a", "fails_on_leaving")
        await asyncio.sleep(60)
        assert activities.tasks == 0
        assert posted == []

    scene(story)


def test_one_that_leaves_too_slowly_is_cancelled_again():
    async def story(activities, log, posted):
        activities.start("a", "slow_to_leave", {})
        await asyncio.sleep(0)
        activities.stop("a", "slow_to_leave")
        await asyncio.sleep(LEAVE_LIMIT - 0.1)
        assert activities.tasks == 1
        await asyncio.sleep(0.2)
        assert activities.tasks == 0

    scene(story)


@pytest.mark.parametrize("stopped_before", [False, True])
def test_at_the_end_all_are_over_within_a_second(stopped_before):
    async def story(activities, log, posted):
        for name in ("forever", "slow_to_leave", "failing", "short", "fails_on_leaving"):
            activities.start("a", name, {})
        await asyncio.sleep(0)
        if stopped_before:
            activities.stop("a", "slow_to_leave")
            await asyncio.sleep(0)
        now = asyncio.get_running_loop().time
        before = now()
        await activities.close(0.3)
        assert activities.tasks == 0
        assert now() - before < 1

    scene(story)


def test_one_that_refuses_to_end_is_named_and_does_not_hold_up_the_end(caplog):
    async def story(activities, log, posted):
        activities.start("a", "stubborn", {})
        await asyncio.sleep(0)
        await activities.close(0.3)
        assert asyncio.get_running_loop().time() < 1
        await asyncio.sleep(3)

    scene(story)
    (record,) = [record for record in caplog.records if record.message == "activity does not end"]
    assert record.activity == "a.stubborn"


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(ValueError("a mistake"), True), (DeviceError("it is gone"), False)]
)
def test_a_traceback_is_logged_for_mistakes_of_ours_alone(caplog, error, has_traceback):
    async def failing(toy):
        raise error

    async def main():
        activities = Activities(SimpleNamespace(post=lambda event: None), {"failing": failing})
        activities.start("a", "failing", {})
        await asyncio.sleep(0)
        await activities.close(0.3)

    run(main())
    (record,) = [record for record in caplog.records if record.message == "activity failed"]
    assert record.reason == str(error)
    assert bool(record.exc_info) is has_traceback
