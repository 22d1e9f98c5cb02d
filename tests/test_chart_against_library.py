"""A compiled chart does what python-statemachine does: random charts, event by event, side by side.

The library's document is written here from the chart as it was generated, and not by the compiler's own lowering.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from statemachine.io import load as load_library_chart
from statemachine.orderedset import OrderedSet

from pommai.chart.check import check_chart
from pommai.chart.compile import compile_chart
from pommai.chart.load import load_chart
from pommai.chart.machine import ChartMachine
from pommai.chart.table import DecisionTable, Step
from pommai.chart.vocabulary import Signature, Vocabulary
from pommai.errors import ChartError
from pommai.source import Reader

EVENTS = ("go.left", "go.right", "stop")
RAISED = ("own.first", "own.second")
MOST_STATES = 9
"""From here on a chart grows no deeper: a table grows with the product of its parts."""
GUARDS = ("p", "q", "r")
ACTIONS = ("ring", "blink", "hum")
ACTIVITIES = ("listen", "talk")
VOCABULARY = Vocabulary(
    events=frozenset(EVENTS + RAISED),
    guards=dict.fromkeys(GUARDS, ""),
    actions={name: Signature(name) for name in ACTIONS},
    activities={name: Signature(name) for name in ACTIVITIES},
)


# -- random charts -------------------------------------------------------------------------


@dataclass
class Plan:
    """A state as it was drawn; `tree` is its YAML, without what needs to know all others."""

    id: str
    children: list[Plan] = field(default_factory=list)
    parallel: bool = False
    final: bool = False
    history: str | None = None
    deep: bool = False
    default: str | None = None
    enter: list[Any] = field(default_factory=list)
    exit: list[Any] = field(default_factory=list)
    do: list[str] = field(default_factory=list)
    transitions: list[dict[str, Any]] = field(default_factory=list)

    def walk(self) -> list[Plan]:
        return [self, *(inner for child in self.children for inner in child.walk())]


@st.composite
def trees(draw: st.DrawFn, depth: int, names: list[str], *, may_end: bool = False) -> Plan:
    plan = Plan(f"s{len(names)}")
    names.append(plan.id)
    if may_end and draw(st.integers(0, 3)) == 0:
        plan.final = True
    elif depth and len(names) < MOST_STATES and draw(st.integers(0, 3)):
        plan.parallel = draw(st.booleans())
        count = draw(st.integers(2, 3))
        plan.children = [
            draw(trees(depth - 1, names, may_end=not plan.parallel and index > 0)) for index in range(count)
        ]
        if not plan.parallel and draw(st.booleans()):
            plan.history, plan.deep = f"h{plan.id}", draw(st.booleans())
            plan.default = draw(st.sampled_from([inner.id for inner in plan.walk()[1:]]))
    return plan


@st.composite
def guard_texts(draw: st.DrawFn, ids: list[str], depth: int = 2) -> str:
    kind = draw(st.integers(0, 5 if depth else 2))
    if kind <= 1:
        return draw(st.sampled_from(GUARDS))
    if kind == 2:
        return f"In('{draw(st.sampled_from(ids))}')"
    if kind == 3:
        return f"not {draw(guard_texts(ids, 0))}"
    word = "and" if kind == 4 else "or"
    text = f"{draw(guard_texts(ids, depth - 1))} {word} {draw(guard_texts(ids, depth - 1))}"
    return f"({text})" if draw(st.booleans()) else text


@st.composite
def charts(draw: st.DrawFn) -> list[Plan]:
    names: list[str] = []
    tops = [draw(trees(3, names)) for _ in range(draw(st.integers(1, 2)))]
    states = [state for top in tops for state in top.walk()]
    ids = [state.id for state in states]
    histories = [state.history for state in states if state.history]
    actions = st.lists(st.sampled_from(ACTIONS), max_size=2)
    raises = st.sampled_from([None] * 6 + list(RAISED)).map(lambda event: [{"raise": event}] if event else [])
    done = [f"done.state.{state.id}" for state in states if _can_finish(state)]
    heard = st.sampled_from([*EVENTS, *EVENTS, *RAISED, "go.*", "own.first stop", *done])
    for state in states:
        state.enter = draw(actions) + draw(raises)
        state.exit = draw(raises) + draw(actions)
        state.do = [] if state.final else draw(st.lists(st.sampled_from(ACTIVITIES), max_size=2, unique=True))
        for _ in range(0 if state.final else draw(st.integers(0, 3))):
            state.transitions.append(draw(_transitions(state, states, ids, histories, actions, raises, heard)))
    # Every raised event is heard somewhere: a chart in which it is not is refused.
    tops[0].transitions.append({"event": " ".join(RAISED), "on": ["hum"]})
    for top in tops[1:]:
        tops[0].transitions.append({"event": "stop", "cond": ["r"], "target": top.id})
    return tops


@st.composite
def _transitions(
    draw: st.DrawFn,
    state: Plan,
    states: list[Plan],
    ids: list[str],
    histories: list[str],
    actions: Any,
    raises: Any,
    heard: Any,
) -> dict[str, Any]:
    transition: dict[str, Any] = {}
    inside = [inner.id for inner in state.walk()[1:]]
    eventless = draw(st.integers(0, 7)) == 0
    if not eventless:
        transition["event"] = draw(heard)
    guards = [draw(guard_texts(ids)) for _ in range(draw(st.integers(1 if eventless else 0, 2)))]
    if guards:
        transition["cond"] = guards
    if draw(st.integers(0, 4)) == 0:
        transition["unless"] = [draw(guard_texts(ids))]
    kind = draw(st.integers(0, 6))
    if eventless:
        transition["target"] = draw(st.sampled_from(ids))
        if draw(st.integers(0, 14)):  # or else nearly every chart runs in circles
            transition["cond"].append(f"not In('{transition['target']}')")
    elif kind <= 3:
        transition["target"] = draw(st.sampled_from(ids))
    elif kind == 4 and histories:
        transition["target"] = draw(st.sampled_from(histories))
    elif kind == 5 and (parallel := [one for one in states if one.parallel]):
        first, second = draw(st.sampled_from(parallel)).children[:2]
        both = [draw(st.sampled_from([inner.id for inner in one.walk()])) for one in (first, second)]
        transition["target"] = " ".join(both)
    elif kind == 6 and inside and not state.parallel:
        transition["target"] = draw(st.sampled_from(inside))
        transition["internal"] = True
    # The library runs actions on the way into a history twice, and a chart that has any there is refused.
    if transition.get("target", "")[:1] != "h":
        transition["on"] = draw(actions) + draw(raises)
    if not transition.get("target") and not transition.get("on"):
        transition["on"] = ["ring"]
    return transition


def _can_finish(state: Plan) -> bool:
    if state.parallel:
        return all(_can_finish(child) for child in state.children)
    return any(child.final for child in state.children)


# -- ours ----------------------------------------------------------------------------------


def our_state(state: Plan) -> dict[str, Any]:
    written: dict[str, Any] = {
        "enter": state.enter,
        "exit": state.exit,
        "do": state.do,
        "transitions": state.transitions,
    }
    for key in ("parallel", "final"):
        if getattr(state, key):
            written[key] = True
    if state.history:
        kind = "deep" if state.deep else "shallow"
        written["history"] = {state.history: {"type": kind, "transitions": [{"target": state.default, "on": "blink"}]}}
    if state.children:
        written["states"] = {child.id: our_state(child) for child in state.children}
    return {key: value for key, value in written.items() if value}


def compiled(tops: list[Plan]) -> DecisionTable | None:
    """The table; None for a chart that runs in circles or is too large. Any other refusal is raised."""
    text = yaml.safe_dump({"states": {top.id: our_state(top) for top in tops}}, sort_keys=False)
    reader = Reader(text, "chart.yaml", ChartError)
    checked = check_chart(load_chart(reader), reader, VOCABULARY)
    try:
        return compile_chart(checked)
    except ChartError:
        return None


# -- the library's -------------------------------------------------------------------------


class Oracle:
    """The library running the same chart: what it asks, what it does, where it is."""

    def __init__(self, tops: list[Plan], answers: dict[str, bool]) -> None:
        self.state: Any = None
        self.answers = answers
        self.asked: list[str] = []
        self.done: list[str] = []
        self._callbacks = 0
        for name in GUARDS:
            setattr(self, name, self._guard(name))
        document = {"name": "oracle", "states": {"all": {"states": {top.id: self._state(top) for top in tops}}}}
        self.order = ["all", *(state.id for top in tops for state in top.walk())]
        self.machine: Any = load_library_chart(json.dumps(document), format="json")(model=self)

    def send(self, name: str, answers: dict[str, bool]) -> None:
        self.answers, self.asked, self.done = answers, [], []
        place = sorted(self.machine.configuration_values, key=self.order.index)
        self.machine.current_state_value = OrderedSet(place)
        for states in self.machine.history_values.values():
            states.sort(key=lambda state: self.order.index(state.id))
        self.machine.send(name)

    @property
    def configuration(self) -> list[str]:
        return sorted(self.machine.configuration_values, key=self.order.index)[1:]

    def _guard(self, name: str) -> Callable[[], bool]:
        def guard() -> bool:
            if name not in self.asked:
                self.asked.append(name)
            return self.answers[name]

        return guard

    def _actions(self, *words: Any) -> list[Any]:
        """Calls in one callback, since the library would drop a repeated one; events in the library's own `raise`."""
        calls = [word for word in words if isinstance(word, str)]
        self._callbacks += 1
        name = f"callback{self._callbacks}"
        setattr(self, name, lambda: self.done.extend(calls))
        return [name, *({"raise": _flat(word["raise"])} for word in words if not isinstance(word, str))]

    def _state(self, state: Plan) -> dict[str, Any]:
        written: dict[str, Any] = {"parallel": state.parallel, "final": state.final}
        written["enter"] = self._actions(*state.enter, *(f"start {name} of {state.id}" for name in state.do))
        written["exit"] = self._actions(*(f"stop {name} of {state.id}" for name in reversed(state.do)), *state.exit)
        written["transitions"] = [self._transition(one) for one in state.transitions]
        if state.history:
            default = {"target": state.default, "on": self._actions("blink")}
            kind = "deep" if state.deep else "shallow"
            written["history"] = {state.history: {"type": kind, "transitions": [default]}}
        if state.children:
            written["states"] = {child.id: self._state(child) for child in state.children}
        return written

    def _transition(self, transition: dict[str, Any]) -> dict[str, Any]:
        written = dict(transition)
        if "event" in written:
            spelt = written["event"].replace("go.*", "go.left go.right")
            written["event"] = " ".join(_flat(name) for name in spelt.split())
        if written.get("on"):
            written["on"] = self._actions(*written["on"])
        return written


def _flat(name: str) -> str:
    return name if name.startswith("done.state.") else name.replace(".", "_")


# -- side by side --------------------------------------------------------------------------

ANSWERS = st.fixed_dictionaries(dict.fromkeys(GUARDS, st.booleans()))


def told(step: Step) -> list[str]:
    words = {"call": "{0.name}", "start": "start {0.name} of {0.state}", "stop": "stop {0.name} of {0.state}"}
    return [words[operation.kind].format(operation) for operation in step.operations]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(charts(), ANSWERS, st.lists(st.tuples(st.sampled_from([*EVENTS, "never.heard"]), ANSWERS), max_size=12))
def test_a_compiled_chart_asks_and_does_what_the_library_asks_and_does(
    tops: list[Plan], first: dict[str, bool], steps: list[tuple[str, dict[str, bool]]]
) -> None:
    table = compiled(tops)
    event("refused" if table is None else "compiled")
    if table is None:
        return
    asked: list[str] = []
    answers = first

    def ask(name: str) -> bool:
        asked.append(name)
        return answers[name]

    oracle = Oracle(tops, first)
    machine = ChartMachine(table)
    step = machine.start(ask)
    running: list[str] = []
    for name, answers in [("", first), *steps]:
        if name:
            asked.clear()
            oracle.send(_flat(name), answers)
            step = machine.receive(name, ask)
        assert (asked, told(step), list(step.configuration)) == (oracle.asked, oracle.done, oracle.configuration)
        for operation in step.operations:
            if operation.kind == "start":
                running.append(f"{operation.name} of {operation.state}")
            elif operation.kind == "stop":
                running.remove(f"{operation.name} of {operation.state}")
        wanted = [
            f"{name} of {s.id}" for top in tops for s in top.walk() if s.id in step.configuration for name in s.do
        ]
        assert sorted(running) == sorted(wanted)
