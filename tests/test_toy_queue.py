import asyncio

import pytest

from pommai.events import EVENTS, Event
from pommai.toy.queue import EventQueue


def drain(queue: EventQueue) -> list[str]:
    return [queue.pop().name for _ in range(len(queue))]


def test_events_come_out_in_the_order_they_went_in():
    queue = EventQueue()
    for name in ("button.pressed", "speech.started", "button.released"):
        queue.put(Event(name))
    assert drain(queue) == ["button.pressed", "speech.started", "button.released"]


def test_an_error_is_taken_before_anything_else():
    queue = EventQueue()
    queue.put(Event("button.pressed"))
    queue.put(Event("error.action"))
    queue.put(Event("error.activity"))
    assert drain(queue) == ["error.action", "error.activity", "button.pressed"]


def test_a_full_queue_drops_what_is_not_vital_and_counts_it(caplog):
    queue = EventQueue(capacity=4)
    assert all(queue.put(Event("speech.started")) for _ in range(4))
    assert not queue.put(Event("button.pressed"))
    assert not queue.put(Event("wake.heard"))
    assert queue.dropped == 2
    assert [record.message for record in caplog.records] == ["queue full, dropping events"]


@pytest.mark.parametrize(
    "name", [*(spec.name for spec in EVENTS.values() if spec.vital), "timer.listening.listen_limit"]
)
def test_a_full_queue_still_takes_every_vital_event_and_timer(name):
    queue = EventQueue(capacity=1)
    queue.put(Event("speech.started"))
    assert queue.put(Event(name))
    assert name in drain(queue)


def test_button_releases_and_safety_events_are_vital():
    vital = {spec.name for spec in EVENTS.values() if spec.vital}
    assert {"button.released", "safety.pause", "safety.resume", "error.action"} <= vital


def test_the_queue_says_when_it_has_room_again(caplog):
    queue = EventQueue(capacity=4)
    for _ in range(5):
        queue.put(Event("speech.started"))
    drain(queue)
    assert "queue has room again" in [record.message for record in caplog.records]


def test_getting_waits_for_an_event_and_ends_when_the_queue_is_closed_and_empty():
    async def scene():
        queue = EventQueue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.put(Event("button.pressed"))
        assert (await waiting).name == "button.pressed"
        queue.put(Event("button.released"))
        queue.close()
        assert (await queue.get()).name == "button.released"
        assert await queue.get() is None

    asyncio.run(scene())
