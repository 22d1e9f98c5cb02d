"""A chart's picture as Graphviz laid it out, with every arrow and its words inside the frame that holds both its ends.

Graphviz frames the states of a cluster, but neither the arrows between them nor what is written beside those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

WIDE, BOLD = 0.56, 0.64
"""The width of a character, as a share of the font's size: a little more than most fonts take."""
MARGIN = 4.0
"""Points between words and the frame they were moved into."""
_STEPS = 16
"""Places that are looked at between two bends of an arrow."""

_GROUP = re.compile(r'(?=<g id="[^"]+" class=")')
_KIND = re.compile(r'<g id="[^"]+" class="(\w+)">\s*<title>(.*?)</title>')
_TEXT = re.compile(r"<text ([^>]*)>([^<]*)</text>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_OUTLINE = re.compile(r' (?:d|points)="([^"]*)"')
_CURVE = re.compile(r' d="(M[^"]*)"')
_POINT = re.compile(r"(-?[\d.]+),(-?[\d.]+)")
_ROUND = re.compile(r"<ellipse ([^>]*)/>")
_SIZE = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"(\s+)viewBox="([\d.-]+) ([\d.-]+) ([\d.]+) ([\d.]+)"')
_PAPER = re.compile(r'(<polygon fill="#\w+" stroke="\w+" points=")([^"]*)"')


class Box(NamedTuple):
    """A rectangle, in the drawing's points; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        """Whether the other one is within this one."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def crosses(self, other: Box) -> bool:
        """Whether the two lie on each other, by more than a hair."""
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > 1 and min(self.bottom, other.bottom) - max(self.top, other.top) > 1

    @property
    def area(self) -> float:
        """Square points."""
        return (self.right - self.left) * (self.bottom - self.top)


def framed(svg: str) -> str:
    """The picture with its arrows and their words in their frames, the words apart, and the page wide enough for all.

    What is no picture of Graphviz's comes back as it is.
    """
    paper = _PAPER.search(svg)
    if paper is None or not _SIZE.search(svg):
        return svg
    parts = _GROUP.split(svg)
    outlines: dict[tuple[str, str], Box] = {}
    for part in parts:
        if (kind := _KIND.match(part)) and kind[1] in ("node", "cluster") and (outline := _outline(part)):
            outlines[kind[1], unescape(kind[2])] = outline
    frames = sorted((box for (kind_, _), box in outlines.items() if kind_ == "cluster"), key=lambda box: box.area)
    page = _around(_points(paper[2]))
    states = [box for (kind_, _), box in outlines.items() if kind_ == "node"]
    said: list[Box] = []
    for index, part in enumerate(parts):
        if (kind := _KIND.match(part)) and kind[1] == "edge":
            ends = [outlines.get(("node", end)) for end in unescape(kind[2]).split("->")]
            around = [frame for frame in frames if all(end is None or frame.holds(end) for end in ends)]
            held = _held(part, [*around, page])
            parts[index] = _apart(_inside(held, [*around, page]), said, states, (around or [page])[0])
    return _widened("".join(parts), page)


def words(part: str) -> Iterator[Box]:
    """The room that each text of a drawing, or of a part of it, takes up at most."""
    for found in _TEXT.finditer(part):
        has = dict(_ATTRIBUTE.findall(found[1]))
        size = float(has["font-size"])
        width = len(unescape(found[2])) * size * (BOLD if has.get("font-weight") == "bold" else WIDE)
        x, y = float(has["x"]), float(has["y"])
        left = x - {"middle": width / 2, "end": width}.get(has.get("text-anchor", "start"), 0.0)
        yield Box(left, y - size, left + width, y + 0.3 * size)


def _outline(part: str) -> Box | None:
    points = [point for outline in _OUTLINE.finditer(part) for point in _points(outline[1])]
    for found in _ROUND.finditer(part):
        has = {name: float(value) for name, value in _ATTRIBUTE.findall(found[1]) if name in ("cx", "cy", "rx", "ry")}
        points += [(has["cx"] - has["rx"], has["cy"] - has["ry"]), (has["cx"] + has["rx"], has["cy"] + has["ry"])]
    return _around(points) if points else None


def _points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in _POINT.findall(text)]


def _around(points: list[tuple[float, float]]) -> Box:
    across, down = zip(*points, strict=True)
    return Box(min(across), min(down), max(across), max(down))


def _held(edge: str, frames: list[Box]) -> str:
    """Let an arrow swing out less, so that it stays in the first frame that all of its bends are in.

    Its bends stay where they are, and so does the way in which it comes and goes there.
    """
    if (found := _CURVE.search(edge)) is None:
        return edge
    points = _points(found[1])
    bends = _around(points[::3])
    frame = next((frame for frame in frames if frame.holds(bends)), None)
    if frame is None or len(points) % 3 != 1 or frame.holds(_around(list(_along(points)))):
        return edge
    for at in range(0, len(points), 3):
        for pull in (at - 1, at + 1):
            if 0 < pull < len(points):
                points[pull] = _nearer(points[at], points[pull], frame)
    (x, y), *rest = points
    curve = f"M{x:.2f},{y:.2f}C{' '.join(f'{x:.2f},{y:.2f}' for x, y in rest)}"
    return f"{edge[: found.start(1)]}{curve}{edge[found.end(1) :]}"


def _along(points: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Places of a Bézier curve: its bends, and between two of them a few."""
    for at in range(0, len(points) - 1, 3):
        for step in range(_STEPS + 1):
            t = step / _STEPS
            shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            pulled = list(zip(shares, points[at : at + 4], strict=True))
            yield sum(share * x for share, (x, _) in pulled), sum(share * y for share, (_, y) in pulled)


def _nearer(bend: tuple[float, float], pull: tuple[float, float], frame: Box) -> tuple[float, float]:
    """The point that pulls a curve away from a bend, in the same direction, not beyond the frame."""
    share = 1.0
    for begin, end, first, last in (
        (bend[0], pull[0], frame.left, frame.right),
        (bend[1], pull[1], frame.top, frame.bottom),
    ):
        if end < first or end > last:
            share = min(share, ((first if end < first else last) - begin) / (end - begin))
    return bend[0] + share * (pull[0] - bend[0]), bend[1] + share * (pull[1] - bend[1])


def _inside(edge: str, frames: list[Box]) -> str:
    """Move an arrow's words, all together, into the first frame that has room for them."""
    boxes = list(words(edge))
    if not boxes:
        return edge
    whole = _whole(boxes)
    for frame in frames:
        right = _shift(whole.left, whole.right, frame.left, frame.right)
        down = _shift(whole.top, whole.bottom, frame.top, frame.bottom)
        if right is not None and down is not None:
            return _moved(edge, right, down) if right or down else edge
    return edge


def _apart(edge: str, said: list[Box], states: list[Box], frame: Box) -> str:
    """Move an arrow's words up or down when they lie on another's and there is room; note where they are."""
    if not (boxes := list(words(edge))):
        return edge
    whole = _whole(boxes)
    if any(box.crosses(whole) for box in said):
        below = [box for box in [*said, *states] if box.crosses(whole)]
        ways = [way for box in below for way in (box.top - whole.bottom, box.bottom - whole.top)]
        for way in sorted(ways, key=abs):
            moved = whole._replace(top=whole.top + way, bottom=whole.bottom + way)
            if frame.holds(moved) and not any(box.crosses(moved) for box in [*said, *states]):
                edge, whole = _moved(edge, 0.0, way), moved
                break
    said.append(whole)
    return edge


def _whole(boxes: list[Box]) -> Box:
    return _around([*((box.left, box.top) for box in boxes), *((box.right, box.bottom) for box in boxes)])


def _shift(begin: float, end: float, first: float, last: float) -> float | None:
    """How far to move what lies between `begin` and `end`; None when there is no room for it."""
    if first <= begin and end <= last:
        return 0.0
    if end - begin + 2 * MARGIN > last - first:
        return None
    return first + MARGIN - begin if begin < first else last - MARGIN - end


def _moved(edge: str, right: float, down: float) -> str:
    def text(found: re.Match[str]) -> str:
        x, y = (float(dict(_ATTRIBUTE.findall(found[1]))[name]) for name in "xy")
        placed = re.sub(r'\bx="[^"]*"', f'x="{x + right:.2f}"', found[1])
        placed = re.sub(r'\by="[^"]*"', f'y="{y + down:.2f}"', placed)
        return f"<text {placed}>{found[2]}</text>"

    return _TEXT.sub(text, edge)


def _widened(svg: str, page: Box) -> str:
    """Widen the page to the right for words that no frame had room for, and for a title longer than its frame."""
    more = max((box.right + MARGIN - page.right for box in words(svg) if box.right > page.right), default=0.0)
    if not more:
        return svg

    def size(found: re.Match[str]) -> str:
        width, height, space, left, top, across, down = found.groups()
        box = f"{left} {top} {float(across) + more:.2f} {down}"
        return f'width="{float(width) + more:.0f}pt" height="{height}pt"{space}viewBox="{box}"'

    def paper(found: re.Match[str]) -> str:
        wider = ((x + more if x == page.right else x, y) for x, y in _points(found[2]))
        return f'{found[1]}{" ".join(f"{x:.2f},{y:.2f}" for x, y in wider)}"'

    return _PAPER.sub(paper, _SIZE.sub(size, svg, count=1), count=1)
