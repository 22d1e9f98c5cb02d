"""Chart -> decision table, by driving python-statemachine through everything that can happen.

The library is the authority on what a statechart means; nothing of its algorithm is written again here. From the
initial configuration on, every configuration found is restored and given every event that any of its states waits
for, once for each outcome of the guards it asks, and what it does is written down. An event that no active state waits
for does nothing and is left out of the table, unless a state waits for nothing but a guard: then whatever event comes
lets the guard be asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from statemachine.exceptions import InvalidDefinition
from statemachine.io import load as load_library_chart
from statemachine.orderedset import OrderedSet

from pommai.chart.check import Checked
from pommai.chart.lower import ROOT, Lowered, lower
from pommai.chart.model import Chart, State
from pommai.chart.size import size_of
from pommai.chart.size import words as size_words
from pommai.chart.table import DARK, OTHER, DecisionTable, NodeInfo, Operation, StateInfo, Step, Tree
from pommai.errors import ChartError, Problem

MAX_NODES = 20_000
"""Most configurations of a chart."""
MAX_POSSIBLE = 1_000_000
"""Most configurations of a chart that is tried out at all: of so many, too many would be found, after minutes."""
MAX_OUTCOMES = 4_096
"""Most outcomes of the guards asked on one event."""
MAX_MICROSTEPS = 300
"""A step that takes more transitions than this will never end."""

History = tuple[tuple[str, tuple[str, ...]], ...]
Place = tuple[tuple[str, ...], History]
"""Short names of the active states in document order, and what each history remembers."""


def compile_chart(checked: Checked, progress: Callable[[int, int], None] | None = None) -> DecisionTable:
    """Compile. `progress(done, found)` is told the number of configurations worked through and found so far.

    Raises ChartError when a step would never end or the chart has too many configurations.
    """
    size = size_of(checked.chart)
    if size.configurations > MAX_POSSIBLE and size.widest is not None:  # so many come of regions alone
        at, hint = size.widest.at, f"{size_words(size)}; let regions share their states"
        message = (
            f"the chart may have {size.configurations:,} configurations, more than {MAX_POSSIBLE:,} are not tried out"
        )
        raise ChartError([Problem(checked.chart.file, at.line, at.column, message, hint)])
    return _Compiler(checked, progress).run()


class _EndlessStepError(InvalidDefinition):
    """Raised inside a callback: of the kind the library lets through."""


@dataclass(slots=True)
class _Run:
    """What happened on one event with one outcome of the guards."""

    asked: list[tuple[str, bool]]
    operations: list[Operation]
    taken: list[int]
    place: Place


class _Probe:
    """The model the library calls: answers guards by plan, writes down what it is told to do."""

    def __init__(self, lowered: Lowered) -> None:
        self.state: object = None  # the library keeps the active states here
        self._plan: list[bool] = []
        self._answers: dict[str, bool] = {}
        self.operations: list[Operation] = []
        self.taken: list[int] = []
        self._moment: object = None
        self._now: set[int] = set()
        for short, name in lowered.guards.items():
            setattr(self, short, self._guard(name))
        for short in lowered.slots:
            setattr(self, short, self._slot(lowered, short))

    def begin(self, plan: list[bool]) -> None:
        self._plan, self._answers, self.operations, self.taken = plan, {}, [], []

    @property
    def asked(self) -> list[tuple[str, bool]]:
        return list(self._answers.items())

    def _guard(self, name: str) -> Callable[[], bool]:
        def guard() -> bool:
            if name not in self._answers:
                index = len(self._answers)
                self._answers[name] = self._plan[index] if index < len(self._plan) else True
            return self._answers[name]

        return guard

    def _slot(self, lowered: Lowered, short: str) -> Callable[..., None]:
        slot = lowered.slots[short]

        def run(machine: Any, event_data: Any) -> None:
            if slot.transition is not None:
                # Each microstep has trigger data of its own. The library calls back twice on the way into a history;
                # the transition is taken once (and has no actions: see `pommai.chart.structure`).
                if event_data.trigger_data is not self._moment:
                    self._moment, self._now = event_data.trigger_data, set()
                if slot.transition not in self._now:
                    self._now.add(slot.transition)
                    self.taken.append(slot.transition)
                if len(self.taken) > MAX_MICROSTEPS:
                    raise _EndlessStepError("endless")
            self.operations.extend(slot.operations)
            for event in slot.raises:
                machine.raise_(event)

        run.__name__ = short
        return run


class _Compiler:
    def __init__(self, checked: Checked, progress: Callable[[int, int], None] | None) -> None:
        self.checked, self.progress = checked, progress
        self.chart: Chart = checked.chart
        self.states = {state.id: state for state in self.chart.walk()}
        self.timers = {timer.event for state in self.states.values() for timer in state.after}
        self.lowered = lower(checked)
        self.done = {event for event in self.lowered.events if event.startswith("done.state.")}
        self.order = {short: i for i, short in enumerate((ROOT, *self.lowered.states))}
        document = json.dumps(self.lowered.document)
        self.library: Any = load_library_chart(document, format="json")
        self.probe = _Probe(self.lowered)
        self.machine: Any = None
        self.instances: dict[str, Any] = {}
        self.index: dict[Place, int] = {}
        self.places: list[Place] = []
        self.leds: list[str | None] = []

    def run(self) -> DecisionTable:
        start = self.tree(None, lambda: self.begin(), "at the start")
        nodes: list[NodeInfo] = []
        while len(nodes) < len(self.places):
            here = len(nodes)
            place = self.places[here]
            events = self.events(here)
            configuration = self.configuration(place)
            history = tuple(
                (self.lowered.histories[h], tuple(self.lowered.states[s] for s in states)) for h, states in place[1]
            )
            nodes.append(NodeInfo(configuration, history, self.leds[here], events))
            if self.progress:
                self.progress(len(nodes), len(self.places))
        return DecisionTable(
            name=self.chart.name,
            source_sha256=self.chart.sha256,
            states=tuple(self.describe(state) for state in self.states.values()),
            transitions=tuple(self.lowered.transitions),
            start=start,
            nodes=tuple(nodes),
            specification=self.checked.specification,
        )

    def events(self, here: int) -> dict[str, Tree]:
        """What each event does here. Completion events only ever come from inside a step."""
        place = self.places[here]
        states = [self.lowered.states[short] for short in place[0] if short != ROOT]
        waited = set().union(*(self.lowered.waits[state] for state in states)) - self.done
        if OTHER not in waited:
            return {event: self.tree(here, self.sender(place, event), f"on {event}") for event in sorted(waited)}
        # An eventless transition is taken before the event that comes, and the event is then taken where it led.
        own_timers = {timer.event for state in states for timer in self.states[state].after}
        possible = set(self.lowered.events) - self.done - (self.timers - own_timers)
        other = self.tree(here, self.sender(place, OTHER), "on any event")
        events = {event: self.tree(here, self.sender(place, event), f"on {event}") for event in sorted(possible)}
        return {OTHER: other, **{event: tree for event, tree in events.items() if tree != other}}

    # -- one event, all outcomes ----------------------------------------------------------

    def tree(self, source: int | None, drive: Callable[[], None], when: str) -> Tree:
        runs = list(self.outcomes(drive, source, when))

        def build(chosen: list[_Run], depth: int) -> Tree:
            first = chosen[0]
            if depth == len(first.asked):
                return self.step(first, source)
            guard = first.asked[depth][0]
            yes = [run for run in chosen if run.asked[depth][1]]
            no = [run for run in chosen if not run.asked[depth][1]]
            return (guard, build(yes, depth + 1), build(no, depth + 1))

        return build(runs, 0)

    def outcomes(self, drive: Callable[[], None], source: int | None, when: str) -> Iterator[_Run]:
        plan: list[bool] | None = []
        count = 0
        while plan is not None:
            count += 1
            if count > MAX_OUTCOMES:
                raise self.refuse(self.probe.taken, f"{when}, guards have more than {MAX_OUTCOMES} outcomes")
            self.probe.begin(plan)
            try:
                drive()
            except _EndlessStepError:
                raise self.endless(source, when) from None
            asked = self.probe.asked
            yield _Run(asked, self.probe.operations, self.probe.taken, self.place())
            outcome = [answer for _, answer in asked]
            while outcome and not outcome[-1]:
                outcome.pop()
            plan = [*outcome[:-1], False] if outcome else None

    def begin(self) -> None:
        self.probe.state = None  # a machine whose model has a state does not enter the initial ones
        self.machine = self.library(model=self.probe)
        self.instances = {short: getattr(self.machine, short) for short in self.order}

    def sender(self, place: Place, event: str) -> Callable[[], None]:
        short = self.lowered.events.get(event, "e_other")

        def send() -> None:
            self.machine.current_state_value = OrderedSet(place[0])
            self.machine.history_values = {h: [self.instances[s] for s in states] for h, states in place[1]}
            self.machine.send(short)

        return send

    # -- places ---------------------------------------------------------------------------

    def place(self) -> Place:
        active = tuple(sorted((str(v) for v in self.machine.configuration_values), key=self.order.__getitem__))
        history = tuple(
            (h, tuple(sorted((state.id for state in states), key=self.order.__getitem__)))
            for h, states in sorted(self.machine.history_values.items())
        )
        return active, history

    def node(self, place: Place) -> int:
        if place not in self.index:
            if len(self.places) >= MAX_NODES:
                message = f"the chart has more than {MAX_NODES:,} configurations"
                raise self.refuse([], message, size_words(size_of(self.chart)))
            self.index[place] = len(self.places)
            self.places.append(place)
            self.leds.append(self.led(self.configuration(place)))
        return self.index[place]

    def configuration(self, place: Place) -> tuple[str, ...]:
        return tuple(self.lowered.states[short] for short in place[0] if short != ROOT)

    def step(self, run: _Run, source: int | None) -> Step:
        node = self.node(run.place)
        led = self.leds[node]
        operations = tuple(run.operations)
        if led != (None if source is None else self.leds[source]):
            operations += (Operation("led", led or self.dark(node)),)
        return Step(operations, self.configuration(run.place), led, tuple(run.taken), node)

    def dark(self, node: int) -> str:
        patterns = self.checked.led_patterns
        if patterns is not None and DARK not in patterns:
            configuration = self.configuration(self.places[node])
            at = self.states[configuration[-1]].at
            message = f"no state asks for a light in {', '.join(configuration)}, and no pattern is called '{DARK}'"
            hint = f"write `led` in one of them, or a pattern '{DARK}'"
            raise ChartError([Problem(self.chart.file, at.line, at.column, message, hint)])
        return DARK

    def led(self, configuration: tuple[str, ...]) -> str | None:
        """Highest priority, then deepest, then first in the document."""
        lit = [
            (state.led.priority, state.depth, state.led.pattern) for state in self.active(configuration) if state.led
        ]
        return max(lit, key=lambda one: one[:2])[2] if lit else None

    def active(self, configuration: tuple[str, ...]) -> list[State]:
        return [self.states[id_] for id_ in configuration]

    def describe(self, state: State) -> StateInfo:
        led = state.led.pattern if state.led else None
        return StateInfo(state.id, state.parent, state.description, led, tuple(call.name for call in state.do))

    # -- refusals -------------------------------------------------------------------------

    def endless(self, source: int | None, when: str) -> ChartError:
        cycle: list[int] = []
        for index in self.probe.taken[-MAX_MICROSTEPS // 2 :]:
            if index in cycle:
                break
            cycle.append(index)
        told = ", ".join(
            f"{t.source} -> {' '.join(t.targets) or t.source} (line {t.line})"
            for t in (self.lowered.transitions[i] for i in cycle[:6])
        )
        where = "" if source is None else f" in {', '.join(self.configuration(self.places[source]))}"
        guards = ", ".join(name if held else f"not {name}" for name, held in self.probe.asked)
        hint = f"if {guards}; " if guards else ""
        raised = any(self.lowered.transitions[index].events for index in cycle)
        hint += "raise another event" if raised else "give one an event or a guard"
        return self.refuse(cycle, f"{when}{where} these transitions never end: {told}", hint)

    def refuse(self, taken: list[int], message: str, hint: str = "") -> ChartError:
        line = self.lowered.transitions[taken[0]].line if taken else 1
        at = next((t.at for s in self.states.values() for t in s.all_transitions() if t.at.line == line), None)
        return ChartError([Problem(self.chart.file, line, at.column if at else 1, message, hint)])
