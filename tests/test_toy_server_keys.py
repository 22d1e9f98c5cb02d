"""Where the toy has its server's keys from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pommai.bundle.keys import make_key
from pommai.errors import BundleError
from pommai.io.clock import SystemClock
from pommai.toy.server_keys import make_guard
from pommai.toy.settings import Settings


def test_a_toy_asks_for_signatures_where_it_has_keys_to_check_them(tmp_path: Path) -> None:
    assert make_guard(Settings(), SystemClock()) is None
    make_key(tmp_path / "server.pem", tmp_path / "server.pub")
    assert make_guard(replace(Settings(), server_keys=tmp_path / "server.pub"), SystemClock()) is not None
    with pytest.raises(BundleError, match="belongs on no toy"):
        make_guard(replace(Settings(), server_keys=tmp_path / "server.pem"), SystemClock())
