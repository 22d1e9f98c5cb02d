"""Compiling the shipped chart, and loading it once it is compiled."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.charts import CHART, checked_chart
from benchmarks.figures import Figure, figure
from pommai.chart import table
from pommai.chart.compile import compile_chart


def measure() -> list[Figure]:
    """Seconds to compile, milliseconds to load the result."""
    compiled = compile_chart(checked_chart())
    text = table.dump(compiled)
    note = f"{len(compiled.nodes)} configurations, {len(compiled.steps())} steps, {len(text) / 1000:.0f} kB"
    return [
        figure(f"compile {CHART.name}", _times(lambda: compile_chart(checked_chart()), 9), "s", goal=2.0, note=note),
        figure("load the compiled chart", [t * 1e3 for t in _times(lambda: table.load(text), 50)], "ms"),
        figure("load the chart: python-statemachine", [t * 1e3 for t in _times(_library, 9)], "ms"),
    ]


def _library() -> object:
    import json

    from statemachine.io import load

    from pommai.chart.lower import lower

    return load(json.dumps(lower(checked_chart()).document), format="json")


def _times(work: Callable[[], object], count: int) -> list[float]:
    work()
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        samples.append(time.perf_counter() - began)
    return samples
