"""What every test stands on."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def a_memory_of_its_own(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No toy of a test remembers another test's, or the toy of whoever runs the tests."""
    monkeypatch.setenv("XDG_DATA_HOME", str(homes / str(next(_numbers))))
