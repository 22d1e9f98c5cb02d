"""Runs a soak: people live with a toy while one thing after the other breaks, and everything is looked at."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGTERM
from typing import Any, Final

from pommai.errors import PommaiError
from pommai.qa.soak_faults import fault_at_work
from pommai.qa.soak_house import DEVICE, END_SECONDS, House
from pommai.qa.soak_kept import Ledger
from pommai.qa.soak_people import BRIEF, SENTENCES, Child, Designer, Operator, speak
from pommai.qa.soak_plan import KINDS, Fault, faults
from pommai.qa.soak_program import Program
from pommai.qa.soak_verdict import Recovery, Soak
from pommai.qa.soak_watch import Look, ToyWatch, Vitals, processors, size_mb, vitals

LOOK_S: Final = 5.0
"""Between two looks at what everything takes."""
STILL_EVERY_S: Final = 25.0
"""Between two still moments, in which nothing breaks, nobody plays, and what a toy at rest takes can be seen."""
STILL_S: Final = 4.0
IDLE_SHARE: Final = 0.5
"""Of the machine's processors, in a still moment: toy, gateway and soak need a fifth of one then."""
SETTLE_S: Final = 1.0
"""After the toy has come to rest: what it had begun is over."""
STILL_REST_S: Final = 90.0
"""Longest until all leave it alone and it rests: a fault and what follows may have just begun."""
HASTE: Final = 0.2
"""A short soak looks so much oftener, and for so much shorter."""
STILL_HASTE: Final = 0.5
"""And has so much less time between still moments."""
TOLD_S: Final = 90.0
"""Longest until everything is told, at the end, when nothing is broken any more."""
BRIEF_S: Final = 5.0
"""The same for somebody who has interrupted it."""
ANSWER_S: Final = 10.0
_SOON_S: Final = 0.3
"""Until the toy has noticed what has just happened to it."""


@dataclass(frozen=True, slots=True)
class Now:
    """How far a soak is."""

    share: float
    left_s: float
    faults: int
    fault: str
    """The one at work, or nothing."""
    wrongs: int
    memory_mb: float


class Gate:
    """Lets people do things, until somebody wants stillness; see `busy` and `still`."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Do something; begins when it is not still."""
        await self._open.wait()
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Nobody does anything: begins when all that was begun is over."""
        self._open.clear()
        try:
            await self._idle.wait()
            yield
        finally:
            self._open.set()


async def run_soak(
    out: Path,
    model: Path,
    resting: frozenset[str],
    *,
    seconds: float,
    seed: int,
    stop: asyncio.Event,
    progress: Callable[[Now], None] = lambda now: None,
    disks: bool = False,
    kinds: Collection[str] = KINDS.keys(),
) -> Soak:
    """Soak for so long, or until `stop`; then let everything be told, and end. Faults are of these `kinds` alone.

    `out`, `model`, `resting`, `disks`: see House. Below two minutes it is a hasty soak: every kind of fault, but short.
    Raises PommaiError when it cannot begin.
    """
    hasty = seconds < 120.0
    soak = Soak(seed, hasty, Ledger(DEVICE))
    spoken = await speak(BRIEF if hasty else SENTENCES)
    async with House(out, model, resting, disks=disks) as house:
        run = _Run(house, soak, seconds, progress)
        people = (
            Child(house, run.gate.busy, spoken, Random(f"child {seed}")),
            Operator(house, run.gate.busy, Random(f"operator {seed}")),
            Designer(house, Random(f"designer {seed}")),
        )
        child, operator, designer = people
        lives = {
            "child": child.play(),
            "operator": operator.work(),
            "designer": designer.work(),
            "faults": run.break_things(kinds),
            "looks": run.look(operator.resume),
        }
        await run.live(lives, stop)
        await run.finish(operator.resume)
        soak.did = {type(who).__name__.lower(): dict(who.did) for who in people}
    return soak


class _Run:
    """What goes on in a house."""

    def __init__(self, house: House, soak: Soak, seconds: float, progress: Callable[[Now], None]) -> None:
        self.gate = Gate()
        self._house = house
        self._soak = soak
        self._seconds = seconds
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._haste = HASTE if soak.hasty else 1.0
        self._fault = ""
        self._planned: Counter[str] = Counter(toy=1, gateway=1)
        self._programs: tuple[Program, ...] = (house.toy, house.gateway)

    @property
    def now(self) -> float:
        """Seconds of the soak."""
        return self._loop.time() - self._began

    # -- the whole -------------------------------------------------------------------------

    async def live(self, lives: dict[str, Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
        """Let all go on side by side, until time is over, or `stop`, or one of them fails."""
        tasks = [asyncio.create_task(life, name=name) for name, life in lives.items()]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            while self.now < self._seconds and not stop.is_set():
                done, _ = await asyncio.wait([*tasks, stopped], timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
                self._tell_progress()
                if not self._house.toy.alive:
                    self._soak.ended = "the toy has ended"
                    break
                if failed := [task for task in tasks if task in done]:
                    self._soak.ended = f"{failed[0].get_name()}: {failed[0].exception() or 'it ended'}"
                    break
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.wait([*tasks, stopped])
        self._soak.interrupted = stop.is_set()
        self._soak.seconds = self.now

    async def finish(self, resume: Callable[[], Awaitable[None]]) -> None:
        """Nothing is broken any more: everything is told, and both end when they are asked to.

        `resume`: see `until_awake`.
        """
        soak, house = self._soak, self._house
        if not soak.ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BRIEF_S if soak.interrupted else TOLD_S):
                    if not house.gateway.alive:
                        await house.start_gateway()
                    await until_told(house, soak.ledger, resume)
            for program in self._programs:
                if not await program.end(SIGTERM, END_SECONDS):
                    soak.wrongs.append(f"the {program.name} did not end within {END_SECONDS:g} s of SIGTERM")
        await asyncio.to_thread(soak.ledger.note, house.memory)
        try:
            await asyncio.to_thread(soak.ledger.close, house.archive)
        except PommaiError as caught:
            soak.wrongs.append(str(caught))
        for program in self._programs:
            soak.troubles += program.troubles
            soak.wrongs += program.unplanned
            soak.lives[program.name], soak.planned[program.name] = program.life, self._planned[program.name]

    def _tell_progress(self) -> None:
        rss = next((look.memory_mb for look in reversed(self._soak.looks) if look.who == "toy"), 0.0)
        wrongs = len(self._soak.wrongs) + sum(len(each.wrongs()) for each in self._soak.recoveries)
        wrongs += sum(len(each.troubles) + len(each.unplanned) for each in self._programs)
        left = max(0.0, self._seconds - self.now)
        faults_ = len(self._soak.recoveries)
        self._progress(Now(self.now / self._seconds, left, faults_, self._fault, wrongs, rss))

    # -- faults ----------------------------------------------------------------------------

    async def break_things(self, kinds: Collection[str]) -> None:
        """One fault after the other; the next comes when the toy has come out of the last one, or should have."""
        for fault in faults(self._soak.seed, hasty=self._soak.hasty, kinds=kinds):
            async with self.gate.busy():
                self._soak.recoveries.append(await self._break(fault))
            await asyncio.sleep(fault.pause)

    async def _break(self, fault: Fault) -> Recovery:
        began = self.now
        self._fault = fault.kind
        if fault.kind in ("gateway ended", "gateway killed"):
            self._planned["gateway"] += 1
        try:
            async with fault_at_work(self._house, fault) as words:
                await asyncio.sleep(fault.seconds)
        finally:
            self._fault = ""
        ended, kind = self.now, KINDS[fault.kind]
        await asyncio.sleep(_SOON_S)
        online_s = await self._seconds_until(ended, kind.online_s, online=True)
        rest_s = await self._seconds_until(ended, kind.rest_s, rests=True)
        answered = bool(await self._house.look_inside(self._house.toy, ANSWER_S))
        return Recovery(fault, words, began, ended, rest_s, online_s, answered)

    async def _seconds_until(
        self, since: float, limit: float, *, rests: bool = False, online: bool = False
    ) -> float | None:
        """Seconds from `since` until this is so; None when it is not within so many seconds from now."""
        try:
            async with asyncio.timeout(limit):
                await self._house.watch.until(rests=rests, online=online)
        except TimeoutError:
            return None
        return self.now - since

    # -- looking ---------------------------------------------------------------------------

    async def look(self, resume: Callable[[], Awaitable[None]]) -> None:
        """Look at everything, again and again; now and then at a still moment. `resume`: see `until_awake`."""
        every = STILL_EVERY_S * (STILL_HASTE if self._soak.hasty else 1.0)
        still_at = self.now + every
        while True:
            await asyncio.to_thread(self._soak.ledger.note, self._house.memory)
            for program in self._programs:
                if (found := vitals(program.pid)) is not None:
                    self._note(program, found, None, {}, rests=False)
            await asyncio.sleep(LOOK_S * self._haste)
            if self.now >= still_at:
                await self._be_still(resume)
                still_at = self.now + every

    async def _be_still(self, resume: Callable[[], Awaitable[None]]) -> None:
        house, watch = self._house, self._house.watch
        async with self.gate.still():
            try:
                async with asyncio.timeout(STILL_REST_S):
                    await until_awake(watch, resume)
            except TimeoutError:
                states = " ".join(sorted(watch.states))
                self._soak.wrongs.append(f"left alone at {self.now:.0f} s, the toy did not rest: {states}")
                return
            await asyncio.sleep(SETTLE_S)
            seconds = max(1.0, STILL_S * self._haste)
            before, unrest = [vitals(program.pid) for program in self._programs], watch.unrest
            machine = processors()
            await asyncio.sleep(seconds)
            busy = processors().idle_since(machine) < IDLE_SHARE
            after = [vitals(program.pid) for program in self._programs]
            inside = [await house.look_inside(program) for program in self._programs]
            rested = watch.unrest == unrest and watch.rests and "safe_mode" not in watch.states
        self._soak.stills.append(self.now)
        self._soak.busy += busy
        for program, first, then, held in zip(self._programs, before, after, inside, strict=True):
            if first is not None and then is not None:
                wakeups = sum((then.switches - first.switches).values()) / seconds
                self._note(program, then, None if busy else wakeups, held, rests=rested)

    def _note(
        self, program: Program, found: Vitals, wakeups: float | None, held: dict[str, Any], *, rests: bool
    ) -> None:
        database = self._house.memory if program is self._house.toy else self._house.archive
        self._soak.looks.append(
            Look(
                at=round(self.now, 2),
                who=program.name,
                life=program.life,
                rests=rests,
                memory_mb=round(found.memory_mb, 3),
                handles=found.handles,
                threads=found.threads,
                wakeups=None if wakeups is None else round(wakeups, 1),
                tasks=held.get("tasks"),
                objects=held.get("objects"),
                file_mb=round(size_mb(database), 3),
                log_lines=program.log_lines,
            )
        )


async def until_awake(watch: ToyWatch, resume: Callable[[], Awaitable[None]]) -> None:
    """Wait until the toy rests, and not in safe mode, out of which `resume` orders it.

    There its microphone is closed, so that it takes less than at any other rest, and it keeps to itself what was talked
    about.
    """
    await watch.until(rests=True)
    while "safe_mode" in watch.states:
        await resume()
        await asyncio.sleep(0.5)
        await watch.until(rests=True)


async def until_told(house: House, ledger: Ledger, resume: Callable[[], Awaitable[None]]) -> None:
    """Wait until the toy rests, and all that was said is at the gateway. `resume`: see `until_awake`."""
    while True:
        await until_awake(house.watch, resume)
        await asyncio.sleep(1.0)  # what was said last is written down as the toy comes to rest
        await asyncio.to_thread(ledger.note, house.memory)
        if ledger.waiting == 0 and house.watch.rests:
            return
