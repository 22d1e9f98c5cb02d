"""Random streams on the whole toy: runtime, activities, link, playback and lights, on virtual time.

Judged is what came of it (`pommai.qa.invariants`), whenever all that could happen at a moment has happened, and at the
end of each stream, when the toy has been left alone for three minutes, or for as long as its timers take: it rests, and
nothing is left over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final

from pommai.chart.table import Step
from pommai.errors import DeviceError
from pommai.lights.patterns import LightPatterns
from pommai.qa.busy_toy import BusyToy
from pommai.qa.coverage import Ground
from pommai.qa.profile import Profile, stream_seed
from pommai.qa.replay_file import Happening
from pommai.qa.situation import BEGINNING, Moment, after
from pommai.qa.stream import drawn, stream
from pommai.qa.table_engine import STEER_EVERY, Failure, Run
from pommai.qa.table_replay import Told
from pommai.qa.virtual_time import VirtualTimeLoop

ALONE_S: Final = 180.0
"""Seconds after which a toy that is left alone must rest, when no timer is pending that brings it there later."""
LONGEST_S: Final = 3600.0
"""Seconds after which it must rest whatever its timers do."""
Deeds = Iterable[tuple[int, str, Mapping[str, object]]]
"""(microseconds since the start, event, payload)."""


Do = Callable[[Happening], None]


def _nobody(_: object) -> None:
    """Nobody wants to know."""


class ToyEngine:
    """Runs streams of a profile on whole toys, one after the other, each on a clock of its own."""

    stream_events = 2_500

    def __init__(self, ground: Ground, profile: Profile, patterns: LightPatterns, resting: Iterable[str]) -> None:
        """`resting` are the states a toy may be in when it was left alone; none: any."""
        self.ground = ground
        self.profile = profile
        self._patterns = patterns
        self._resting = frozenset(resting)

    def run(self, seed: int, number: int, events: int, record: list[Happening] | None = None) -> Run:
        """Run stream `number` of a campaign until `events` have been taken from the queue or something is wrong.

        `record` gets what was done to the toy. Same seed and number: same stream.
        """
        random = Random(stream_seed(seed, number))

        def deeds() -> Iterator[tuple[int, str, Mapping[str, object]]]:
            for at, coming in stream(self.profile, random):
                yield at, coming.event, drawn(coming, random)

        return self._run(number, deeds(), events, None if record is None else record.append, _nobody)

    def replay(
        self, happenings: Sequence[Happening], before: Do = _nobody, told: Callable[[Told], None] = _nobody
    ) -> Run:
        """Do to a toy what was done to another one.

        `before` is called before each, and may take its time; `told` hears of every event that the toy takes.
        """
        return self._run(0, ((round(one.at * 1e6), one.name, one.data) for one in happenings), None, before, told)

    def _run(
        self, number: int, deeds: Deeds, events: int | None, before: Do | None, told: Callable[[Told], None]
    ) -> Run:
        run = Run(number)
        with _surprises() as surprises, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(_Life(self, run, surprises, before, told).live(deeds, events))
        return run


class _Life:
    """One toy, from power-up to its end."""

    def __init__(
        self, engine: ToyEngine, run: Run, wrongs: list[str], before: Do | None, told: Callable[[Told], None]
    ) -> None:
        self.engine, self.result, self.wrongs, self.before, self.told = engine, run, wrongs, before, told
        self.situation = BEGINNING
        self.ground = engine.ground
        self.node, self.deeds = -1, 0
        self.last: tuple[int, ...] = ()
        self.looked = True

    async def live(self, deeds: Deeds, events: int | None) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.set_exception_handler(
            lambda _, context: self.wrongs.append(f"an error nobody handles: {context['message']}")
        )
        self.toy = toy = BusyToy(self.ground.table, self.engine._patterns)
        toy.trace.write = self.note  # type: ignore[method-assign]
        loop.call_when_quiet(self.look)
        running = asyncio.create_task(toy.runtime.run())
        await toy.link.running.wait()
        toy.button.start(toy.runtime.post)
        try:
            for at, event, how in deeds:
                if (wait := at / 1e6 - loop.time()) > 0:
                    await asyncio.sleep(wait)
                if self.wrongs or (events is not None and self.result.events >= events):
                    break
                self.do(event, how)
                if events is not None and self.deeds % STEER_EVERY == 0 and (wanted := self.untried()):
                    self.do(wanted, {})
            await asyncio.sleep(0.001)  # what was done last is judged before the toy is left alone
            if not self.wrongs:
                await self.come_to_rest()
        finally:
            self.result.microseconds = round(loop.time() * 1e6)
            loop.call_when_quiet(lambda: None)
            toy.button.close()
            toy.runtime.stop()
            await running
        self.nothing_is_left()
        if self.wrongs:
            self.result.failure = Failure(self.deeds, self.wrongs[0])

    def do(self, event: str, how: Mapping[str, Any]) -> None:
        self.deeds += 1
        self.looked = False
        if self.before is not None:
            self.before(Happening(round(asyncio.get_running_loop().time(), 6), event, dict(how)))
        self.toy.do(event, how)

    def note(self, kind: str, name: str, turn: int, **more: Any) -> None:
        """A line of the trace: of events, which leaf of the table it was."""
        if kind != "event":
            return
        self.looked = False
        step = self.toy.runtime.machine.step
        if self.told is not _nobody:
            self.tell(Happening(asyncio.get_running_loop().time(), name, dict(more["data"])), more["guards"], step)
        if self.node >= 0:
            result = self.result
            result.events += 1
            path = tuple(more["guards"].items())
            for leaf in self.ground.of_node[self.node].get(name, ()):
                if leaf.path == path:
                    result.counts[leaf.number] = result.counts.get(leaf.number, 0) + 1
        if step.taken:
            self.result.pairs.update((a, b) for a in self.last for b in step.taken)
            self.last = step.taken
        self.node = step.node

    def tell(self, happening: Happening, guards: Mapping[str, bool], step: Step) -> None:
        before, self.situation = self.situation, after(self.situation, happening.name, step)
        moment = Moment(before, happening.name, tuple(guards.items()), step, self.situation)
        self.told(Told(happening, moment, "", (), False))

    def untried(self) -> str | None:
        """An event that this stream has not seen in the configuration the toy is in."""
        found = [
            event
            for event, leaves in self.ground.of_node[self.node].items()
            if event in self.toy.can_do and not any(leaf.number in self.result.counts for leaf in leaves)
        ]
        return found[self.deeds // STEER_EVERY % len(found)] if found else None

    def look(self) -> None:
        """All that can happen now has happened: judge it, when there is something new."""
        if self.looked or self.wrongs:
            return
        self.looked = True
        self.wrongs += self.toy.invariants.look()
        self.toy.forget()

    async def come_to_rest(self) -> None:
        """Nobody does anything any more. The devices work, and it is quiet."""
        toy = self.toy
        for event in ("button.released", "microphone.back", "speaker.back", "server.reads", "speech.ended"):
            toy.do(event, {})
        await asyncio.sleep(ALONE_S)
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_S - ALONE_S
        timers = toy.runtime.timers
        while timers.pending and not (self.rests or self.wrongs) and loop.time() < latest:  # noqa: ASYNC110 (virtual time)
            await asyncio.sleep(1.0)
        if self.wrongs:
            return
        if not self.rests:
            self.wrongs.append(f"left alone, the toy does not rest, but is in {' '.join(toy.states)}")
        self.wrongs += toy.invariants.look_at_rest()

    @property
    def rests(self) -> bool:
        """Whether the toy is where it may be when it was left alone."""
        return not self.engine._resting or bool(self.engine._resting & set(self.toy.states))

    def nothing_is_left(self) -> None:
        runtime = self.toy.runtime
        left = [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}]
        if left or runtime.activities.tasks:
            self.wrongs.append(f"switched off, the toy leaves tasks behind: {', '.join(sorted(left))}")
        if runtime.timers.pending:
            self.wrongs.append("switched off, the toy leaves timers behind")


@contextmanager
def _surprises() -> Iterator[list[str]]:
    """A sentence for each exception that is logged, other than a device's that was taken away. Nothing is printed."""
    found: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info and record.exc_info[1]
            if error and not isinstance(error, DeviceError):
                found.append(f"{record.getMessage()}: {type(error).__name__}: {error}")

    logger = logging.getLogger("pommai")
    keeper, level, propagates = Keeper(logging.ERROR), logger.level, logger.propagate
    logger.addHandler(keeper)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(level)
        logger.propagate = propagates
