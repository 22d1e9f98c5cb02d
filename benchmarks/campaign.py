"""Campaigns: events a second on the table and on whole toys, and every short sequence there is.

The libraries take the same chart through the same round of events as in `chart_step`; neither checks anything, and what
a campaign does besides, drawing events and asking properties, comes on top for them. Times are of the processor: this
machine is shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.chart_step import ROUND, _python_statemachine, _sismic
from benchmarks.charts import CHART, checked_chart
from benchmarks.figures import Figure, figure, installed, time_rounds
from pommai.cli.fuzz import subject_of
from pommai.qa.profile import load_profile

LENGTH = 4
"""Events of the longest sequence that is enumerated."""


def measure() -> list[Figure]:
    """Microseconds an event and seconds an enumeration; beside them what the libraries take."""
    checked = checked_chart()
    libraries = {"python-statemachine": _python_statemachine(checked)}
    if installed("sismic"):
        libraries["sismic"] = _sismic(checked)
    found = [_table(profile) for profile in ("child", "hostile")]
    steps = {name: time_rounds(run, len(ROUND), rounds=100) for name, run in libraries.items()}
    found += [figure(f"campaign: an event on {name}", samples, "us") for name, samples in steps.items()]
    for profile in ("child", "hostile"):
        found += _toy(profile)
    return [*found, *_sequences({name: sorted(samples)[len(samples) // 2] for name, samples in steps.items()})]


def _timed(run: Callable[[], float]) -> float:
    """Processor seconds for each of what `run` says it has done."""
    begun = time.process_time()
    done = run()
    return (time.process_time() - begun) / done


def _table(profile: str) -> Figure:
    engine = subject_of(CHART, load_profile(profile)).table_engine()
    engine.run(7, 0, engine.stream_events)
    samples = [
        _timed(lambda number=number: engine.run(7, number, engine.stream_events).events) * 1e6 for number in range(60)
    ]
    return figure(f"campaign: an event on the table, {profile}, properties asked", samples, "us", goal=1e6 / 300_000)


def _toy(profile: str) -> list[Figure]:
    engine = subject_of(CHART, load_profile(profile), "toy").toy_engine()
    engine.run(7, 0, 200)
    events, lives = [], []
    for number in range(4):
        begun = time.process_time()
        run = engine.run(7, number, engine.stream_events)
        took = time.process_time() - begun
        events.append(took / run.events * 1e6)
        lives.append(took / (run.microseconds / 1e6) * 1e3)
    goal = 1e3 / 500 if profile == "child" else None
    return [
        figure(f"campaign: an event on a whole toy, {profile}", events, "us", goal=1e6 / 3_000),
        figure(f"campaign: a second of a whole toy, {profile}", lives, "ms", goal=goal),
    ]


def _sequences(steps: dict[str, float]) -> list[Figure]:
    engine = subject_of(CHART, load_profile("child")).table_engine()
    begun = time.process_time()
    count, wrong = engine.walk_all(LENGTH)
    took = time.process_time() - begun
    if wrong:
        raise AssertionError(wrong)
    name = f"campaign: {count:,} sequences of up to {LENGTH} events"
    ours = figure(name, [took], "s", goal=5.0)
    others = [
        figure(f"{name}: {library}", [count * us / 1e6], "s", note="reckoned from a step")
        for library, us in steps.items()
    ]
    return [ours, *others]
