"""docs/security.md names files that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:pommai|tests|deploy)/[\w./-]+)`", (ROOT / "docs" / "security.md").read_text("utf-8")))
    assert len(named) > 30
    assert {name for name in named if not (ROOT / name).exists()} == set()
