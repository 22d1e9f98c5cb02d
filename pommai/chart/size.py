"""How many configurations a chart can have at most, and which of its states makes them so many."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from pommai.chart.model import Chart, State


class Size(NamedTuple):
    """`configurations` is an upper bound, without what histories remember. `widest` multiplies them most."""

    configurations: int
    widest: State | None
    """The parallel state whose regions have the most configurations together; None without one."""


def size_of(chart: Chart) -> Size:
    """The size of a whole chart."""
    parallel = [state for state in chart.walk() if state.parallel]
    return Size(sum(map(configurations, chart.states)), max(parallel, key=configurations, default=None))


def configurations(state: State) -> int:
    """The ways in which a state can be active, at most: regions multiply, children of any other state add up."""
    inside = [configurations(child) for child in state.children]
    return prod(inside) if state.parallel else sum(inside) or 1


def words(size: Size) -> str:
    """What makes a chart so large, in words."""
    if size.widest is None:
        return ""
    regions = sorted(size.widest.children, key=configurations, reverse=True)
    factors = " × ".join(f"{region.id} {configurations(region):,}" for region in regions[:8])
    more = " × …" if len(regions) > 8 else ""
    return f"'{size.widest.id}' has {len(regions)} regions at once, {factors}{more}: {size.configurations:,} in all"
