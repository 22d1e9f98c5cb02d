"""The toy of a campaign: what a profile wants the chart to see, it sees; and doing nothing costs little."""

from __future__ import annotations

import asyncio
from array import array

import pytest
from simulated_toy import PATTERNS, TABLE

from pommai.events import EVENTS
from pommai.io.ticker import FRAME_SECONDS
from pommai.qa.busy_toy import BusyToy, DozingMicrophone
from pommai.qa.profile import DEEDS
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run

MADE_BY_THE_TOY = {"answer.ready", "button.held", "button.triple_pressed", "reply.stalled", "reset.failed"}


def live(scene):
    """Run a scene with a toy that is online and loaded."""

    async def whole():
        toy = BusyToy(TABLE, PATTERNS)
        running = asyncio.create_task(toy.runtime.run())
        await toy.link.running.wait()
        toy.button.start(toy.runtime.post)
        toy.do("link.up", {})
        toy.do("toy.loaded", {})
        await settle()
        try:
            return await scene(toy)
        finally:
            toy.button.close()
            toy.runtime.stop()
            await running

    return run(whole())


def test_everything_a_profile_can_say_is_done_or_made_by_the_toy_itself() -> None:
    async def scene(toy):
        assert toy.can_do == (EVENTS.keys() | DEEDS.keys()) - MADE_BY_THE_TOY

    live(scene)


@pytest.mark.parametrize("event", sorted((EVENTS.keys() | DEEDS.keys()) - {"button.released"}))
def test_each_can_be_done_at_any_time_and_leaves_the_toy_sound(event: str) -> None:
    async def scene(toy):
        toy.do(event, {})
        await settle()
        assert toy.invariants.look() == []

    live(scene)


def test_a_conversation_comes_about() -> None:
    async def scene(toy):
        toy.do("button.pressed", {})
        toy.do("speech.started", {})
        await asyncio.sleep(1)
        toy.do("speech.ended", {})
        toy.do("button.released", {})
        await settle()
        assert toy.state == "processing"
        toy.do("reply.started", {"frames": 20})
        await asyncio.sleep(0.2)
        assert toy.state == "speaking"
        toy.do("reply.finished", {"frames": 10})
        await asyncio.sleep(1)
        assert toy.state == "idle"
        assert toy.invariants.look() == []

    live(scene)


def test_a_dozing_microphone_loses_nothing_and_hands_over_what_it_held_back() -> None:
    async def scene() -> None:
        heard: list[tuple[float, int]] = []
        loop = asyncio.get_running_loop()
        microphone = DozingMicrophone()
        await microphone.open(lambda frame: heard.append((loop.time(), array("h", frame)[0])), lambda _: None)
        await asyncio.sleep(0.51)
        assert len(heard) == 25
        assert len({at for at, _ in heard}) == 5
        await asyncio.sleep(0.05)
        microphone.attend(0.0)
        assert len(heard) == 28
        microphone.aloud = True
        await asyncio.sleep(0.1)
        assert len(heard) == 33
        assert [level for _, level in heard[-5:]] == [9000] * 5
        assert heard[-1][0] - heard[-2][0] == pytest.approx(FRAME_SECONDS)
        await microphone.close()
        await asyncio.sleep(1)
        assert len(heard) == 33

    run(scene())


def test_the_server_takes_what_the_toy_remembers_unless_it_does_not_read() -> None:
    async def scene(toy):
        unsent = []
        for deed in ("server.reads", "server.stalls", "server.reads"):
            toy.do(deed, {})
            toy.memory.keep_metric("answer_s", 1.0)
            await asyncio.sleep(60.0)
            unsent.append(toy.memory.unsent)
        return unsent

    assert live(scene) == [0, 1, 0]


def test_what_a_campaign_forgets_is_all_that_its_devices_remember() -> None:
    async def scene(toy):
        toy.do("button.pressed", {})
        await asyncio.sleep(1.0)
        toy.forget()
        return [len(each) for each in (toy.link.sent, toy.trace.lines, toy.wake.wanted, toy.speech.spoken)]

    assert live(scene) == [0, 0, 0, 0]
