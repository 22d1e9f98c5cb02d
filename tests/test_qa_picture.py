"""Pictures of figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pommai.qa.picture import NoPictureError, draw_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def a_line(figure: Figure) -> None:
    figure.subplots().plot([1, 2, 3], [3, 1, 2])


def test_a_picture_has_its_title_as_text_and_comes_in_every_kind_that_is_asked_for(tmp_path: Path) -> None:
    svg, png = tmp_path / "one.svg", tmp_path / "one.png"
    draw_picture("How it went", (6, 4), a_line, [svg, png])
    assert ">How it went</text>" in svg.read_text()
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_same_figures_make_the_same_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    draw_picture("How it went", (6, 4), a_line, [one])
    draw_picture("How it went", (6, 4), a_line, [two])
    assert one.read_bytes() == two.read_bytes()


def test_without_matplotlib_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NoPictureError, match=r"pip install 'pommai\[load\]'"):
        draw_picture("How it went", (6, 4), a_line, [tmp_path / "one.svg"])
    assert list(tmp_path.iterdir()) == []
