"""python-statemachine running a random chart: what it asks, what it does, where it is.

The library's document is written here from the chart as it was drawn, and not by the compiler's own lowering.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from random_charts import FAMILIES, GUARDS, Chart, Plan, Words
from statemachine.io import load as load_library_chart
from statemachine.orderedset import OrderedSet


class Oracle:
    """The library running a chart. It enters the initial states when it is made."""

    def __init__(self, chart: Chart, answers: dict[str, bool]) -> None:
        self.state: Any = None
        self.answers = answers
        self.asked: list[str] = []
        self.done: list[str] = []
        self._callbacks = 0
        for name in GUARDS:
            setattr(self, name, self._guard(name))
        document = {"name": "oracle", "states": {"all": {"states": {top.id: self._state(top) for top in chart}}}}
        self.order = ["all", *(state.id for top in chart for state in top.walk())]
        self.machine: Any = load_library_chart(json.dumps(document), format="json")(model=self)

    def send(self, name: str, answers: dict[str, bool]) -> None:
        """One event, from the configuration in document order: the library minds the order, a chart must not."""
        self.answers, self.asked, self.done = answers, [], []
        place = sorted(self.machine.configuration_values, key=self.order.index)
        self.machine.current_state_value = OrderedSet(place)
        for states in self.machine.history_values.values():
            states.sort(key=lambda state: self.order.index(state.id))
        self.machine.send(_flat(name))

    @property
    def configuration(self) -> list[str]:
        """Active states in document order."""
        return sorted(self.machine.configuration_values, key=self.order.index)[1:]

    def _guard(self, name: str) -> Callable[[], bool]:
        def guard() -> bool:
            if name not in self.asked:
                self.asked.append(name)
            return self.answers[name]

        return guard

    def _actions(self, words: Words) -> list[Any]:
        """Calls in one callback, since the library would drop a repeated one; events in the library's own `raise`."""
        calls = [word for word in words if isinstance(word, str)]
        self._callbacks += 1
        name = f"callback{self._callbacks}"
        setattr(self, name, lambda: self.done.extend(calls))
        return [name, *({"raise": _flat(word["raise"])} for word in words if not isinstance(word, str))]

    def _state(self, state: Plan) -> dict[str, Any]:
        written: dict[str, Any] = {key: getattr(state, key) for key in ("parallel", "final", "initial")}
        timers = [f"timer.{state.id}.{label}" for label in state.after]
        begun = [f"timer {name}" for name in timers] + [f"start {name} of {state.id}" for name in state.do]
        ended = [f"stop {name} of {state.id}" for name in reversed(state.do)]
        ended += [f"cancel {name}" for name in reversed(timers)]
        written["enter"] = self._actions([*state.enter, *begun])
        written["exit"] = self._actions([*ended, *state.exit])
        fired = [{"event": name, **t} for name, ts in zip(timers, state.after.values(), strict=True) for t in ts]
        written["transitions"] = [self._transition(one) for one in [*state.transitions, *fired]]
        if state.histories:
            written["history"] = {
                name: {
                    "type": "deep" if deep else "shallow",
                    "transitions": [{"target": target, "on": self._actions(on)}],
                }
                for name, (deep, target, on) in state.histories.items()
            }
        if state.children:
            written["states"] = {child.id: self._state(child) for child in state.children}
        return written

    def _transition(self, transition: dict[str, Any]) -> dict[str, Any]:
        written = dict(transition)
        if "event" in written:
            spelt = " ".join(FAMILIES.get(name, name) for name in written["event"].split())
            written["event"] = " ".join(_flat(name) for name in spelt.split())
        if written.get("on"):
            written["on"] = self._actions(written["on"])
        return written


def _flat(name: str) -> str:
    return name if name.startswith("done.state.") else name.replace(".", "_")
