"""Are all the names in a chart names of something? Arguments too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pommai.chart.model import Action, Call, Chart, Raise, State, Transition, Value
from pommai.chart.properties import specify
from pommai.chart.specification import Specification
from pommai.chart.vocabulary import Parameter, Signature, Vocabulary
from pommai.source import Node, Reader, Scalar, did_you_mean, quote

Arguments = dict[str, Value]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Checked:
    """A chart whose names all exist.

    `arguments` gives each action and activity its arguments (by identity of the Call), defaults left out and
    durations in seconds; `events` gives each transition the events it waits for, patterns such as `button.*` spelt out.
    """

    chart: Chart
    arguments: Mapping[int, Arguments]
    events: Mapping[int, tuple[str, ...]]
    led_patterns: frozenset[str] | None
    """Those of the vocabulary."""
    specification: Specification
    """What is to be proved of the chart."""


def check_chart(chart: Chart, reader: Reader, vocabulary: Vocabulary) -> Checked:
    """Look every name up. Raises ChartError with all that mean nothing, and all problems noted before."""
    checker = _Checker(chart, reader, vocabulary)
    for state in chart.walk():
        checker.state(state)
    specification = specify(chart, reader, vocabulary)
    if not reader.problems:  # what seems to be missing may stand where a problem is
        checker.raised()
        checker.unused()
    reader.finish()
    return Checked(chart, checker.arguments, checker.events, vocabulary.led_patterns, specification)


class _Checker:
    def __init__(self, chart: Chart, reader: Reader, vocabulary: Vocabulary) -> None:
        self.chart, self.reader, self.vocabulary = chart, reader, vocabulary
        self.arguments: dict[int, Arguments] = {}
        self.events: dict[int, tuple[str, ...]] = {}
        states = list(chart.walk())
        self.raises = [a for s in states for a in s.all_actions() if isinstance(a, Raise)]
        self.ids = {s.id for s in states}
        self.done = {f"done.state.{s.id}" for s in states if _can_finish(s)}
        self.timers = {t.event for s in states for t in s.after}
        self.known = vocabulary.events | {a.event for a in self.raises} | self.done
        self.used = {t.label for s in states for t in s.after} | {p.within_label for p in chart.properties}

    def state(self, state: State) -> None:
        patterns = self.vocabulary.led_patterns
        if state.led and patterns is not None and state.led.pattern not in patterns:
            hint = did_you_mean(state.led.pattern, patterns)
            self.reader.problem(state.led.at, f"no light pattern is called '{state.led.pattern}'", hint)
        for action in state.all_actions():
            self.action(action)
        for call in state.do:
            self.call(call, "activity", self.vocabulary.activities, self.vocabulary.actions)
        for transition in state.all_transitions():
            self.events[id(transition)] = tuple(dict.fromkeys(self.expand(transition)))
            for guard in (*transition.cond, *transition.unless):
                for name in guard.names:
                    if name not in self.vocabulary.guards:
                        hint = did_you_mean(name, self.vocabulary.guards.keys())
                        if name in self.ids:
                            hint = f"to ask for a state write In('{name}')"
                        self.reader.problem(guard.at, f"no guard is called '{name}'", hint)

    def expand(self, transition: Transition) -> Iterable[str]:
        for event in transition.events:
            if event in self.timers or event in self.known:
                yield event
            elif event.endswith(".*") and (found := [e for e in sorted(self.known) if e.startswith(event[:-1])]):
                yield from found
            else:
                families = {f"{known.split('.')[0]}.*" for known in self.known} if event.endswith(".*") else set()
                hint = did_you_mean(event, families or self.known | self.timers)
                state = event.removeprefix("done.state.")
                if event in self.ids:
                    hint = "it is a state; `target` says where to go, `event` what has to happen"
                elif state in self.ids:
                    hint = f"'{state}' is never done: it needs a state inside with `final: true`"
                self.reader.problem(transition.event_at, f"nobody emits the event '{event}'", hint)

    def raised(self) -> None:
        heard = {event for events in self.events.values() for event in events}
        for action in self.raises:
            if action.event not in heard:
                hint = did_you_mean(action.event, heard)
                self.reader.problem(action.at, f"no transition waits for the raised event '{action.event}'", hint)

    def unused(self) -> None:
        """A duration that is used nowhere would be tuned in vain."""
        for name, duration in self.chart.durations.items():
            if name not in self.used:
                message = f"the duration '{name}' is used nowhere"
                self.reader.problem(duration.at, message, f"write `after: {{{name}: …}}` in a state, or delete it")

    def action(self, action: Action) -> None:
        if isinstance(action, Call):
            self.call(action, "action", self.vocabulary.actions, self.vocabulary.activities)

    def call(self, call: Call, kind: str, known: Mapping[str, Signature], others: Mapping[str, Signature]) -> None:
        signature = known.get(call.name)
        if signature is None:
            hint = did_you_mean(call.name, known.keys())
            if call.name in others:
                hint = (
                    "it is an activity: put it into 'do'"
                    if kind == "action"
                    else "it is an action: put it into 'enter'"
                )
            elif call.name in self.ids:
                hint = "it is a state; `target` says where to go"
            elif call.name in self.known:
                hint = f"it is an event: write `raise: {call.name}`" if kind == "action" else hint
            self.reader.problem(call.at, f"no {kind} is called '{call.name}'", hint)
            return
        self.arguments[id(call)] = self.bind(call, signature)

    def bind(self, call: Call, signature: Signature) -> Arguments:
        parameters = {parameter.name: parameter for parameter in signature.parameters}
        written = dict(call.written)
        if "" in written:
            if not parameters:
                self.reader.problem(call.at, f"'{call.name}' takes no arguments")
                return {}
            written[signature.parameters[0].name] = written.pop("")
        arguments: Arguments = {}
        for name, (key, node) in written.items():
            if name not in parameters:
                hint = did_you_mean(name, parameters.keys()) or "it takes none"
                self.reader.problem(key, f"'{call.name}' has no argument '{name}'", hint)
                continue
            value = self.value(node, f"'{name}' of '{call.name}'", parameters[name])
            if value is not None:
                arguments[name] = value
        for parameter in signature.parameters:
            if parameter.required and parameter.name not in written:
                hint = f"write `{call.name}: {{{parameter.name}: …}}`"
                self.reader.problem(call.at, f"'{call.name}' needs the argument '{parameter.name}'", hint)
        return arguments

    def value(self, node: Node, what: str, parameter: Parameter) -> Value | None:
        reader = self.reader
        if parameter.kind == "boolean":
            return reader.boolean(node, what)
        if parameter.kind == "number":
            return reader.number(node, what)
        if parameter.kind == "choice":
            text = reader.text(node, what)
            if text is not None and text not in parameter.choices:
                reader.problem(
                    node, f"no {parameter.name} is called {quote(text)}", did_you_mean(text, parameter.choices)
                )
            return text
        if parameter.kind == "duration":
            if isinstance(node, Scalar) and node.text in self.chart.durations:
                self.used.add(node.text)
                return self.chart.durations[node.text].seconds
            return reader.duration(node, what, names=self.chart.durations)
        return reader.text(node, what)


def _can_finish(state: State) -> bool:
    """Whether `done.state.STATE` can ever come."""
    if state.parallel:
        return all(_can_finish(child) for child in state.children)
    return any(child.final for child in state.children)
