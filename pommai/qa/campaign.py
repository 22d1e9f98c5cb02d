"""Campaigns: many streams, in one process or on a pool of workers, and what they came to together.

A campaign is cut into streams of a fixed number of events, and a stream depends on the campaign's seed and its own
number alone. So a campaign finds the same whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, NamedTuple, Protocol

from pommai.errors import LinkError
from pommai.qa.coverage import Coverage, Ground
from pommai.qa.replay_file import Happening
from pommai.qa.table_engine import Failure, Run

TRIES: Final = 2
"""How often a stream is begun on a worker that dies of it, before it counts as a failure."""


class Engine(Protocol):
    """Runs streams."""

    stream_events: int
    """Events of a whole stream."""

    def run(self, seed: int, number: int, events: int, record: list[Happening] | None = None) -> Run:
        """Run one stream until `events` have happened or something is wrong; `record` gets what happens."""


MakeEngine = Callable[[], Engine]
"""Makes the engine, in whichever process; can be pickled."""


class Died(NamedTuple):
    """What comes of a stream whose worker died."""

    number: int
    how: str
    """Begins a sentence: a worker died (exit code 9)."""


class Pool(Protocol):
    """Workers that run the streams of one engine and seed, each of them one at a time."""

    def free(self) -> bool:
        """Whether another stream can be submitted."""

    def submit(self, number: int, events: int) -> None:
        """Let a free worker begin a stream. Raises LinkError."""

    def finished(self) -> Sequence[Run | Died]:
        """Wait until something has happened: what has ended, if that is what happened. Raises LinkError."""

    def close(self) -> None:
        """Have no more of it."""


Hire = Callable[[MakeEngine, int], Pool]
"""Makes a pool for an engine and a seed."""


@dataclass(slots=True)
class Result:
    """What a campaign came to, so far or at its end."""

    coverage: Coverage
    events_wanted: int
    events: int = 0
    streams: int = 0
    life_seconds: float = 0.0
    """Of toys' lives, taken together."""
    seconds: float = 0.0
    """Of ours."""
    failure: Failure | None = None
    failed_stream: int = 0
    failed_events: int = 0
    """Events that the stream that failed was to have."""
    interrupted: bool = False
    """By Ctrl-C, or because the pool cannot be reached any more."""
    deaths: list[str] = field(default_factory=list)
    """A sentence for each worker that died, and for a pool that was lost."""


def run_campaign(
    make: MakeEngine,
    ground: Ground,
    *,
    seed: int,
    events: int,
    workers: int = 1,
    hire: Hire | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Run `events` events. Ends at the first failure: of several, at that of the lowest stream.

    With `hire` the streams run on that pool, else on `workers` processes of this machine. An interrupt (Ctrl-C) and the
    loss of the pool end it too, and what was found until then is returned.
    """
    result = Result(Coverage(ground), events)
    begun = time.monotonic()
    if hire is None and workers == 1:
        runs = _alone(make, seed, events)
    else:
        pool = ProcessPool(make, seed, workers) if hire is None else hire(make, seed)
        runs = _together(pool, _streams(events, make().stream_events), result)
    try:
        for run, planned in runs:
            result.streams += 1
            result.events += run.events
            result.life_seconds += run.microseconds / 1e6
            result.seconds = time.monotonic() - begun
            result.coverage.merge(run.counts, run.pairs)
            if run.failure is not None and (result.failure is None or run.number < result.failed_stream):
                result.failure, result.failed_stream, result.failed_events = run.failure, run.number, planned
            progress(result)
    except KeyboardInterrupt:
        result.interrupted = True
    except LinkError as caught:
        result.interrupted = True
        result.deaths.append(str(caught))
    result.seconds = time.monotonic() - begun
    return result


def _streams(events: int, each: int) -> Iterator[tuple[int, int]]:
    """(number, events) of each stream."""
    for number in range(-(-events // each)):
        yield number, min(each, events - number * each)


def _alone(make: MakeEngine, seed: int, events: int) -> Iterator[tuple[Run, int]]:
    engine = make()
    for number, planned in _streams(events, engine.stream_events):
        run = engine.run(seed, number, planned)
        yield run, planned
        if run.failure is not None:
            return


# -- a pool of workers ---------------------------------------------------------------------


def _together(pool: Pool, streams: Iterator[tuple[int, int]], result: Result) -> Iterator[tuple[Run, int]]:
    left = deque(streams)
    at_work: dict[int, int] = {}
    tries: dict[int, int] = {}
    failed: int | None = None
    try:
        while True:
            if left and failed is not None and left[0][0] > failed:
                left.clear()  # a retried one is put in front, so all the others are later ones still
            while left and pool.free():
                number, planned = left.popleft()
                pool.submit(number, planned)
                at_work[number] = planned
            if not left and not at_work:
                return
            for outcome in pool.finished():
                number, planned = outcome.number, at_work.pop(outcome.number)
                if isinstance(outcome, Died):
                    words = f"{outcome.how} in stream {number}"
                    result.deaths.append(words)
                    tries[number] = tries.get(number, 0) + 1
                    if tries[number] < TRIES:
                        left.appendleft((number, planned))
                        continue
                    outcome = Run(number, failure=Failure(0, f"{words}, and so did the next one"))
                if outcome.failure is not None:
                    failed = number if failed is None else min(failed, number)
                yield outcome, planned
    finally:
        pool.close()


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    number: int = -1
    """Of its stream; -1 while it has none."""


class ProcessPool:
    """Processes of this machine. A `Pool`; they are started as they are needed, `workers` at most."""

    def __init__(self, make: MakeEngine, seed: int, workers: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._make = make
        self._seed = seed
        self._workers = workers
        self._crew: list[_Worker] = []

    def free(self) -> bool:
        """Whether a process has nothing to do or has yet to be started."""
        return sum(worker.number >= 0 for worker in self._crew) < self._workers

    def submit(self, number: int, events: int) -> None:
        """Let a process that is free begin a stream."""
        worker = next((worker for worker in self._crew if worker.number < 0), None) or self._hired()
        worker.number = number
        with suppress(OSError):  # it has died; its connection says so when it is read
            worker.connection.send((number, events))

    def _hired(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._make, self._seed), daemon=True)
        process.start()
        theirs.close()
        self._crew.append(_Worker(process, ours))
        return self._crew[-1]

    def finished(self) -> Sequence[Run | Died]:
        """Wait until streams have ended."""
        busy = {worker.connection: worker for worker in self._crew if worker.number >= 0}
        return [self._outcome(busy[each]) for each in wait(list(busy)) if isinstance(each, Connection)]

    def _outcome(self, worker: _Worker) -> Run | Died:
        try:
            run: Run = worker.connection.recv()
        except (EOFError, OSError):
            self._crew.remove(worker)
            worker.connection.close()
            worker.process.join()
            return Died(worker.number, f"a worker died (exit code {worker.process.exitcode})")
        worker.number = -1
        return run

    def close(self) -> None:
        """End the processes."""
        for worker in self._crew:
            worker.process.terminate()
            worker.process.join()
            worker.connection.close()


def _work(connection: Connection, make: MakeEngine, seed: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the first one ends us
    engine = make()
    while True:
        try:
            number, events = connection.recv()
        except EOFError:
            return
        connection.send(engine.run(seed, number, events))
