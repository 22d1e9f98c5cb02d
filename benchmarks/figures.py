"""What a measurement says."""

from __future__ import annotations

import gc
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `goal` is the most it may be, in the same unit; None: it is there for comparison."""

    name: str
    median: float
    p99: float
    unit: str
    goal: float | None = None
    goal_on: str = "median"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        return None if self.goal is None else getattr(self, self.goal_on) <= self.goal


def figure(name: str, samples: Sequence[float], unit: str, **more: object) -> Figure:
    """Median and 99th percentile of samples."""
    ordered = sorted(samples)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return Figure(name, statistics.median(ordered), p99, unit, **more)  # type: ignore[arg-type]


def time_rounds(cycle: Callable[[], object], steps: int, rounds: int = 300, repeat: int = 1) -> list[float]:
    """Microseconds a step, one sample a round: `cycle` takes `steps` steps, and runs `repeat` times a round."""
    for _ in range(3):
        cycle()
    samples = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            for _ in range(repeat):
                cycle()
            samples.append((time.perf_counter() - began) / (steps * repeat) * 1e6)
    finally:
        gc.enable()
    return samples


def installed(package: str) -> bool:
    """Whether a library that is there for comparison alone can be measured; if not, that is said."""
    found = importlib.util.find_spec(package) is not None
    if not found:
        print(f"  not compared with {package}; for that: pip install {package}", file=sys.stderr, flush=True)
    return found
