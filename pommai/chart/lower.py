"""Chart -> the document python-statemachine reads.

Every state, event, guard and action list gets a short name of our own (`s3`, `e0`, `g1`, `x7`), so no name a designer
chooses can collide with one of the library's. Action lists become one callback each: the library runs structured
actions first and drops repeats, we keep order and repeats. All of the chart stands inside one more state `s`, so a
final state at the top does not stop the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pommai.chart import guards
from pommai.chart.check import Checked
from pommai.chart.model import Action, Call, Guard, Raise, State, Transition
from pommai.chart.table import Operation, TransitionInfo

ROOT = "s"
"""The state around the whole chart."""


@dataclass(slots=True)
class Slot:
    """What one callback stands for: operations in order, events raised in order, the transition it belongs to."""

    operations: tuple[Operation, ...] = ()
    raises: tuple[str, ...] = ()
    transition: int | None = None


@dataclass(slots=True)
class Lowered:
    """The document, and the way back from the library's names to the chart's."""

    document: dict[str, Any]
    states: dict[str, str]
    """Our short name -> state id, in document order, without the root."""
    histories: dict[str, str]
    """Our short name -> history id."""
    events: dict[str, str]
    """Event -> our short name."""
    guards: dict[str, str]
    """Our short name -> guard."""
    slots: dict[str, Slot]
    """Callback name -> what it stands for."""
    transitions: list[TransitionInfo]
    waits: dict[str, set[str]] = field(default_factory=dict)
    """State id -> events its transitions wait for; the empty string stands for eventless ones."""


def lower(checked: Checked) -> Lowered:
    """Make the library's document of a checked chart."""
    return _Lowering(checked).run()


class _Lowering:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        states = list(checked.chart.walk())
        self.short = {state.id: f"s{i}" for i, state in enumerate(states)}
        self.history = {h.id: f"h{i}" for i, h in enumerate(h for state in states for h in state.history)}
        names = sorted({event for events in checked.events.values() for event in events})
        self.events = {name: self._event(name, i) for i, name in enumerate(names)}
        asked = sorted({n for s in states for t in s.all_transitions() for g in (*t.cond, *t.unless) for n in g.names})
        self.guards = {name: f"g{i}" for i, name in enumerate(asked)}
        self.slots: dict[str, Slot] = {}
        self.transitions: list[TransitionInfo] = []
        self.waits: dict[str, set[str]] = {}

    def run(self) -> Lowered:
        chart = self.checked.chart
        inside = {self.short[state.id]: self.state(state) for state in chart.states}
        return Lowered(
            document={"name": "lowered", "states": {ROOT: {"states": inside}}},
            states={short: id_ for id_, short in self.short.items()},
            histories={short: id_ for id_, short in self.history.items()},
            events=self.events,
            guards={short: name for name, short in self.guards.items()},
            slots=self.slots,
            transitions=self.transitions,
            waits=self.waits,
        )

    def _event(self, name: str, index: int) -> str:
        if name.startswith("done.state."):
            return f"done.state.{self.short[name.removeprefix('done.state.')]}"
        return f"e{index}"

    def state(self, state: State) -> dict[str, Any]:
        timers = tuple(Operation("timer", t.event, {}, state.id, t.seconds) for t in state.after)
        starts = tuple(Operation("start", c.name, self.checked.arguments[id(c)], state.id) for c in state.do)
        stops = tuple(operation._replace(kind="stop") for operation in reversed(starts))
        cancels = tuple(operation._replace(kind="cancel") for operation in reversed(timers))
        lowered: dict[str, Any] = {}
        for key in ("initial", "final", "parallel"):
            if getattr(state, key):
                lowered[key] = True
        if enter := self.slot(state.enter, after=timers + starts):
            lowered["enter"] = enter
        if leave := self.slot(state.exit, before=stops + cancels):
            lowered["exit"] = leave
        self.waits[state.id] = set()
        if transitions := [self.transition(t, state) for t in state.all_transitions()]:
            lowered["transitions"] = transitions
        if state.history:
            lowered["history"] = {
                self.history[h.id]: {
                    "type": "deep" if h.deep else "shallow",
                    "transitions": [self.default(t) for t in h.default],
                }
                for h in state.history
            }
        if state.children:
            lowered["states"] = {self.short[child.id]: self.state(child) for child in state.children}
        return lowered

    def slot(
        self,
        actions: Iterable[Action],
        *,
        before: tuple[Operation, ...] = (),
        after: tuple[Operation, ...] = (),
        transition: int | None = None,
    ) -> str | None:
        actions = tuple(actions)
        calls = tuple(Operation("call", a.name, self.checked.arguments[id(a)]) for a in actions if isinstance(a, Call))
        raises = tuple(self.events[a.event] for a in actions if isinstance(a, Raise))
        slot = Slot(before + calls + after, raises, transition)
        if not slot.operations and not slot.raises and transition is None:
            return None
        name = f"x{len(self.slots)}"
        self.slots[name] = slot
        return name

    def transition(self, transition: Transition, state: State) -> dict[str, Any]:
        events = self.checked.events[id(transition)]
        self.waits[state.id].update(events or ("",))
        index = len(self.transitions)
        written = [g.text for g in transition.cond] + [f"not ({g.text})" for g in transition.unless]
        info = TransitionInfo(state.id, events, transition.targets, " and ".join(written), transition.at.line)
        self.transitions.append(info)
        lowered: dict[str, Any] = {"on": self.slot(transition.on, transition=index)}
        if events:
            lowered["event"] = " ".join(self.events[event] for event in events)
        if transition.targets:
            lowered["target"] = self.targets(transition)
        if transition.cond:
            lowered["cond"] = [self.guard(guard) for guard in transition.cond]
        if transition.unless:
            lowered["unless"] = [self.guard(guard) for guard in transition.unless]
        if transition.internal:
            lowered["internal"] = True
        return lowered

    def default(self, transition: Transition) -> dict[str, Any]:
        lowered: dict[str, Any] = {"target": self.targets(transition)}
        if on := self.slot(transition.on):
            lowered["on"] = on
        return lowered

    def targets(self, transition: Transition) -> str:
        both: Mapping[str, str] = {**self.short, **self.history}
        return " ".join(both[target] for target in transition.targets)

    def guard(self, guard: Guard) -> str:
        return guards.render(guard.tokens, self.guards, self.short)
