"""A load as a picture."""

from __future__ import annotations

import re
from pathlib import Path

from load_material import a_step

from pommai.qa.load_figures import Step, Usage
from pommai.qa.load_picture import draw


def steps(*, gateway: bool = True) -> list[Step]:
    return [
        a_step(
            toys,
            (toys / 10_000, toys / 5_000, toys / 1_000),
            gateway=Usage(toys / 400, 50_000_000, 50_000_000 + toys * 250_000) if gateway else None,
        )
        for toys in (50, 100, 200, 300)
    ]


def texts(path: Path) -> list[str]:
    """All that is written in an SVG."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


def test_the_picture_says_what_the_figures_say(tmp_path: Path) -> None:
    svg, png = tmp_path / "load.svg", tmp_path / "load.png"
    draw(steps(), "a gateway of its own, seed 7", [svg, png])
    written = texts(svg)
    for words in (
        *("50", "100", "200", "300"),
        *("p50", "p95", "p99"),
        *("10", "20", "40", "60"),  # medians
        *("50", "100", "200", "300"),  # p99
        *("12 %", "25 %", "50 %", "75 %"),
        "250 kB",
        "toys at once",
        "memory a toy [kB]",
        "a gateway of its own, seed 7",
    ):
        assert words in written, words
    assert written.count("250 kB") == 4
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_same_figures_make_the_same_picture(tmp_path: Path) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    draw(steps(), "", [one])
    draw(steps(), "", [two])
    assert one.read_bytes() == two.read_bytes()


def test_one_step_alone_shows_how_many_turns_were_how_slow(tmp_path: Path) -> None:
    svg = tmp_path / "load.svg"
    draw(steps()[:1], "seed 7", [svg])
    assert {"p50 10 ms", "p99 50 ms", "turns", "50 toys, 12 % of a processor, 250 kB a toy; seed 7"} <= set(texts(svg))
    draw(steps(gateway=False)[:1], "seed 7", [svg])
    assert "50 toys; seed 7" in texts(svg)


def test_a_step_that_is_not_to_be_trusted_is_marked(tmp_path: Path) -> None:
    svg = tmp_path / "load.svg"
    draw([*steps(), a_step(400, lag=0.5), a_step(500, lag=0.5)], "", [svg])
    assert texts(svg).count("the generator itself was late: not to be trusted") == 1


def test_without_figures_of_the_gateway_it_is_said_how_to_have_them(tmp_path: Path) -> None:
    svg = tmp_path / "load.svg"
    draw(steps(gateway=False), "", [svg])
    assert "processor and memory: say --pid to have them" in texts(svg)


def test_steps_without_an_answer_can_be_drawn(tmp_path: Path) -> None:
    draw([a_step(latencies=())], "", [tmp_path / "one.svg"])
    draw([a_step(5), a_step(10, latencies=())], "", [tmp_path / "two.svg"])
