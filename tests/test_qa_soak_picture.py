"""A soak as a picture."""

from __future__ import annotations

import re
from pathlib import Path

from soak_sights import a_recovery, a_soak

from pommai.qa.soak_picture import draw


def test_the_picture_names_what_was_broken_and_what_was_looked_at(tmp_path: Path) -> None:
    soak = a_soak()
    soak.recoveries.append(a_recovery(3, "clock", rest_s=None))
    svg, png = tmp_path / "soak.svg", tmp_path / "soak.png"
    draw(soak, [svg, png])
    written = re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text())
    for words in ("card lost", "link cut", "clock", "own memory [MB]", "open files", "tasks at rest", "toy", "gateway"):
        assert words in written, words
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_soak_in_which_nothing_was_seen_has_a_picture(tmp_path: Path) -> None:
    soak = a_soak()
    soak.looks, soak.recoveries = [], []
    draw(soak, [tmp_path / "soak.svg"])
    assert (tmp_path / "soak.svg").exists()
