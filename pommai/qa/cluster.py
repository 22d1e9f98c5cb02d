"""Campaigns on a Dask cluster: workers on any number of machines, behind one scheduler.

Each worker has one stream at a time, whatever its threads: they would share one core. A stream is pinned to its worker,
so that when the worker dies it is known which stream it died of, and another worker gets that one. Workers that join
later are given work too.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pommai
from pommai.errors import LinkError, SettingsError
from pommai.qa.campaign import Died, MakeEngine
from pommai.qa.table_engine import Run

if TYPE_CHECKING:
    from distributed import Client, Future

ANSWER_S: Final = 10
"""How long a scheduler has to answer, and then its first worker to be there."""
_LOOK_S: Final = 1.0
"""How often it is asked whether the scheduler is still there; results and deaths are told without asking."""


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at `address`, such as tcp://192.168.1.5:8786, whose workers have our Pommai.

    Raises SettingsError when `distributed` is not installed or the address is none; LinkError when the scheduler does
    not answer, or has no workers, or has some on which there is no Pommai or another one.
    """
    try:
        from distributed import Client
    except ImportError:
        raise SettingsError("--scheduler needs the library `distributed`: pip install 'pommai[cluster]'") from None
    try:
        asyncio.run(asyncio.wait_for(_answer(address), ANSWER_S))
        client = Client(address, timeout=ANSWER_S, set_as_default=False)
    except ValueError as caught:
        raise SettingsError(f"'{address}' is no address of a scheduler, such as tcp://192.168.1.5:8786") from caught
    except OSError as caught:
        raise LinkError(
            f"no Dask scheduler answers at {address} (is it running? `dask scheduler` prints its address)"
        ) from caught
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWER_S)
        except TimeoutError:
            raise LinkError(
                f"the scheduler at {address} has no workers (on each machine: dask worker {address})"
            ) from None
        _same_pommai(client.run(_version, on_error="return"))
        yield client


async def _answer(address: str) -> None:
    """Return once a scheduler has. A `Client` alone would wait for ever on a port that accepts and says nothing."""
    from distributed.comm import connect

    comm = await connect(address, timeout=ANSWER_S)
    await comm.close()


def _version() -> str:
    return pommai.__version__


def _same_pommai(versions: Mapping[str, object]) -> None:
    for address, version in versions.items():
        if isinstance(version, BaseException):
            raise LinkError(f"the worker at {address} cannot run Pommai ({version}): install it there, too")
        if version != pommai.__version__:
            raise LinkError(f"the worker at {address} has Pommai {version}, this is {pommai.__version__}")


class ClusterPool:
    """The workers of a cluster. A `Pool`, for the streams of one engine and seed."""

    def __init__(self, client: Client, make: MakeEngine, seed: int) -> None:
        self._client = client
        self._make = make
        self._seed = seed
        self._busy: dict[str, tuple[int, Future]] = {}
        self._news: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        """(what happened, the worker's address, the future that is done): put by the client's own thread."""
        client.subscribe_topic("all", self._heard)
        self._workers = dict.fromkeys(client.nthreads())  # a set that keeps its order

    def _heard(self, event: tuple[float, Any]) -> None:
        message = event[1]
        if isinstance(message, dict) and message.get("action") in ("add-worker", "remove-worker"):
            self._news.put((message["action"], message["worker"], None))

    def free(self) -> bool:
        """Whether a worker has nothing to do."""
        return len(self._workers.keys() - self._busy.keys()) > 0

    def submit(self, number: int, events: int) -> None:
        """Give a stream to a free worker. Raises LinkError."""
        self._look()
        address = next(each for each in self._workers if each not in self._busy)
        future = self._client.submit(
            _work, self._make, self._seed, number, events, workers=[address], allow_other_workers=False, pure=False
        )
        self._busy[address] = (number, future)
        future.add_done_callback(lambda done: self._news.put(("done", address, done)))

    def finished(self) -> Sequence[Run | Died]:
        """Wait until a stream has ended or a worker joined. Raises LinkError when the scheduler is gone."""
        while True:
            try:
                what, address, done = self._news.get(timeout=_LOOK_S)
                break
            except queue.Empty:
                self._look()
        number, future = self._busy.get(address, (-1, None))
        if what == "add-worker":
            self._workers[address] = None
        elif what == "remove-worker":
            self._workers.pop(address, None)
            if future is not None:
                del self._busy[address]
                future.cancel()  # pinned to a worker that is no more, it would wait for ever
                return [Died(number, f"a worker died ({address})")]
        elif done is future:  # and not what became of a stream that was given up
            del self._busy[address]
            return [self._outcome(number, done, address)]
        return []

    def _outcome(self, number: int, done: Future, address: str) -> Run | Died:
        try:
            run: Run = done.result(timeout=ANSWER_S)
        except TimeoutError:
            return Died(number, f"a worker died ({address})")  # after its last stream, before that was fetched
        except Exception as caught:  # whatever the stream, or reading it over there, raised
            return Died(number, f"a worker failed ({type(caught).__name__}: {caught})")
        return run

    def _look(self) -> None:
        if self._client.status != "running" or any(future.status == "lost" for _, future in self._busy.values()):
            raise LinkError("the connection to the scheduler is lost")

    def close(self) -> None:
        """Let go of the streams that are not done; those that have begun end on their own."""
        if self._client.status == "running":
            self._client.unsubscribe_topic("all")
            self._client.cancel([future for _, future in self._busy.values()])


_kept = threading.local()
"""What a worker keeps from one stream to the next: an engine, and what made it."""


def _work(make: MakeEngine, seed: int, number: int, events: int) -> Run:
    if getattr(_kept, "make", None) != make:
        _kept.engine, _kept.make = make(), make
    run: Run = _kept.engine.run(seed, number, events)
    return run
