"""Proof: the shipped chart, a large one, and the same exploration done with statechart libraries."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from itertools import product
from typing import Any

from benchmarks.charts import checked_chart
from benchmarks.figures import Figure, figure, installed
from pommai.chart.compile import compile_chart
from pommai.chart.prove import prove
from pommai.chart.prove_space import Space
from pommai.chart.specification import Claim, Specification
from pommai.chart.table import DecisionTable, NodeInfo, Operation, StateInfo, Step, TransitionInfo, Tree

REGIONS = 4
STATES = 5
EVENTS = 192
SAMPLE = 500
"""(configuration, event) pairs that the libraries are given."""

Pair = Callable[[tuple[int, ...], int], set[str]]
"""The inner states after an event, from one state in each region."""


def measure() -> list[Figure]:
    """Seconds to prove; microseconds a (configuration, event) pair, beside two libraries."""
    shipped = checked_chart()
    table = compile_chart(shipped)
    claims = len(shipped.specification.claims)
    large = large_table()
    pairs = sum(len(node.events) for node in large.nodes)
    gc.collect()
    gc.freeze()  # as `pommai verify` does
    proof = prove(large)
    assert proof.holds, [verdict for verdict in proof.verdicts if not verdict.holds]
    note = (
        f"{len(large.nodes)} configurations, {pairs:,} pairs, {proof.steps:,} steps, {len(proof.verdicts)} properties"
    )
    each = [t / pairs * 1e6 for t in _times(lambda: Space(large), 5)]
    return [
        figure(
            "prove statechart.yaml",
            _times(lambda: prove(table), 9),
            "s",
            note=f"{claims} properties of its own",
        ),
        figure("prove 20 states in 4 regions", _times(lambda: prove(large), 5), "s", goal=2.0, note=note),
        figure("explore, a pair: pommai", each, "us"),
        _library("python-statemachine", _statemachine(), pairs),
        *([_library("sismic", _sismic(), pairs)] if installed("sismic") else []),
    ]


def _library(name: str, pair: Pair, pairs: int) -> Figure:
    """A sample of what ours does for all: restore a configuration, send an event, read the configuration."""
    places = list(product(range(STATES), repeat=REGIONS))
    chosen = [(places[i * 37 % len(places)], i * 29 % EVENTS) for i in range(SAMPLE)]
    for place, event in chosen:
        region = event % REGIONS
        moved = (*place[:region], target(region, place[region], event), *place[region + 1 :])
        assert pair(place, event) == {name_of(region, state) for region, state in enumerate(moved)}
    samples = []
    for place, event in chosen:
        began = time.process_time()
        pair(place, event)
        samples.append((time.process_time() - began) * 1e6)
    whole = statistics.fmean(samples) * pairs / 1e6
    note = f"from {SAMPLE:,} pairs; all of them, one answer of the guard each, would take {whole:.0f} s"
    return figure(f"explore, a pair: {name}", samples, "us", note=note)


def _statemachine() -> Pair:
    from statemachine.io import load
    from statemachine.orderedset import OrderedSet

    regions = {
        f"r{region}": {
            "states": {
                name_of(region, state): {
                    "transitions": [
                        {"event": f"e{event}", "target": name_of(region, target(region, state, event))}
                        for event in range(region, EVENTS, REGIONS)
                    ],
                    "initial": state == 0,
                }
                for state in range(STATES)
            }
        }
        for region in range(REGIONS)
    }
    document = {"name": "large", "states": {"all": {"initial": True, "parallel": True, "states": regions}}}
    machine: Any = load(json.dumps(document), format="json")()
    inner = {name_of(region, state) for region in range(REGIONS) for state in range(STATES)}

    def pair(place: tuple[int, ...], event: int) -> set[str]:
        around = (part for region in range(REGIONS) for part in (f"r{region}", name_of(region, place[region])))
        machine.current_state_value = OrderedSet(("all", *around))
        machine.send(f"e{event}")
        return inner & {str(value) for value in machine.configuration_values}

    return pair


def _sismic() -> Pair:
    from sismic.interpreter import Interpreter
    from sismic.model import BasicState, CompoundState, OrthogonalState, Statechart, Transition

    chart = Statechart("large")
    chart.add_state(OrthogonalState("all"), None)
    for region in range(REGIONS):
        chart.add_state(CompoundState(f"r{region}", initial=name_of(region, 0)), "all")
        for state in range(STATES):
            chart.add_state(BasicState(name_of(region, state)), f"r{region}")
        for state, event in product(range(STATES), range(region, EVENTS, REGIONS)):
            goal = name_of(region, target(region, state, event))
            chart.add_transition(Transition(name_of(region, state), goal, event=f"e{event}"))
    interpreter = Interpreter(chart)
    interpreter.execute()
    inner = {name_of(region, state) for region in range(REGIONS) for state in range(STATES)}

    def pair(place: tuple[int, ...], event: int) -> set[str]:
        interpreter._configuration = {"all", *(f"r{r}" for r in range(REGIONS)), *map(name_of, range(REGIONS), place)}
        interpreter.queue(f"e{event}").execute()
        return inner & set(interpreter.configuration)

    return pair


def _times(work: Callable[[], object], count: int) -> list[float]:
    """Seconds of this process's own time: it is one thread that waits for nobody."""
    work()
    samples = []
    for _ in range(count):
        began = time.process_time()
        work()
        samples.append(time.process_time() - began)
    return samples


# -- a large table -------------------------------------------------------------------------


def name_of(region: int, state: int) -> str:
    """The name of a state."""
    return f"r{region}s{state}"


def target(region: int, state: int, event: int) -> int:
    """Where an event leads in its region: every third one to the first state, the others on."""
    return 0 if event % 3 == 0 else (state + 1 + event // REGIONS % (STATES - 1)) % STATES


def large_table() -> DecisionTable:
    """Four regions of five states, each with a timer back to its first state but for that, and an activity.

    Every one of 192 events moves one region; half of them ask a guard first.
    """
    places = list(product(range(STATES), repeat=REGIONS))
    number = {place: index for index, place in enumerate(places)}
    states = [StateInfo("all", None, "", None, ())]
    for region in range(REGIONS):
        states.append(StateInfo(f"r{region}", "all", "", None, ()))
        states += [
            StateInfo(name_of(region, state), f"r{region}", "", f"light{state}" if region == 0 else None, ("work",))
            for state in range(STATES)
        ]
    transitions = tuple(
        TransitionInfo(name_of(region, state), (f"e{event}",), (name_of(region, target(region, state, event)),), "", 1)
        for event in range(EVENTS)
        for region in (event % REGIONS,)
        for state in range(STATES)
    )

    def configuration(place: tuple[int, ...]) -> tuple[str, ...]:
        return ("all", *(part for region in range(REGIONS) for part in (f"r{region}", name_of(region, place[region]))))

    configurations = [configuration(place) for place in places]

    def entering(region: int, state: int) -> tuple[Operation, ...]:
        id_ = name_of(region, state)
        timer = (Operation("timer", f"timer.{id_}.{region + state}s", {}, id_, region + state),) if state else ()
        return (*timer, Operation("start", "work", {}, id_))

    def leaving(region: int, state: int) -> tuple[Operation, ...]:
        id_ = name_of(region, state)
        timer = (Operation("cancel", f"timer.{id_}.{region + state}s", {}, id_),) if state else ()
        return (Operation("stop", "work", {}, id_), *timer)

    def step(place: tuple[int, ...], region: int, new: int, taken: tuple[int, ...]) -> Step:
        after = number[(*place[:region], new, *place[region + 1 :])]
        called = Operation("call", f"act{region}")
        operations = (*leaving(region, place[region]), called, *entering(region, new))
        if region == 0 and new != place[0]:
            operations += (Operation("led", f"light{new}"),)
        return Step(operations, configurations[after], f"light{places[after][0]}", taken, after)

    nodes = []
    for place in places:
        here = number[place]
        stay = Step((), configurations[here], f"light{place[0]}", (), here)
        events: dict[str, Tree] = {}
        for event in range(EVENTS):
            region = event % REGIONS
            taken = event * STATES + place[region]
            moved = step(place, region, target(region, place[region], event), (taken,))
            events[f"e{event}"] = ("p", moved, stay) if event // REGIONS % 2 else moved
        for region, state in enumerate(place):
            if state:
                events[f"timer.{name_of(region, state)}.{region + state}s"] = step(place, region, 0, (0,))
        nodes.append(NodeInfo(configurations[here], (), f"light{place[0]}", events))
    begin = tuple(operation for region in range(REGIONS) for operation in entering(region, 0))
    start = Step((*begin, Operation("led", "light0")), configurations[0], "light0", (), 0)
    promised = Specification(outside=frozenset(f"e{e}" for e in range(EVENTS)), claims=tuple(_claims()))
    return DecisionTable("large", "", tuple(states), transitions, start, tuple(nodes), promised)


def _claims() -> list[Claim]:
    """Some of each kind."""

    def some(*names: str) -> tuple[frozenset[str], ...]:
        return tuple(frozenset((one,)) for one in names)

    def claim(kind: str, within: float | None = None, **names: tuple[frozenset[str], ...]) -> Claim:
        return Claim(f"{kind}", "", kind, 1, {key.rstrip("_"): value for key, value in names.items()}, (), within)

    claims = []
    for region in range(REGIONS):
        claims += [
            claim("never", in_=some(name_of(region, 1)), not_doing=some("work")),
            claim("always", from_=some(name_of(region, 2)), on=some(f"e{9 * region}"), to=some(name_of(region, 0))),
            claim("only", calls=some(f"act{region}"), from_=some(f"r{region}")),
        ]
    return claims
