"""Campaigns on a real Dask cluster of two processes: the same as at home, and nothing lost when a worker dies."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from qa_material import forgetful_subject, ground, shipped_subject

from pommai import __version__
from pommai.cli import main
from pommai.errors import LinkError
from pommai.qa import cluster
from pommai.qa.campaign import Result, run_campaign
from pommai.qa.cluster import ClusterPool, connected
from pommai.qa.replay_file import Happening
from pommai.qa.table_engine import Failure, Run


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as local:
        yield local.scheduler_address


def shown(result: Result) -> tuple[object, ...]:
    return result.events, result.streams, result.failure, result.coverage.counts, result.coverage.pairs


def test_a_cluster_finds_what_one_process_finds(address: str) -> None:
    alone = run_campaign(shipped_subject("hostile"), ground(), seed=7, events=23_000)
    with connected(address) as client:
        there = run_campaign(
            shipped_subject("hostile"), ground(), seed=7, events=23_000, hire=partial(ClusterPool, client)
        )
    assert there.events == 23_000
    assert there.deaths == []
    assert shown(there) == shown(alone)


def test_a_cluster_runs_whole_toys_and_needs_no_file_of_ours(address: str) -> None:
    toy = shipped_subject("child", "toy")
    alone = run_campaign(toy, ground(), seed=3, events=300)
    with connected(address) as client:
        there = run_campaign(toy, ground(), seed=3, events=300, hire=partial(ClusterPool, client))
    assert shown(there) == shown(alone)


def test_a_cluster_agrees_on_the_first_failure(address: str) -> None:
    broken = forgetful_subject()
    alone = run_campaign(broken, broken.ground, seed=7, events=50_000)
    with connected(address) as client:
        there = run_campaign(broken, broken.ground, seed=7, events=50_000, hire=partial(ClusterPool, client))
    assert alone.failure is not None
    assert (there.failure, there.failed_stream) == (alone.failure, alone.failed_stream)


@dataclass
class Odd:
    """An engine whose stream 2 kills its worker, once or always, or raises."""

    mark: str
    how: str
    stream_events = 10

    def __call__(self) -> Odd:
        return self

    def run(self, seed: int, number: int, events: int, record: list[Happening] | None = None) -> Run:
        if number == 2:
            if self.how == "raise":
                raise ValueError("odd")
            if self.how == "always" or not os.path.exists(self.mark):
                open(self.mark, "w").close()
                os._exit(9)
        return Run(number, events, counts={number: events})


def odd(address: str, mark: object, how: str) -> Result:
    with connected(address) as client:
        hire = partial(ClusterPool, client)
        return run_campaign(Odd(str(mark), how), ground(), seed=1, events=60, hire=hire)


def test_the_stream_of_a_worker_that_died_is_run_by_another_one_and_the_death_is_told(address: str, tmp_path) -> None:
    result = odd(address, tmp_path / "died", "once")
    assert result.failure is None
    assert result.coverage.counts[:6] == [10] * 6
    (told,) = result.deaths
    assert told.startswith("a worker died (tcp://")
    assert told.endswith(" in stream 2")


def test_a_stream_that_kills_every_worker_is_a_failure(address: str, tmp_path) -> None:
    result = odd(address, tmp_path / "died", "always")
    assert result.failure is not None
    assert result.failed_stream == 2
    assert result.failure.why.endswith(" in stream 2, and so did the next one")
    assert len(result.deaths) == 2


def test_a_stream_that_raises_is_told_with_what_it_raised(address: str, tmp_path) -> None:
    result = odd(address, tmp_path, "raise")
    assert result.failure == Failure(0, "a worker failed (ValueError: odd) in stream 2, and so did the next one")


def test_an_interrupt_keeps_what_was_found_and_leaves_the_cluster_fit_for_the_next(address: str) -> None:
    def interrupt(result: Result) -> None:
        raise KeyboardInterrupt

    with connected(address) as client:
        hire = partial(ClusterPool, client)
        result = run_campaign(
            shipped_subject("hostile"), ground(), seed=7, events=50_000, hire=hire, progress=interrupt
        )
        assert result.interrupted
        assert result.events == 5_000
        assert run_campaign(shipped_subject("hostile"), ground(), seed=7, events=5_000, hire=hire).events == 5_000


def test_the_command_runs_on_a_cluster(address: str, capsys) -> None:
    assert main(["fuzz", "--events", "4000", "--scheduler", address]) == 0
    assert capsys.readouterr().out.rstrip().endswith("nothing failed")


def test_a_campaign_that_loses_its_scheduler_keeps_what_was_found(address: str) -> None:
    with connected(address) as client:
        result = run_campaign(
            shipped_subject("hostile"),
            ground(),
            seed=7,
            events=50_000,
            hire=partial(ClusterPool, client),
            progress=lambda result: client.close(),
        )
    assert result.interrupted
    assert result.events >= 5_000
    assert result.deaths == ["the connection to the scheduler is lost"]


def test_workers_with_another_pommai_or_none_are_refused() -> None:
    cluster._same_pommai({"tcp://a:1": __version__})
    with pytest.raises(LinkError, match=r"tcp://b:1 has Pommai 0\.0\.0, this is"):
        cluster._same_pommai({"tcp://a:1": __version__, "tcp://b:1": "0.0.0"})
    with pytest.raises(LinkError, match=r"tcp://b:1 cannot run Pommai .*: install it there, too"):
        cluster._same_pommai({"tcp://b:1": ModuleNotFoundError("No module named 'pommai'")})


def test_a_scheduler_that_does_not_answer_is_said_in_words(monkeypatch, capsys) -> None:
    monkeypatch.setattr(cluster, "ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert main(["fuzz", "--scheduler", address]) == 1
    assert f"no Dask scheduler answers at {address}" in capsys.readouterr().err


def test_an_address_that_is_none_is_wrong_usage(capsys) -> None:
    assert main(["fuzz", "--scheduler", "nonsense://x"]) == 2
    assert "'nonsense://x' is no address of a scheduler" in capsys.readouterr().err


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["fuzz", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "pip install 'pommai[cluster]'" in capsys.readouterr().err


def test_a_scheduler_and_workers_of_our_own_exclude_each_other(capsys) -> None:
    assert main(["fuzz", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err
