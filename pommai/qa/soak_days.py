"""Days of a simulated toy on virtual time, and what it holds at each midnight.

A child plays for an hour in every three, at times over a bad network. At midnight, when the toy has been left alone,
all it holds is counted. Then its plug is pulled, or it is switched off, and it begins the next day with the same memory
and a clock that knows no date, until a time server answers at some hour.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from pommai.io.clock import SimulatedClock, to_text
from pommai.io.memory_items import KEPT_CONVERSATIONS
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.ports import CONVERSATIONS, METRICS, SAFETY
from pommai.lights.load import parse_patterns
from pommai.qa.busy_toy import BusyToy
from pommai.qa.profile import Profile, load_profile, stream_seed
from pommai.qa.stream import drawn, stream
from pommai.qa.subject import Subject
from pommai.qa.toy_engine import ALONE_S
from pommai.qa.virtual_time import VirtualTimeLoop

DAY_S: Final = 86_400.0
SPELL_S: Final = 3 * 3600.0
PLAY_S: Final = 3600.0
"""In each spell one profile plays for so long; then the toy is left alone."""
PROFILES: Final = ("child", "flaky-wifi")
FIRST_MORNING_MS: Final = 1_798_790_400_000  # 2027-01-01
WARM_DAYS: Final = 2
"""After so many midnights nothing may grow any more."""
OBJECTS: Final = 150
"""More that there may be, of one type or of all: of 27,000. One more each turn would be thousands."""
BYTES: Final = 64_000
MOST_TIMERS: Final = 5
MOST_UNSENT: Final = 100
REMEMBERED: Final = frozenset(("Item", "Moment", "Ask", "Conversation"))
"""Types of what memory holds, which is counted by itself."""
_NOT_KEPT: Final = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.CodeType,
    types.FrameType,
)
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


def growth(first: Kept, later: Kept) -> list[str]:
    """What has grown between two looks, in words."""
    found = [f"{more} more {name} in the toy" for name, more in grown(first.toy, later.toy).items()]
    found += [f"{more} more {name} in the process" for name, more in grown(first.process, later.process).items()]
    if later.toy_bytes - first.toy_bytes > BYTES:
        found.append(f"{later.toy_bytes - first.toy_bytes:,} bytes more in the toy")
    for what in ("tasks", "files", "threads"):
        if getattr(later, what) > getattr(first, what):
            found.append(f"{getattr(later, what)} {what}, and {getattr(first, what)} before")
    return found


def grown(before: Counter[str], now: Counter[str]) -> dict[str, int]:
    """Types of which there are more than chance explains."""
    return {name: more for name in now if (more := now[name] - before[name]) > OBJECTS and name not in REMEMBERED}


async def look_at(toy: BusyToy) -> Kept:
    """Leave a toy alone until it rests, and count."""
    for event in ("button.released", "speech.ended", "safety.resume", "server.reads", "microphone.back"):
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
        timers=sum(not handle.cancelled() for handle in vars(loop)["_scheduled"]),
        queued=len(toy.runtime.queue),
        files=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        conversations=sum(item.kind == CONVERSATIONS for item in rows),
        unsent=memory.unsent,
        oldest_days=max((loop.time() - item.moment.uptime for item in rows), default=0.0) / DAY_S,
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


@contextmanager
def no_logs() -> Iterator[None]:
    """Nobody reads what is logged in days, and whoever keeps it would seem to grow."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


# -- days ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Midnight:
    """The end of a day."""

    day: int
    """From 1."""
    kept: Kept
    events: int
    jumps: int
    """How often the clock jumped."""
    pulled: bool
    """The toy then lost its power, instead of being switched off."""
    left: int
    """Tasks that were left over when it was off."""
    wrongs: tuple[str, ...]
    """What a toy must never do, and did."""


def live_for_days(subject: Subject, days: int, seed: int, told: Callable[[Midnight], None]) -> list[Midnight]:
    """Live for so many days of virtual time; `told` is called at each midnight. The subject has light patterns."""
    with no_logs(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_live(subject, days, seed, told))


def findings(nights: list[Midnight]) -> list[str]:
    """What went wrong, in words; empty when nothing did."""
    found = []
    # At one midnight a toy is online, and has two tasks more for that, at another it is not.
    warm = max((night.kept for night in nights[:WARM_DAYS]), key=lambda kept: kept.tasks, default=None)
    for night in nights:
        name = f"day {night.day}"
        found += [f"{name}: {words}" for words in night.wrongs]
        if night.left:
            found.append(f"{name}: {night.left} tasks were left over when the toy was off")
        kept = night.kept
        for what, value, most in (
            ("timers", kept.timers, MOST_TIMERS),
            ("events in the queue", kept.queued, 0),
            ("conversations remembered", kept.conversations, KEPT_CONVERSATIONS),
            ("items not sent", kept.unsent, MOST_UNSENT),
        ):
            if value > most:
                found.append(f"{name}: {value} {what}, and {most} are enough")
        if night.day > WARM_DAYS and warm is not None:
            found += [f"{name}: {words}" for words in growth(warm, kept)]
    return found


def table(nights: list[Midnight]) -> list[str]:
    """What there was at each midnight, a line each."""
    lines = [
        f"{'day':>4} {'events':>8} {'toy':>9} {'kB':>7} {'process':>9} {'tasks':>6} {'timers':>7} {'files':>6} "
        f"{'threads':>8} {'talks':>6} {'unsent':>7} {'jumps':>6}  then"
    ]
    for night in nights:
        kept, then = night.kept, "power lost" if night.pulled else "switched off"
        lines.append(
            f"{night.day:4} {night.events:8,} {kept.toy.total():9,} {kept.toy_bytes / 1e3:7,.0f} "
            f"{kept.process.total():9,} {kept.tasks:6} {kept.timers:7} {kept.files:6} {kept.threads:8} "
            f"{kept.conversations:6} {kept.unsent:7} {night.jumps:6}  {then}"
        )
    return lines


async def _live(subject: Subject, days: int, seed: int, told: Callable[[Midnight], None]) -> list[Midnight]:
    assert subject.patterns is not None, "a whole toy needs its lights"
    table_, patterns = subject.ground.table, parse_patterns(subject.patterns)
    loop = asyncio.get_running_loop()
    clock = SimulatedClock(loop.time)
    memory = SimulatedMemory(clock, uptime=loop.time)
    memory.retain(dict.fromkeys((CONVERSATIONS, SAFETY, METRICS), 1))
    profiles = [load_profile(name) for name in PROFILES]
    nights: list[Midnight] = []
    for day in range(1, days + 1):
        random = Random(f"days {seed} {day}")
        clock.set("1970-01-01T00:00:00Z", trusted=False)
        toy = BusyToy(table_, patterns, memory=memory)
        running = asyncio.create_task(toy.runtime.run(), name="toy")
        await toy.link.running.wait()
        toy.button.start(toy.runtime.post)
        events, jumps = await _play_a_day(toy, profiles, random, day, clock)
        kept = await look_at(toy)
        wrongs = tuple(dict.fromkeys(map(str, toy.invariants.wrongs)))
        pulled = random.random() < 0.5
        await _end(toy, running, pulled=pulled)
        del toy, running
        night = Midnight(day, kept, events, jumps, pulled, len(asyncio.all_tasks()) - 1, wrongs)
        nights.append(night)
        told(night)
        gc.collect()
        await asyncio.sleep(max(0.0, day * DAY_S - loop.time()))
    return nights


async def _play_a_day(
    toy: BusyToy, profiles: list[Profile], random: Random, day: int, clock: SimulatedClock
) -> tuple[int, int]:
    """Until the toy is left alone before midnight: how many things happened, and how often the clock jumped."""
    loop = asyncio.get_running_loop()
    midnight = day * DAY_S - 2 * ALONE_S
    events = jumps = spell = 0
    answered_at = loop.time() + random.uniform(0.0, 4 * 3600.0)
    while loop.time() < midnight:
        profile, began = profiles[spell % len(profiles)], loop.time()
        spell += 1
        until = min(midnight, began + PLAY_S)
        chance = Random(stream_seed(day, spell))
        for at, coming in stream(profile, chance):
            wait = began + at / 1e6 - loop.time()
            if loop.time() + wait >= until:
                break
            if wait > 0:
                await asyncio.sleep(wait)
            if loop.time() >= answered_at:
                answered_at += random.uniform(600.0, 6 * 3600.0)
                jumps += 1
                hours = random.choice((0.0, 0.0, -30.0, -1.0, 1.0, 30.0))
                clock.set(to_text(FIRST_MORNING_MS + round(1000 * (loop.time() + 3600 * hours))))
            toy.do(coming.event, drawn(coming, chance))
            events += 1
            if coming.event == "reply.started":
                toy.do("server.words", {})  # so that there is something to remember
            toy.forget()
        for event in ("button.released", "speech.ended", "server.reads", "microphone.back", "speaker.back"):
            toy.do(event, {})
        await asyncio.sleep(max(0.0, min(midnight, began + SPELL_S) - loop.time()))
    return events, jumps


async def _end(toy: BusyToy, running: asyncio.Task[Any], *, pulled: bool) -> None:
    """Switch it off; or pull the plug, which here ends it without a chance to say anything."""
    toy.button.close()
    if pulled:
        running.cancel()
    else:
        toy.runtime.stop()
    await asyncio.wait([running])
    toy.room.stop()
    await asyncio.sleep(1.0)
