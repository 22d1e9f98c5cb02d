"""Campaigns: many streams, on one process or several, and what they came to together.

A campaign is cut into streams of a fixed number of events, and a stream depends on the campaign's seed and its own
number alone. So a campaign finds the same whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

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
    deaths: list[str] = field(default_factory=list)
    """A sentence for each worker that died."""


def run_campaign(
    make: MakeEngine,
    ground: Ground,
    *,
    seed: int,
    events: int,
    workers: int = 1,
    progress: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Run `events` events. Ends at the first failure: of several, at that of the lowest stream.

    An interrupt (Ctrl-C) ends it too, and what was found until then is returned.
    """
    result = Result(Coverage(ground), events)
    begun = time.monotonic()
    runs = _alone(make, seed, events) if workers == 1 else _together(make, seed, events, workers, result)
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


# -- several processes ---------------------------------------------------------------------


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    task: tuple[int, int] | None = None


def _together(make: MakeEngine, seed: int, events: int, workers: int, result: Result) -> Iterator[tuple[Run, int]]:
    context = multiprocessing.get_context("spawn")
    left = deque(_streams(events, make().stream_events))
    tries: dict[int, int] = {}
    failed: int | None = None
    crew: dict[Connection, _Worker] = {}

    def hire() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, make, seed), daemon=True)
        process.start()
        theirs.close()
        crew[ours] = _Worker(process, ours)
        employ(crew[ours])

    def employ(worker: _Worker) -> None:
        if not left or (failed is not None and left[0][0] > failed):
            worker.task = None
            return
        worker.task = left.popleft()
        with suppress(OSError):  # it has died; its connection says so when it is read
            worker.connection.send(worker.task)

    try:
        for _ in range(min(workers, len(left))):
            hire()
        while any(worker.task for worker in crew.values()):
            for connection in wait(list(crew)):
                assert isinstance(connection, Connection)
                worker = crew[connection]
                number, planned = worker.task or (-1, 0)
                try:
                    run: Run = connection.recv()
                except (EOFError, OSError):
                    del crew[connection]
                    worker.process.join()
                    tries[number] = tries.get(number, 0) + 1
                    words = f"a worker died (exit code {worker.process.exitcode}) in stream {number}"
                    result.deaths.append(words)
                    if tries[number] < TRIES:
                        left.appendleft((number, planned))
                    else:
                        failed = number if failed is None else min(failed, number)
                        yield Run(number, failure=Failure(0, f"{words}, and so did the next one")), planned
                    hire()
                    continue
                if run.failure is not None:
                    failed = number if failed is None else min(failed, number)
                yield run, planned
                employ(worker)
    finally:
        for worker in crew.values():
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
