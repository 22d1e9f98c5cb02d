"""The simulated memory, beyond what test_io_memory_contract holds both to: on virtual time, and looked into."""

from __future__ import annotations

import asyncio

from memory_material import DAY, Machine, ids, incident, said, sync

from pommai.io.clock import SimulatedClock
from pommai.io.memory_simulated import SimulatedMemory
from pommai.protocol.messages import Rejected, SyncAck
from pommai.qa import virtual_time


def test_months_pass_in_a_moment_and_leave_no_more_than_is_to_be_kept() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        clock = SimulatedClock(loop.time, start="2026-09-21T12:00:00Z", trusted=True)
        memory = SimulatedMemory(clock, uptime=loop.time)
        for day in range(120):
            memory.keep_conversation(said(f"{day}", f"question {day}"))
            memory.keep_safety_event(incident(f"s{day}"))
            memory.keep_metric("turns", day)
            await asyncio.sleep(DAY)
            for safety in (True, False):
                await sync(memory, safety=safety)
        assert memory.unsent == 0
        assert len(memory.sent) <= 30 + 90 + 4
        assert len(memory._asks) <= 9

    virtual_time.run(scene())


def test_a_test_can_look_at_what_became_of_everything() -> None:
    async def scene() -> None:
        memory = Machine().simulated()
        for name in ("good", "bad", "late"):
            memory.keep_conversation(said(name))
        batch = await memory.batch(safety=False)
        assert batch is not None
        await memory.settle(SyncAck(batch.batch, ("good",), (Rejected("bad", "no such toy"),)))
        assert list(memory.sent) == ["good"]
        assert list(memory.waiting) == ["late"]
        assert {name: reason for name, (_, reason) in memory.refused.items()} == {"bad": "no such toy"}
        await memory.close()

    asyncio.run(scene())


def test_there_is_a_bound_and_the_least_important_goes_first() -> None:
    async def scene() -> None:
        memory = Machine().simulated()
        memory.keep_conversation(said("talk"))
        for _number in range(5001):
            memory.keep_metric("noise", 1)
        assert memory.unsent == 5000
        assert memory.dropped == {"metrics": 2}
        assert ids(await memory.batch(safety=False))[0] == "talk"

    asyncio.run(scene())
