"""What happened while the server was away is told, once, and not before it is acknowledged forgotten."""

import asyncio

from simulated_toy import simulated_toy

from pommai.actions.sync import ACK_SECONDS, RETRY_FIRST
from pommai.protocol.messages import Conversation, Rejected, SafetyOverride, SyncAck, SyncBatch
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def said(number: int) -> Conversation:
    return Conversation(f"c{number}", "pommai-bear", f"question {number}", "answer", "2026-01-01T00:00:00.000Z", True)


def incident(number: int) -> dict[str, object]:
    return {"id": f"s{number}", "reason": "a word", "severity": "high", "timestamp": "2026-01-01T00:00:00.000Z"}


def batches(toy) -> list[SyncBatch]:
    return [message for message in toy.link.messages if isinstance(message, SyncBatch)]


def ids(batch: SyncBatch) -> tuple[str, ...]:
    every = (*batch.safety_events, *batch.conversations, *batch.metrics, *batch.logs)
    return tuple(str(item["id"]) for item in every)


async def acknowledge(toy) -> None:
    """Take the newest batch."""
    batch = batches(toy)[-1]
    toy.link.deliver(SyncAck(batch.batch, ids(batch)))
    await settle()


def test_what_is_acknowledged_is_not_sent_again():
    async def scene():
        async with simulated_toy(alone=True) as toy:
            toy.memory.keep_conversation(said(1))
            await settle()
            assert ids(batches(toy)[-1]) == ("c1",)
            await acknowledge(toy)
            sent = len(batches(toy))
            await asyncio.sleep(600)
            assert len(batches(toy)) == sent
            assert toy.memory.unsent == 0

    run(scene())


def test_what_is_not_acknowledged_is_sent_again_and_not_in_a_hurry():
    async def scene():
        async with simulated_toy(alone=True) as toy:
            toy.memory.keep_conversation(said(1))
            await settle()
            await asyncio.sleep(ACK_SECONDS + RETRY_FIRST + 0.1)
            assert [ids(batch) for batch in batches(toy)] == [("c1",), ("c1",)]
            await asyncio.sleep(3600)
            sent = len(batches(toy))
            assert sent < 40
            while len(batches(toy)) == sent:
                await asyncio.sleep(1)
            await acknowledge(toy)
            assert toy.memory.unsent == 0

    run(scene())


def test_what_happened_without_a_server_is_told_when_it_is_back_incidents_first():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.memory.keep_conversation(said(1))
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(60)
            assert batches(toy) == []
            toy.link.go_up()
            await settle()
            assert sorted(ids(batch) for batch in batches(toy)) == [("c1",), ("s1",)]

    run(scene())


def test_sixty_conversations_go_out_in_batches_of_fifty():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            for number in range(60):
                toy.memory.keep_conversation(said(number))
            toy.link.go_up()
            await settle()
            await acknowledge(toy)
            await acknowledge(toy)
            assert [len(ids(batch)) for batch in batches(toy)] == [50, 10]
            assert toy.memory.unsent == 0

    run(scene())


def test_a_rejected_item_is_put_aside_and_the_rest_goes_on():
    async def scene():
        async with simulated_toy() as toy:
            toy.memory.keep_conversation(said(1))
            await settle()
            toy.memory.keep_conversation(said(2))
            toy.link.deliver(SyncAck(batches(toy)[-1].batch, (), (Rejected("c1", "too long"),)))
            await settle()
            assert ids(batches(toy)[-1]) == ("c2",)
            await acknowledge(toy)
            await asyncio.sleep(600)
            assert len(batches(toy)) == 2
            assert [why for _, why in toy.memory.refused.values()] == ["too long"]

    run(scene())


def test_an_acknowledgement_of_a_batch_nobody_sent_takes_nothing():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.memory.keep_conversation(said(1))
            toy.link.go_up()
            toy.link.deliver(SyncAck("another", ("c1",)))
            await settle()
            assert toy.memory.unsent == 1

    run(scene())


def test_a_server_that_acknowledges_nothing_is_not_flooded():
    async def scene():
        async with simulated_toy() as toy:
            toy.memory.keep_conversation(said(1))
            await settle()
            for _ in range(20):
                toy.link.deliver(SyncAck(batches(toy)[-1].batch))
                await asyncio.sleep(30)
            assert len(batches(toy)) <= 10

    run(scene())


def test_in_safe_mode_nothing_but_incidents_is_told():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            await settle()
            await acknowledge(toy)  # that safe mode has begun
            toy.memory.keep_conversation(said(1))
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(5)
            assert ids(batches(toy)[-1]) == ("s1",)
            assert not any(batch.conversations or batch.metrics for batch in batches(toy))
            toy.link.deliver(SafetyOverride("resume"))
            await settle()
            assert ("c1",) in {ids(batch) for batch in batches(toy)}

    run(scene())


def test_a_conversation_that_goes_on_is_not_disturbed():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1.0)
            toy.memory.keep_conversation(said(1))
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(2)
            assert {ids(batch) for batch in batches(toy)} == {("s1",)}
            toy.release()
            await settle()
            toy.answer([1000] * 5)
            await asyncio.sleep(3)
            assert any("c1" in ids(batch) for batch in batches(toy))

    run(scene())


def test_after_a_power_off_what_was_not_told_is_told():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.memory.keep_conversation(said(1))
            memory = toy.memory
        async with simulated_toy(memory=memory) as toy:
            await settle()
            assert ids(batches(toy)[-1]) == ("c1",)

    run(scene())


def test_what_was_under_way_when_the_link_was_lost_is_sent_at_once_when_it_is_back():
    async def scene():
        async with simulated_toy() as toy:
            toy.memory.keep_safety_event(incident(1))
            await settle()
            assert len(batches(toy)) == 1
            toy.link.go_down("gone")
            await asyncio.sleep(1)
            toy.link.go_up()
            await settle()
            assert len(batches(toy)) == 2

    run(scene())


def test_long_waits_end_with_a_new_connection():
    async def scene():
        async with simulated_toy() as toy:
            toy.memory.keep_safety_event(incident(1))
            await asyncio.sleep(600)
            tries = len(batches(toy))
            toy.link.go_down("gone")
            await asyncio.sleep(1)
            toy.link.go_up()
            await asyncio.sleep(40)
            assert len(batches(toy)) >= tries + 2  # at once, and soon again: not after two minutes

    run(scene())
