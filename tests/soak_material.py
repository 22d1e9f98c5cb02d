"""A toy that lives for days on virtual time, and what it keeps, looked at when it has been left alone for a while."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from qa_material import shipped_subject

from pommai.io.ports import CONVERSATIONS, METRICS, SAFETY
from pommai.lights.load import parse_patterns
from pommai.qa.busy_toy import BusyToy
from pommai.qa.profile import stream_seed
from pommai.qa.stream import drawn, stream
from pommai.qa.toy_engine import ALONE_S
from pommai.qa.virtual_time import VirtualTimeLoop

HOUR = 3600.0
DAY = 24 * HOUR
_NOT_KEPT = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)
"""Of the program, not of its life: a walk over what a toy keeps does not enter it."""


@dataclass(frozen=True)
class Kept:
    """What there is at one moment. What the toy remembers is not among its objects: that is counted by itself."""

    toy: Counter[str]
    """Objects that can be reached from the toy, by their types."""
    toy_bytes: int
    process: Counter[str]
    """Objects of the whole process that the garbage collector knows, by their types."""
    tasks: int
    timers: int
    queued: int
    files: int
    threads: int
    conversations: int
    unsent: int
    oldest_days: float
    """Age of the oldest thing that the toy remembers."""


def live(looks: Sequence[float], before: Callable[[BusyToy], None] = lambda toy: None) -> list[Kept]:
    """Let a child play with a toy, and look at it after each of so many hours. Nothing it remembers is to be older
    than a day. `before` may do something to the new toy.
    """
    with _no_logs(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_live(looks, before))


@contextlib.contextmanager
def _no_logs() -> Iterator[None]:
    """pytest keeps whatever is logged."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


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
            kept.append(await _look(toy))
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


async def _look(toy: BusyToy) -> Kept:
    """Leave the toy alone until it rests, and count."""
    for event in ("button.released", "speech.ended", "safety.resume"):
        toy.do(event, {})
    await asyncio.sleep(ALONE_S)
    toy.forget()
    gc.collect()
    loop, memory = asyncio.get_running_loop(), toy.memory
    rows = [*memory.waiting.values(), *memory.sent.values()]
    found, size = _reached(toy, without=memory)
    return Kept(
        toy=found,
        toy_bytes=size,
        process=Counter(type(each).__qualname__ for each in gc.get_objects()),
        tasks=len(asyncio.all_tasks()),
        timers=sum(not handle.cancelled() for handle in loop._scheduled),  # type: ignore[attr-defined]
        queued=len(toy.runtime.queue),
        files=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        conversations=sum(item.kind == CONVERSATIONS for item in rows),
        unsent=memory.unsent,
        oldest_days=max((loop.time() - item.moment.uptime for item in rows), default=0.0) / DAY,
    )


def _reached(root: object, without: object) -> tuple[Counter[str], int]:
    """What can be reached from an object, by type, and its size in bytes; the program itself is not entered."""
    seen = {id(without)}
    found: Counter[str] = Counter()
    size = 0
    todo = [root]
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, _NOT_KEPT):
            continue
        seen.add(id(each))
        found[type(each).__qualname__] += 1
        size += sys.getsizeof(each)
        todo.extend(gc.get_referents(each))
    return found, size
