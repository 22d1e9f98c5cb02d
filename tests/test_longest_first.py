"""How the tests are run: the order of their files, what an example may take, and that Ctrl-C can be pressed."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import conftest
from hypothesis import HealthCheck, settings


def test_files_that_take_longest_are_there_and_come_first() -> None:
    tests = Path(__file__).parent
    assert [name for name in conftest.LONGEST if not (tests / name).is_file()] == []
    last, first = conftest.LONGEST[-1], conftest.LONGEST[0]
    items: list[Any] = [SimpleNamespace(path=tests / name) for name in ("test_b.py", last, "test_a.py", first)]
    conftest.pytest_collection_modifyitems(items)
    assert [item.path.name for item in items] == [first, last, "test_b.py", "test_a.py"]


def test_no_example_is_wrong_because_it_is_slow() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


def test_ctrl_c_can_be_pressed_although_the_tests_run_in_the_background() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        conftest.pytest_configure()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
