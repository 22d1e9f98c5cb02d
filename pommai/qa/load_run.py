"""A crowd of toys at a gateway, step by step, and what it costs both ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from pommai.errors import LinkError
from pommai.qa.load_figures import Figures, Step, percentile
from pommai.qa.load_process import WatchedProcess, machine_seconds
from pommai.qa.load_speech import Utterance
from pommai.qa.load_target import Target
from pommai.qa.load_toy import Habits, LoadToy

CONNECTS_A_SECOND: Final = 50
"""How quickly toys come: a crowd, and no storm."""
JOIN_SECONDS: Final = 15.0
"""How long after the last has been started all toys have to be connected; then it begins without the rest."""
GONE_SECONDS: Final = 10.0
"""With no toy connected for so long, the gateway is gone, and the step ends."""
LOOK_SECONDS: Final = 0.25
LAG_SECONDS: Final = 0.01
"""How often the generator looks whether its own loop is in time."""


@dataclass(frozen=True, slots=True)
class Now:
    """How far it is. `share` of all that is to do, 0.0..1.0."""

    share: float
    toys: int
    up: int
    turns: int
    latency_s: float
    """The median so far; nan before the first."""
    mistakes: int


@dataclass(slots=True)
class Load:
    """What came of it. `ended` says why it ended early; empty when it did not."""

    first_s: float
    """What the very first answer took, of a gateway that may have had to load something for it."""
    steps: list[Step] = field(default_factory=list)
    ended: str = ""
    interrupted: bool = False

    @property
    def well(self) -> bool:
        """Whether nothing went wrong."""
        return not self.ended and not any(step.figures.mistakes for step in self.steps)


class Ending(Protocol):
    """A gateway that may end by itself."""

    @property
    def epitaph(self) -> str:
        """How it ended; empty while it lives."""


async def run_load(
    target: Target,
    crowds: Sequence[int],
    speech: Sequence[Utterance],
    habits: Habits,
    *,
    seed: int = 1,
    watched: WatchedProcess | None = None,
    gateway: Ending | None = None,
    stop: asyncio.Event | None = None,
    progress: Callable[[Now], None] = lambda now: None,
) -> Load:
    """Load a gateway with each of the crowds, one after the other. `stop` ends it, and what there is so far counts.

    Raises LinkError when not even a first toy gets in and is answered, with the reason.
    """
    stop = stop or asyncio.Event()
    try:
        first = await _unless(stop, _try_the_door(target, speech))
    except LinkError as caught:
        raise LinkError((gateway.epitaph if gateway is not None else "") or str(caught)) from caught
    if first is None:
        return Load(0.0, interrupted=True)
    load = Load(first)
    if watched is not None:
        watched.settle()
    for number, toys in enumerate(crowds):
        step = _Crowd(target, toys, speech, habits, Random(f"{seed} {toys}"), watched)

        def tell(now: Now, number: int = number) -> None:
            progress(Now((number + now.share) / len(crowds), *_rest_of(now)))

        load.ended = await step.run(stop, gateway, tell)
        load.steps.append(step.result())
        load.interrupted = stop.is_set()
        if load.ended or load.interrupted:
            break
    return load


def _rest_of(now: Now) -> tuple[int, int, int, float, int]:
    return now.toys, now.up, now.turns, now.latency_s, now.mistakes


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, float]) -> float | None:
    """What the work comes to; None when it was stopped before. Raises what the work raises."""
    working = asyncio.create_task(work, name="load door")
    stopping = asyncio.create_task(stop.wait(), name="load stop")
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.wait([working, stopping])
    return None if working.cancelled() else working.result()


async def _try_the_door(target: Target, speech: Sequence[Utterance]) -> float:
    """Let one toy in, have it say one thing, and hear it answered: seconds that the answer took. Raises LinkError.

    What a gateway loads when it is first asked, it has loaded then; it is in nobody's figures.
    """
    figures = Figures()
    toy = LoadToy(0, target, speech, Habits(turns=1, barge_in=0.0, thinking=(0.0, 0.0)), figures, Random(0))
    go = asyncio.Event()
    go.set()
    life = asyncio.create_task(toy.live(go), name="first load toy")
    try:
        await toy.answered_or_down.wait()
        if not toy.up.is_set():
            raise LinkError(f"no toy gets in at {target.url}: {toy.reason}")
        await asyncio.wait([life])
    finally:
        life.cancel()
        await asyncio.wait([life])
    if figures.mistakes or not (figures.answered or figures.rests):
        wrong = [f"error {code}" for code in figures.errors] + list(figures.failures)
        raise LinkError(f"{target.url} lets a toy in and does not answer it: {', '.join(wrong) or 'silence'}")
    return figures.latencies[0] if figures.latencies else 0.0


class _Crowd:
    """One step: toys that come, talk and go."""

    def __init__(
        self,
        target: Target,
        toys: int,
        speech: Sequence[Utterance],
        habits: Habits,
        random: Random,
        watched: WatchedProcess | None,
    ) -> None:
        self._figures = Figures()
        self._habits = habits
        self._watched = watched
        self._toys = [
            LoadToy(number, target, speech, habits, self._figures, Random(random.random()))
            for number in range(1, toys + 1)
        ]
        self._lives: list[asyncio.Task[None]] = []
        self._go = asyncio.Event()
        self._began = self._ended = time.monotonic()
        self._cpu_before = self._cpu_after = time.process_time()
        self._machine_before = self._machine_after = machine_seconds()
        self._most_up = 0
        self._last_up = time.monotonic()

    async def run(self, stop: asyncio.Event, gateway: Ending | None, tell: Callable[[Now], None]) -> str:
        """Live through the step. Why it ended early; empty when it did not, or was stopped."""
        lag = asyncio.create_task(self._watch_lag(), name="load lag")
        coming = asyncio.create_task(self._come(), name="load toys come")
        try:
            while not stop.is_set():
                self._look()
                tell(self._now())
                if gateway is not None and (epitaph := gateway.epitaph):
                    return epitaph
                if time.monotonic() - self._last_up > GONE_SECONDS and self._lives:
                    return f"no toy is connected any more: {self._toys[0].reason}"
                if self._go.is_set() and all(life.done() for life in self._lives):
                    return ""
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            return ""
        finally:
            self._ended, self._cpu_after, self._machine_after = time.monotonic(), time.process_time(), machine_seconds()
            self._look()
            for task in (lag, coming, *self._lives):
                task.cancel()
            await asyncio.wait([lag, coming])
            await asyncio.gather(*self._lives, return_exceptions=True)

    async def _come(self) -> None:
        """Start the toys, one after the other, and have them talk when all are there."""
        if self._watched is not None:
            self._watched.start()
        for toy in self._toys:
            self._lives.append(asyncio.create_task(toy.live(self._go), name="load toy"))
            await asyncio.sleep(1 / CONNECTS_A_SECOND)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOIN_SECONDS):
                for toy in self._toys:
                    await toy.up.wait()
        if self._watched is not None:
            self._watched.start()
        self._figures.lags.clear()
        self._began, self._cpu_before, self._machine_before = time.monotonic(), time.process_time(), machine_seconds()
        self._go.set()

    async def _watch_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self._figures.lags.append(max(0.0, loop.time() - due))

    def _look(self) -> None:
        up = sum(toy.up.is_set() for toy in self._toys)
        self._most_up = max(self._most_up, up)
        if up or all(life.done() for life in self._lives):
            self._last_up = time.monotonic()
        if self._watched is not None:
            self._watched.look()

    def _now(self) -> Now:
        turns = sum(toy.turns for toy in self._toys)
        if self._habits.seconds is not None:
            share = (time.monotonic() - self._began) / self._habits.seconds if self._go.is_set() else 0.0
        else:
            share = turns / (len(self._toys) * (self._habits.turns or 1))
        latency = percentile(self._figures.latencies[-1000:], 0.5)
        up = sum(toy.up.is_set() for toy in self._toys)
        return Now(min(share, 1.0), len(self._toys), up, turns, latency, self._figures.mistakes)

    def result(self) -> Step:
        """What came of the step; after `run`."""
        if oddities := sum(toy.oddities for toy in self._toys):
            self._figures.failures["messages that make no sense"] += oddities
        seconds = max(self._ended - self._began, 1e-9)
        usage = None if self._watched is None else self._watched.usage(seconds)
        own_cpu = (self._cpu_after - self._cpu_before) / seconds
        others = None
        if usage is not None:
            others = max(0.0, (self._machine_after - self._machine_before) / seconds - own_cpu - usage.cpu)
        return Step(len(self._toys), self._most_up, seconds, self._figures, own_cpu, usage, others)
