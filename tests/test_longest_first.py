"""The order in which files of tests are run."""

from __future__ import annotations

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
