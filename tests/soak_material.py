"""A toy that lives for days on virtual time, and what it keeps, looked at when it has been left alone for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from qa_material import shipped_subject

from pommai.io.ports import CONVERSATIONS, METRICS, SAFETY
from pommai.lights.load import parse_patterns
from pommai.qa.busy_toy import BusyToy
from pommai.qa.profile import stream_seed
from pommai.qa.soak_days import Kept, look_at, no_logs
from pommai.qa.stream import drawn, stream
from pommai.qa.virtual_time import VirtualTimeLoop

HOUR = 3600.0


def live(looks: Sequence[float], before: Callable[[BusyToy], None] = lambda toy: None) -> list[Kept]:
    """Let a child play with a toy, and look at it after each of so many hours. Nothing it remembers is to be older
    than a day. `before` may do something to the new toy.
    """
    with no_logs(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_live(looks, before))


async def _live(looks: Sequence[float], before: Callable[[BusyToy], None]) -> list[Kept]:
    subject = shipped_subject("child", "toy")
    assert subject.patterns is not None
    toy = BusyToy(subject.ground.table, parse_patterns(subject.patterns))
    toy.memory.retain(dict.fromkeys((CONVERSATIONS, SAFETY, METRICS), 1))
    before(toy)
    running = asyncio.create_task(toy.runtime.run())
    await toy.link.running.wait()
    toy.button.start(toy.runtime.post)
    kept: list[Kept] = []
    try:
        for look in looks:
            await _play(toy, look * HOUR, number=len(kept))
            kept.append(await look_at(toy))
    finally:
        toy.button.close()
        toy.runtime.stop()
        await running
    assert toy.invariants.wrongs == []
    return kept


async def _play(toy: BusyToy, until: float, number: int) -> None:
    """What a child, a server and a network do to a toy until that moment of its life."""
    loop = asyncio.get_running_loop()
    began, random = loop.time(), Random(stream_seed(7, number))
    for at, coming in stream(shipped_subject("child", "toy").profile, random):
        wait = began + at / 1e6 - loop.time()
        if loop.time() + wait >= until:
            return
        if wait > 0:
            await asyncio.sleep(wait)
        toy.do(coming.event, drawn(coming, random))
        if coming.event == "reply.started":
            toy.do("server.words", {})  # so that there is something to remember
        toy.forget()
