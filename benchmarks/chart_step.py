"""One step of the shipped chart: our table, and the same chart on the libraries one would use otherwise.

All engines take the same nine events round and round (a conversation with a barge-in, an error, the link lost and
found) with the same guard answers, all of them list the operations of each step, and all rest in the same states after
a round. `transitions` knows no transitions without an event; none of those is taken in this round.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from benchmarks.charts import checked_chart
from benchmarks.figures import Figure, figure, installed, time_rounds
from pommai.chart.check import Checked
from pommai.chart.compile import compile_chart
from pommai.chart.lower import Lowered, lower
from pommai.chart.machine import ChartMachine
from pommai.chart.model import Call, State, Transition

ROUND = (
    "button.pressed",
    "button.released",
    "button.pressed",  # barge-in
    "button.released",
    "reply.failed",
    "timer.error.sorry",
    "link.down",
    "link.connecting",
    "link.up",
)
HOLD = {"heard_speech", "microphone_works"}
"""Guards that hold during the round; the others do not."""


def measure() -> list[Figure]:
    """The step of every engine, in microseconds."""
    checked = checked_chart()
    ours = figure("chart step", time_rounds(_ours(checked), len(ROUND), repeat=100), "us", goal=3.0)
    others = [
        ("chart step: a bare dict lookup", _dict_lookup(checked), 100),
        ("chart step: python-statemachine", _python_statemachine(checked), 1),
    ]
    for library, make in (("transitions", _transitions), ("sismic", _sismic)):
        if installed(library):
            others.append((f"chart step: {library}", make(checked), 1))
    return [ours, *(figure(name, time_rounds(run, len(ROUND), repeat=repeat), "us") for name, run, repeat in others)]


def _ours(checked: Checked) -> Callable[[], object]:
    machine = ChartMachine(compile_chart(checked))
    ask = HOLD.__contains__
    machine.start(ask)
    for event in ("link.connecting", "link.up", "toy.loaded"):
        machine.receive(event, ask)
    receive = machine.receive

    def run() -> object:
        listed = None
        for event in ROUND:
            listed = receive(event, ask).operations
        return listed

    run()
    _expect(machine.configuration, "idle", "online")
    return run


def _dict_lookup(checked: Checked) -> Callable[[], object]:
    """The floor: what one dictionary access for each event costs."""
    answers = {event: (event,) for event in ROUND}

    def run() -> object:
        listed = None
        for event in ROUND:
            listed = answers[event]
        return listed

    return run


def _python_statemachine(checked: Checked) -> Callable[[], object]:
    from statemachine.io import load

    lowered = lower(checked)
    operations: list[object] = []

    class Model:
        state: object = None

    model = Model()
    for short, name in lowered.guards.items():
        setattr(model, short, _answer(name in HOLD))
    for short in lowered.slots:
        setattr(model, short, _lister(lowered, short, operations))
    machine: Any = load(json.dumps(lowered.document), format="json")(model=model)
    events = lowered.events
    for event in ("link.connecting", "link.up", "toy.loaded"):
        machine.send(events[event])
    # An event that the chart does not name still lets its eventless transitions ask their guards.
    shorts = [events.get(event, "unnamed") for event in ROUND]

    def run() -> object:
        for short in shorts:
            operations.clear()
            machine.send(short)
        return operations

    run()
    active = [lowered.states[str(value)] for value in machine.configuration_values if str(value) in lowered.states]
    _expect(active, "idle", "online")
    return run


def _answer(holds: bool) -> Callable[[], bool]:
    return lambda: holds


def _lister(lowered: Lowered, short: str, operations: list[object]) -> Callable[[], None]:
    listed = lowered.slots[short].operations
    return lambda: operations.extend(listed)


def _names(actions: Any) -> list[str]:
    return [action.name for action in actions if isinstance(action, Call)]


def _entering(state: State) -> list[str]:
    return _names(state.enter) + [timer.event for timer in state.after] + [call.name for call in state.do]


def _leaving(state: State) -> list[str]:
    return [call.name for call in state.do] + [timer.event for timer in state.after] + _names(state.exit)


def _guard_text(transition: Transition) -> str:
    parts = [f"({guard.text})" for guard in transition.cond] + [f"not ({guard.text})" for guard in transition.unless]
    return " and ".join(parts)


def _transitions(checked: Checked) -> Callable[[], object]:
    from transitions.extensions import HierarchicalMachine
    from transitions.extensions.nesting import NestedState

    logging.getLogger("transitions").setLevel(logging.ERROR)
    NestedState.separator = "/"
    operations: list[object] = []
    paths: dict[str, str] = {}

    def describe(state: State, above: str) -> dict[str, Any]:
        paths[state.id] = above + state.id
        told: dict[str, Any] = {"name": state.id}
        if entering := _entering(state):
            told["on_enter"] = [lambda entering=entering: operations.extend(entering)]
        if leaving := _leaving(state):
            told["on_exit"] = [lambda leaving=leaving: operations.extend(leaving)]
        children = [describe(child, above + state.id + "/") for child in state.children]
        if children:
            told["parallel" if state.parallel else "children"] = children
            if not state.parallel:
                told["initial"] = begin(state)
        return told

    def begin(state: State) -> str:
        """The first child; where it only leads on to another at once, as its guards do not hold, that one."""
        first = next((child for child in state.children if child.initial), state.children[0])
        leads = list(first.all_transitions())
        at_once = bool(leads) and not any(checked.events[id(transition)] for transition in leads)
        return leads[-1].targets[0] if at_once else first.id

    states = [describe(state, "") for state in checked.chart.states]
    machine = HierarchicalMachine(
        states=states, initial=checked.chart.states[0].id, auto_transitions=False, ignore_invalid_triggers=True
    )

    def holds(text: str) -> Callable[[], bool]:
        code = compile(text, "guard", "eval")

        def guard() -> bool:
            # The states are nested lists of paths; asking for one means looking at all of them.
            active = str(machine.state)
            names = {
                "In": lambda id_: paths[id_] in active,
                **{name: name in HOLD for name in code.co_names if name != "In"},
            }
            return bool(eval(code, names))

        return guard

    for state in checked.chart.walk():
        for transition in state.all_transitions():
            names, text = _names(transition.on), _guard_text(transition)
            for event in checked.events[id(transition)]:
                machine.add_transition(
                    event,
                    paths[state.id],
                    paths[transition.targets[0]] if transition.targets else None,
                    conditions=[holds(text)] if text else None,
                    after=[lambda names=names: operations.extend(names)],
                )
    for event in ("link.connecting", "link.up", "toy.loaded"):
        machine.trigger(event)

    def run() -> object:
        for event in ROUND:
            operations.clear()
            machine.trigger(event)
        return operations

    run()
    active = str(machine.state)
    _expect([id_ for id_, path in paths.items() if path in active], "idle", "online")
    return run


def _sismic(checked: Checked) -> Callable[[], object]:
    from sismic.interpreter import Interpreter
    from sismic.model import BasicState, CompoundState, OrthogonalState, Statechart
    from sismic.model import Transition as SismicTransition

    chart = Statechart("toy")
    operations: list[object] = []

    def code(names: list[str]) -> str | None:
        return f"do({names!r})" if names else None

    def add(state: State, parent: str | None) -> None:
        entry, leave = code(_entering(state)), code(_leaving(state))
        if state.parallel:
            chart.add_state(OrthogonalState(state.id, entry, leave), parent)
        elif state.children:
            initial = next((c.id for c in state.children if c.initial), state.children[0].id)
            chart.add_state(CompoundState(state.id, initial, entry, leave), parent)
        else:
            chart.add_state(BasicState(state.id, entry, leave), parent)
        for child in state.children:
            add(child, state.id)

    for state in checked.chart.states:
        add(state, None)
    for state in checked.chart.walk():
        for rank, transition in enumerate(state.all_transitions()):
            guard = _guard_text(transition).replace("In(", "active(") or None
            for event in checked.events[id(transition)] or (None,):
                target = transition.targets[0] if transition.targets else None
                made = SismicTransition(state.id, target, event, guard, code(_names(transition.on)), priority=-rank)
                chart.add_transition(made)
    guards = {guard: guard in HOLD for state in checked.chart.walk() for guard in _asked(state)}
    interpreter = Interpreter(chart, initial_context={"do": operations.extend, **guards})
    interpreter.execute()
    for event in ("link.connecting", "link.up", "toy.loaded"):
        interpreter.queue(event)
        interpreter.execute()

    def run() -> object:
        for event in ROUND:
            operations.clear()
            interpreter.queue(event)
            interpreter.execute()
        return operations

    run()
    _expect(interpreter.configuration, "idle", "online")
    return run


def _asked(state: State) -> set[str]:
    return {name for t in state.all_transitions() for guard in (*t.cond, *t.unless) for name in guard.names}


def _expect(active: Any, *wanted: str) -> None:
    if not set(wanted) <= set(active):
        raise AssertionError(f"the engine rests in {sorted(active)}, not in {wanted}")
