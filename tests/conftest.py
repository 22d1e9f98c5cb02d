"""What every test stands on."""

from __future__ import annotations

import gc
import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pommai.io.alsa_pipes import AlsaPipes

# How quick an example is depends on who else works on the machine; what is slow shows in `--durations`.
settings.register_profile("pommai", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pommai")

LONGEST = (
    "test_soak.py",
    "test_evening.py",
    "test_qa_soak_run.py",
    "test_qa_mutation.py",
    "test_chart_against_library.py",
    "test_sync_through_death.py",
    "test_qa_campaign.py",
    "test_toy_runtime_whatever_happens.py",
    "test_qa_cluster.py",
    "test_cli_demo.py",
    "test_cli_gateway_http.py",
    "test_cli_gateway_fleet.py",
    "test_live_configuration.py",
    "test_doctor_behaviour.py",
    "test_gateway_hostile.py",
)
"""Files that take half a minute and more. Workers take one file after the other: with these first, none is alone with
one of them in the end."""

_numbers = itertools.count()


def pytest_configure() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and so does all that is started from there: a test
    that presses it would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[AlsaPipes]:
    """A sound card made of pipes."""
    from pommai.io.alsa_pipes import AlsaPipes

    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    pipes.start()
    yield pipes
    pipes.stop()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected lives as long as the process, and each process collects all tests: the garbage collector need
    not look through it again and again, neither meanwhile nor in the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def a_memory_of_its_own(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No toy of a test remembers another test's, or the toy of whoever runs the tests; nor is what that one keeps for
    later used or written. What can be made again is made once.
    """
    monkeypatch.setenv("XDG_DATA_HOME", str(homes / str(next(_numbers))))
    monkeypatch.setenv("XDG_CACHE_HOME", str(homes / "cache"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all else in the order it came."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
