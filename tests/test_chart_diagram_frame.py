"""A chart's picture: an arrow's words stay within the frame that holds both of its ends, and off each other."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from chart_material import chart_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pommai.chart.diagram_dot import dot
from pommai.chart.diagram_frame import Box, framed, words
from pommai.cli.diagram import svg

PICTURE = """\
<svg width="244pt" height="144pt"
 viewBox="0.00 0.00 244.00 144.00" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
<g id="graph0" class="graph" transform="scale(1 1) rotate(0) translate(22 122)">
<title>chart</title>
<polygon fill="#ffffff" stroke="transparent" points="-22,22 -22,-122 222,-122 222,22 -22,22"/>
<g id="clust1" class="cluster">
<title>cluster_all</title>
<path fill="#fbfcfe" d="M0,0C0,0 200,0 200,0 200,0 200,-100 200,-100 200,-100 0,-100 0,-100 0,-100 0,0 0,0"/>
</g>
<!-- a -->
<g id="node1" class="node">
<title>a</title>
<path fill="#ffffff" d="M10,-20C10,-20 40,-20 40,-20 40,-20 40,-10 40,-10 40,-10 10,-10 10,-10 10,-10 10,-20 10,-20"/>
</g>
<!-- b.begin -->
<g id="node2" class="node">
<title>b.begin</title>
<ellipse fill="#2b2f38" cx="150" cy="-80" rx="4" ry="4"/>
</g>
EDGES</g>
</svg>
"""


def drawn(*arrows: tuple[float, float, str]) -> str:
    """A picture of one frame around two states, with an arrow for each x, y and text."""
    edges = "".join(
        f'<g id="edge{number}" class="edge">\n<title>a&#45;&gt;b.begin</title>\n'
        f'<text text-anchor="start" x="{x}" y="{y}" font-size="10.00">{text}</text>\n</g>\n'
        for number, (x, y, text) in enumerate(arrows, 1)
    )
    return PICTURE.replace("EDGES", edges)


def swung(*points: tuple[float, float]) -> str:
    """A picture of one frame around two states, with an arrow of this Bézier curve."""
    (x, y), *rest = points
    curve = f"M{x},{y}C{' '.join(f'{x},{y}' for x, y in rest)}"
    return drawn((60, -50, "link.up")).replace("<text", f'<path fill="none" d="{curve}"/>\n<text', 1)


def curves(picture: str) -> list[list[tuple[float, float]]]:
    """The points of each arrow: bends, and between two of them the two that pull."""
    found = re.findall(r'<path fill="none"[^>]* d="(M[^"]*)"', picture)
    return [[(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", curve)] for curve in found]


def places(points: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Where a curve runs, by de Casteljau."""
    for at in range(0, len(points) - 1, 3):
        for step in range(9):
            left = points[at : at + 4]
            while len(left) > 1:
                left = [(a + (c - a) * step / 8, b + (d - b) * step / 8) for (a, b), (c, d) in itertools.pairwise(left)]
            yield left[0]


def page(picture: str) -> Box:
    """What the viewBox shows, in the drawing's own points."""
    shown = re.search(r'viewBox="([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)"', picture)
    moved = re.search(r"translate\(([\d.]+)[ ,]([\d.]+)\)", picture)
    assert shown is not None
    assert moved is not None
    left, top, across, down = map(float, shown.groups())
    right, below = map(float, moved.groups())
    return Box(left - right, top - below, left - right + across, top - below + down)


def test_words_within_their_frame_stay_where_they_are() -> None:
    picture = drawn((60, -50, "link.up"))
    assert framed(picture) == picture


@pytest.mark.parametrize(("x", "y"), [(190, -50), (-30, -50), (60, -95), (60, 10), (190, 10)])
def test_words_across_the_edge_of_their_frame_are_moved_into_it(x: float, y: float) -> None:
    (box,) = words(framed(drawn((x, y, "link.up"))))
    assert Box(0, -100, 200, 0).holds(box)


def test_words_that_no_frame_has_room_for_have_the_page_widened() -> None:
    picture = framed(drawn((60, -50, "long words " * 10)))
    (box,) = words(picture)
    assert page(picture).holds(box)
    assert f"{page(picture).right:.2f},22.00" in picture, "the paper is as wide as the page"


def test_words_that_lie_on_others_are_moved_off_them() -> None:
    one, other = words(framed(drawn((60, -50, "link.up"), (70, -48, "link.down"))))
    assert one == next(words(drawn((60, -50, "link.up"))))
    assert not one.crosses(other)


def test_words_stay_where_they_are_when_there_is_no_room_beside_the_others() -> None:
    full = [(60.0, -87.0 + 13 * row, "link.up") for row in range(7)]
    picture = drawn(*full, (60.0, -50.0, "link.down"))
    assert framed(picture) == picture


@pytest.mark.parametrize("out", [(-90.0, -40.0), (250.0, -40.0), (60.0, -300.0), (60.0, 90.0), (-90.0, 90.0)])
def test_an_arrow_that_swings_out_of_its_frame_swings_less_and_bends_where_it_did(out: tuple[float, float]) -> None:
    bends = (20.0, -20.0), (60.0, -60.0), (150.0, -80.0)
    picture = framed(swung(bends[0], out, out, bends[1], (100.0, -70.0), (120.0, -80.0), bends[2]))
    (points,) = curves(picture)
    assert tuple(points[::3]) == bends
    assert all(Box(0, -100, 200, 0).holds(Box(x, y, x, y)) for x, y in places(points))
    for bend, pull in ((points[0], points[1]), (points[3], points[2])):
        aside = (pull[0] - bend[0]) * (out[1] - bend[1]) - (pull[1] - bend[1]) * (out[0] - bend[0])
        assert abs(aside) < 4, "it leaves in the direction that it had"
        assert pull != bend


def test_an_arrow_within_its_frame_stays_as_it_is_though_it_is_pulled_from_outside() -> None:
    picture = swung((20.0, -20.0), (20.0, -105.0), (150.0, -105.0), (150.0, -80.0))
    assert framed(picture) == picture


def test_an_arrow_that_bends_outside_its_frame_is_kept_on_the_page() -> None:
    (points,) = curves(framed(swung((20.0, -20.0), (20.0, 60.0), (100.0, 60.0), (100.0, 10.0))))
    assert max(y for _, y in places(points)) > 10.0
    assert all(y <= 22.0 for _, y in places(points))


def test_what_graphviz_did_not_draw_comes_back_as_it_is() -> None:
    assert framed("no picture at all") == "no picture at all"


CHART_GRAPHVIZ_ONCE_REFUSED = """
states:
  s0: {states: {s0_0: {}, s0_1: {transitions: [{event: link.up, target: s1}, {event: link.up, target: s0_0}]}}}
  s1: {states: {s1_0: {}, s1_1: {}, s1_2: {transitions: {event: link.up, target: s1}}}}
"""
LETTERS = st.text("iIlmMwWäß&<> .-", min_size=1, max_size=34).map(lambda text: f"x{text}".replace("'", ""))


@st.composite
def charts(draw: st.DrawFn) -> str:
    """States in states, with arrows between any of them, and much to say on the way."""
    groups = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    ids = [f"s{group}" for group in range(len(groups))]
    ids += [f"s{group}_{inner}" for group, size in enumerate(groups) for inner in range(size)]

    def state(id_: str, margin: str) -> list[str]:
        arrows = draw(st.lists(st.tuples(st.sampled_from(ids), LETTERS), max_size=3))
        said = [f"- {{event: link.up, target: {to}, on: {{say: '{text}'}}}}" for to, text in arrows]
        return (
            [f"{margin}{id_}:", f"{margin}  transitions:", *(f"{margin}    {line}" for line in said)]
            if said
            else [f"{margin}{id_}: {{}}" if "_" in id_ or not groups[int(id_[1:])] else f"{margin}{id_}:"]
        )

    lines = ["states:"]
    for group, size in enumerate(groups):
        lines += state(f"s{group}", "  ")
        if size:
            lines.append("    states:")
            for inner in range(size):
                lines += state(f"s{group}_{inner}", "      ")
    return "\n".join(lines)


@settings(max_examples=25, deadline=None)
@example(CHART_GRAPHVIZ_ONCE_REFUSED)
@given(charts())
def test_in_no_picture_do_words_or_arrows_leave_the_page(text: str) -> None:
    picture = svg(dot(chart_of(text), {}))
    shown = page(picture)
    for box in words(picture):
        assert shown.holds(box)

    for points in curves(picture):
        assert all(shown.holds(Box(x, y, x, y)) for x, y in places(points))
