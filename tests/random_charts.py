"""Random statecharts for Hypothesis: everything a chart can be made of, and so put together that most come to an end.

A chart whose transitions never end is refused by the compiler and compares nothing. So what is taken by itself
(eventless transitions, those on raised and on completion events) mostly leads forward, to a state further down in the
file; a few lead anywhere, so that nothing is ruled out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from hypothesis import strategies as st

from pommai.chart.vocabulary import Signature, Vocabulary

EVENTS = ("go.left", "go.right", "stop")
FREE, FORWARD = "own.free", "own.forward"
"""Events the chart raises itself. What waits for the first leads anywhere, so only events from outside may raise it."""
FAMILIES = {"go.*": "go.left go.right", "own.*": f"{FORWARD} {FREE}"}
"""Event patterns, and what they stand for."""
GUARDS = ("p", "q", "r")
ACTIONS = ("ring", "blink", "hum")
ACTIVITIES = ("listen", "talk")
DURATIONS = ("250ms", "1s")
VOCABULARY = Vocabulary(
    events=frozenset((*EVENTS, FREE, FORWARD)),
    guards=dict.fromkeys(GUARDS, ""),
    actions={name: Signature(name) for name in ACTIONS},
    activities={name: Signature(name) for name in ACTIVITIES},
)
DEEPEST = 4
"""States inside states inside states."""
MOST_STATES = 8
"""From here on a chart grows no deeper: a table grows with the product of its parts."""
WILD = 12
"""One transition in so many may lead anywhere though nobody from outside has to ask for it."""

Words = list[Any]
"""Actions as written: names, and {"raise": event}."""


@dataclass
class Plan:
    """A state as it was drawn."""

    id: str
    children: list[Plan] = field(default_factory=list)
    parallel: bool = False
    final: bool = False
    initial: bool = False
    histories: dict[str, tuple[bool, str, Words]] = field(default_factory=dict)
    """Its histories: whether deep, the default target, and the actions on the way to that."""
    enter: Words = field(default_factory=list)
    exit: Words = field(default_factory=list)
    do: list[str] = field(default_factory=list)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    after: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def walk(self) -> Iterator[Plan]:
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def can_finish(self) -> bool:
        if self.parallel:
            return all(child.can_finish for child in self.children)
        return any(child.final for child in self.children)

    def written(self) -> dict[str, Any]:
        """The state as it stands in a chart's file."""
        keys = ("initial", "final", "parallel", "enter", "exit", "do", "transitions", "after")
        written = {key: getattr(self, key) for key in keys if getattr(self, key)}
        if self.histories:
            written["history"] = {
                name: {"type": "deep" if deep else "shallow", "transitions": [_default(target, on)]}
                for name, (deep, target, on) in self.histories.items()
            }
        if self.children:
            written["states"] = {child.id: child.written() for child in self.children}
        return written


Chart = list[Plan]


def _default(target: str, on: Words) -> dict[str, Any]:
    return {"target": target, "on": on} if on else {"target": target}


def text_of(chart: Chart) -> str:
    """The chart's file."""
    return yaml.safe_dump({"states": {top.id: top.written() for top in chart}}, sort_keys=False)


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """Charts of one to three states at the top, DEEPEST deep at most."""
    names: list[str] = []
    chart = [draw(_trees(1, names, may_end=index > 0)) for index in range(draw(st.integers(1, 3)))]
    draw(_Transitions.drawn(chart))
    return chart


@st.composite
def _trees(draw: st.DrawFn, depth: int, names: list[str], *, may_end: bool) -> Plan:
    plan = Plan(f"s{len(names)}")
    names.append(plan.id)
    if may_end and draw(st.integers(0, 3)) == 0:
        plan.final = True
    elif depth < DEEPEST and len(names) < MOST_STATES and draw(st.integers(0, 4)):
        plan.parallel = draw(st.integers(0, 2)) == 0
        count = draw(st.integers(2, 3))
        plan.children = [
            draw(_trees(depth + 1, names, may_end=not plan.parallel and index > 0)) for index in range(count)
        ]
        if not plan.parallel and draw(st.integers(0, 3)) == 0:
            draw(st.sampled_from(plan.children)).initial = True
        if not plan.parallel and draw(st.booleans()):
            inside = [inner.id for inner in plan.walk()][1:]
            for deep in draw(st.sampled_from(([False], [True], [True, False]))):
                on = draw(st.sampled_from(([], ["blink"], ["hum", "hum"])))
                plan.histories[f"h{plan.id}{'d' if deep else ''}"] = (deep, draw(st.sampled_from(inside)), on)
    return plan


@st.composite
def guards(draw: st.DrawFn, ids: list[str], depth: int = 2) -> str:
    """Guard expressions."""
    kind = draw(st.integers(0, 6 if depth else 2))
    if kind == 0:
        return draw(st.sampled_from(GUARDS))
    if kind <= 2:
        return f"In('{draw(st.sampled_from(ids))}')"
    if kind == 3:
        return f"not {draw(guards(ids, 0))}"
    if kind == 4:
        return f"not ({draw(guards(ids, depth - 1))})"
    word = "and" if kind == 5 else "or"
    text = f"{draw(guards(ids, depth - 1))} {word} {draw(guards(ids, depth - 1))}"
    return f"({text})" if draw(st.booleans()) else text


class _Transitions:
    """Fills the states of a tree with what happens in them."""

    def __init__(self, draw: st.DrawFn, chart: Chart) -> None:
        self.draw = draw
        self.chart = chart
        self.states = [state for top in chart for state in top.walk()]
        self.ids = [state.id for state in self.states]
        self.homes = {name: state for state in self.states for name in state.histories}
        self.inside = {state.id: {inner.id for inner in state.walk()} - {state.id} for state in self.states}
        self.done = [f"done.state.{state.id}" for state in self.states if state.can_finish]
        self.forward = dict(self._forward(chart))

    @staticmethod
    @st.composite
    def drawn(draw: st.DrawFn, chart: Chart) -> None:
        _Transitions(draw, chart).fill()

    def fill(self) -> None:
        draw = self.draw
        for state in self.states:
            state.enter = self.actions() + self.raises(FORWARD)
            state.exit = self.raises(FORWARD) + self.actions()
            if state.final:
                continue
            state.do = draw(st.sampled_from(([], [], ["listen"], ["talk", "listen"])))
            state.transitions = [self.transition(state) for _ in range(draw(st.sampled_from((0, 1, 1, 2))))]
            for label in draw(st.sampled_from(((), (), (), DURATIONS[:1], DURATIONS))):
                count = draw(st.sampled_from((1, 1, 2)))
                state.after[label] = [self.complete(state, {}, free=True) for _ in range(count)]
        # Every raised event is heard somewhere, or the chart is refused; and no part of it is out of reach.
        self.chart[0].transitions.append({"event": f"{FREE} {FORWARD}", "on": ["hum"]})
        for top in self.chart[1:]:
            self.chart[0].transitions.append({"event": "stop", "cond": ["r"], "target": top.id})

    def actions(self) -> Words:
        return list(self.draw(st.sampled_from(([], [], ["ring"], ["blink"], ["ring", "hum"], ["hum", "hum"]))))

    def raises(self, *events: str) -> Words:
        event = self.draw(st.sampled_from([None] * 6 + list(events)))
        return [{"raise": event}] if event else []

    def transition(self, state: Plan) -> dict[str, Any]:
        kind = self.draw(st.integers(0, 9))
        if kind <= 4:
            return self.complete(state, {"event": self.draw(st.sampled_from((*EVENTS, "go.*")))}, free=True)
        wild = not self.draw(st.integers(0, WILD - 1))
        if kind <= 6:
            heard = self.draw(st.sampled_from((FREE, FORWARD, "own.*", f"{FORWARD} stop", f"{FREE} go.left")))
            return self.complete(state, {"event": heard}, free=wild or heard.startswith(FREE), own=True)
        if kind == 7 and self.done:
            return self.complete(state, {"event": self.draw(st.sampled_from(self.done))}, free=wild, own=True)
        eventless: dict[str, Any] = {}
        targets = self.ids if wild else self.forward[state.id]
        if targets:
            eventless["target"] = self.draw(st.sampled_from(targets))
            eventless["cond"] = [self.draw(guards(self.ids))]
            if wild and eventless["target"] in self.ids:
                eventless["cond"].append(f"not In('{eventless['target']}')")
            return self.complete(state, eventless, free=False, own=True)
        return self.complete(state, {"event": self.draw(st.sampled_from(EVENTS))}, free=True)

    def complete(self, state: Plan, transition: dict[str, Any], *, free: bool, own: bool = False) -> dict[str, Any]:
        """Give it guards, a target and actions. `free`: it may lead anywhere; `own`: it answers the chart itself."""
        draw = self.draw
        if more := [draw(guards(self.ids)) for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2))))]:
            transition.setdefault("cond", []).extend(more)
        if draw(st.integers(0, 5)) == 0:
            transition["unless"] = [draw(guards(self.ids))]
        if "target" not in transition:
            transition.update(self.destination(state, free))
        if self.enters_twice(state, transition.get("target", "")):
            del transition["target"]
        homes = [self.homes[name].id for name in transition.get("target", "").split() if name in self.homes]
        # The library runs actions on the way into a history twice, from outside; a chart that has any is refused.
        if all(state.id in self.inside[home] for home in homes):
            on = self.actions() + (self.raises(FORWARD) if own else self.raises(FREE, FORWARD))
            if on:
                transition["on"] = on
        if not transition.get("target") and not transition.get("on"):
            transition["on"] = ["ring"]
        return transition

    def enters_twice(self, state: Plan, target: str) -> bool:
        """Whether the library would enter a state without having left it; such a chart is refused."""
        home = self.homes.get(target)
        child = next((one for one in home.children if state.id in self.inside[one.id]), None) if home else None
        if home is None or child is None:
            return False
        deep, default, _ = home.histories[target]
        return deep or default in self.inside[child.id]

    def destination(self, state: Plan, free: bool) -> dict[str, Any]:
        draw = self.draw
        if not free:
            forward = self.forward[state.id]
            return {"target": draw(st.sampled_from(forward))} if forward and draw(st.integers(0, 2)) else {}
        kind = draw(st.integers(0, 7))
        if kind <= 3:
            return {"target": draw(st.sampled_from(self.ids))}
        if kind == 4 and self.homes:
            return {"target": draw(st.sampled_from(sorted(self.homes)))}
        if kind == 5 and (parallel := [one for one in self.states if one.parallel]):
            regions = draw(st.permutations(draw(st.sampled_from(parallel)).children))
            several = regions[: draw(st.integers(2, len(regions)))]
            return {"target": " ".join(draw(st.sampled_from(self.places(region))) for region in several)}
        if kind == 6 and state.children and not state.parallel:
            below = [place for place in self.places(state) if place != state.id]
            return {"target": draw(st.sampled_from(below)), "internal": True}
        return {}

    def places(self, state: Plan) -> list[str]:
        """What a transition can lead to in a state: itself, all inside, and their histories."""
        return [name for inner in state.walk() for name in (inner.id, *inner.histories)]

    def _forward(self, siblings: list[Plan], parallel: bool = False) -> Iterator[tuple[str, list[str]]]:
        """For each state what lies further down beside it or beside a state around it, but in no other region.

        A transition to one of these never leads back to where it came from, however many are taken.
        """
        for index, state in enumerate(siblings):
            later = [] if parallel else [name for other in siblings[index + 1 :] for name in self.places(other)]
            yield state.id, later
            for id_, further in self._forward(state.children, state.parallel):
                yield id_, further + later
