"""`statechart.yaml` -> Chart. Finds everything that can be wrong with the form of the file.

Names of events, actions, guards, activities and light patterns are looked up later, in
`pommai.chart.check`, by whoever knows which of them exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pommai.chart import guards, keys
from pommai.chart.model import Action, Call, Chart, Duration, Guard, History, Led, Raise, State, Timer, Transition
from pommai.source import Mapping, Node, Reader, Scalar, did_you_mean, parse_duration

_ID = re.compile(keys.ID)
_EVENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*(\.\*)?")
MAX_STATES = 400
"""More states than any toy has; a larger chart is a mistake."""


def load_chart(reader: Reader) -> Chart:
    """Read a chart. Raises ChartError with every problem of form that the file has."""
    chart = _Loader(reader).chart()
    reader.finish()
    assert chart is not None, "a chart without problems was read"
    return chart


class _Loader:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.durations: dict[str, Duration] = {}

    def chart(self) -> Chart | None:
        reader = self.reader
        root = reader.mapping(reader.root, "the chart", allowed=keys.DOCUMENT_KEYS, required={"states"})
        if root is None:
            return None
        self.durations = self._durations(root)
        states_node = root.get("states")
        states = self._states(states_node, None, 0, parallel=False) if states_node is not None else ()
        chart = Chart(
            name=self._text(root, "name", "the chart's name") or "toy",
            file=reader.file,
            sha256=reader.sha256,
            states=states,
            description=self._text(root, "description", "the description") or "",
            durations=self.durations,
        )
        self._check_structure(chart)
        return chart

    # -- parts of the document ------------------------------------------------------------

    def _text(self, mapping: Mapping, key: str, what: str) -> str | None:
        node = mapping.get(key)
        return None if node is None else self.reader.text(node, what)

    def _flag(self, mapping: Mapping, key: str) -> bool:
        node = mapping.get(key)
        return bool(node is not None and self.reader.boolean(node, f"'{key}'"))

    def _durations(self, root: Mapping) -> dict[str, Duration]:
        node = root.get("durations")
        mapping = None if node is None else self.reader.mapping(node, "durations")
        found: dict[str, Duration] = {}
        for key, value in mapping or ():
            if self._is_id(key, "a duration") and (seconds := self.reader.duration(value, f"'{key.text}'")):
                found[key.text] = Duration(key.text, seconds, key)
        return found

    def _is_id(self, key: Scalar, what: str) -> bool:
        if _ID.fullmatch(key.text):
            return True
        message = f"{what} cannot be called '{key.text}'"
        self.reader.problem(key, message, "use letters, digits and _, and no digit first")
        return False

    def _states(self, node: Node, parent: str | None, depth: int, *, parallel: bool) -> tuple[State, ...]:
        where = f"'states' of {parent}" if parent else "'states'"
        mapping = self.reader.mapping(node, where)
        if mapping is None:
            return ()
        if not len(mapping):
            self.reader.problem(node, f"{where} is empty", "write at least one state")
        states = []
        for key, value in mapping:
            if self._is_id(key, "a state") and (state := self._state(key, value, parent, depth)):
                states.append(state)
        begin = [state for state in states if state.initial]
        for state in begin[1:] if not parallel else begin:
            why = "all states of a parallel state are active" if parallel else f"'{begin[0].id}' is already"
            self.reader.problem(state.at, f"'{state.id}' cannot be initial: {why}")
        return tuple(states)

    def _state(self, key: Scalar, node: Node, parent: str | None, depth: int) -> State | None:
        id_ = key.text
        self._refuse_foreign_keys(node)
        allowed = keys.STATE_KEYS.keys() | keys.NOT_ALLOWED.keys()
        mapping = self.reader.mapping(node, f"state '{id_}'", allowed=allowed)
        if mapping is None:
            return None
        parallel = self._flag(mapping, "parallel")
        children_node = mapping.get("states")
        children = () if children_node is None else self._states(children_node, id_, depth + 1, parallel=parallel)
        return State(
            id=id_,
            parent=parent,
            depth=depth,
            at=key,
            description=self._text(mapping, "description", f"the description of '{id_}'") or "",
            initial=self._flag(mapping, "initial"),
            final=self._flag(mapping, "final"),
            parallel=parallel,
            led=self._led(mapping, id_),
            enter=self._actions(mapping.get("enter")),
            exit=self._actions(mapping.get("exit")),
            do=self._activities(mapping.get("do")),
            after=tuple(self._timers(mapping, id_)),
            transitions=self._transitions(mapping.get("transitions"), id_),
            children=children,
            history=tuple(self._histories(mapping, id_)),
        )

    def _refuse_foreign_keys(self, node: Node) -> None:
        if isinstance(node, Mapping):
            for key, _ in node:
                if key.text in keys.NOT_ALLOWED:
                    self.reader.problem(key, f"'{key.text}' cannot be used in a toy", keys.NOT_ALLOWED[key.text])

    def _led(self, state: Mapping, id_: str) -> Led | None:
        node = state.get("led")
        if node is None:
            return None
        what = f"the led of '{id_}'"
        if not isinstance(node, Mapping):
            name = self.reader.text(node, what)
            return None if name is None else Led(name, 0, node)
        mapping = self.reader.mapping(node, what, allowed=keys.LED_KEYS, required={"pattern"})
        pattern = mapping.get("pattern") if mapping else None
        if mapping is None or pattern is None:
            return None
        name = self.reader.text(pattern, f"{what}: pattern")
        priority_node = mapping.get("priority")
        priority = 0 if priority_node is None else self.reader.integer(priority_node, "priority", -1000, 1000)
        return Led(name or "", priority or 0, pattern)

    # -- actions and guards ---------------------------------------------------------------

    def _actions(self, node: Node | None) -> tuple[Action, ...]:
        if node is None:
            return ()
        return tuple(action for item in self.reader.one_or_many(node) if (action := self._action(item)))

    def _action(self, node: Node) -> Action | None:
        reader = self.reader
        if not isinstance(node, Mapping):
            name = reader.text(node, "an action")
            if name is None:
                return None
            if not _ID.fullmatch(name):
                reader.problem(
                    node, f"an action cannot be called '{name}'", "with arguments write `name: {key: value}`"
                )
                return None
            return Call(name, {}, node)
        if len(node) != 1:
            reader.problem(node, "an action is one name with its arguments", "begin each action with its own '- '")
            return None
        key, value = next(iter(node))
        if key.text == "raise":
            event = reader.text(value, "the event to raise")
            if event is not None and (not _EVENT.fullmatch(event) or event.endswith("*")):
                reader.problem(value, f"an event cannot be called '{event}'")
                return None
            return None if event is None else Raise(event, value)
        if key.text in ("send", "assign", "script", "cancel", "foreach", "if"):
            reader.problem(key, f"'{key.text}' cannot be used in a toy", keys.NOT_ALLOWED[key.text])
            return None
        if not self._is_id(key, "an action"):
            return None
        if isinstance(value, Mapping):
            return Call(key.text, {name.text: argument for name, argument in value}, key)
        return Call(key.text, {"": value}, key)

    def _activities(self, node: Node | None) -> tuple[Call, ...]:
        found = []
        for action in self._actions(node):
            if isinstance(action, Raise):
                self.reader.problem(action.at, "'raise' is no activity", "put it into enter, exit or on")
            else:
                found.append(action)
        return tuple(found)

    def _guards(self, mapping: Mapping, key: str) -> tuple[Guard, ...]:
        node = mapping.get(key)
        found = []
        for item in () if node is None else self.reader.one_or_many(node):
            text = self.reader.text(item, f"'{key}'")
            if text is None:
                continue
            try:
                found.append(Guard(text, guards.parse(text), item))
            except guards.GuardSyntaxError as caught:
                hint = "a guard is made of names, not, and, or, brackets and In('state')"
                self.reader.problem(item, f'the guard "{text}" {caught}', hint)
        return tuple(found)

    # -- transitions ----------------------------------------------------------------------

    def _transitions(self, node: Node | None, id_: str) -> tuple[Transition, ...]:
        if node is None:
            return ()
        items = (node,) if isinstance(node, Mapping) else self.reader.sequence(node, f"the transitions of '{id_}'")
        return tuple(t for item in items or () if (t := self._transition(item, keys.TRANSITION_KEYS, ())))

    def _transition(self, node: Node, allowed: dict[str, keys.Fragment], events: tuple[str, ...]) -> Transition | None:
        self._refuse_foreign_keys(node)
        mapping = self.reader.mapping(node, "a transition", allowed=allowed.keys() | keys.NOT_ALLOWED.keys())
        if mapping is None:
            return None
        event_at = mapping.get("event") or node
        if "event" in allowed and "event" in mapping:
            events = self._events(event_at)
        target_at = mapping.get("target") or node
        targets = (self.reader.text(target_at, "the target") or "").split() if "target" in mapping else []
        transition = Transition(
            events=events,
            targets=tuple(targets),
            cond=self._guards(mapping, "cond"),
            unless=self._guards(mapping, "unless"),
            on=self._actions(mapping.get("on")),
            internal=self._flag(mapping, "internal"),
            at=node,
            event_at=event_at,
            target_at=target_at,
        )
        if not targets and not transition.on:
            self.reader.problem(node, "this transition does nothing", "give it a target, or actions in 'on'")
        elif not targets and not events and "event" not in mapping:
            self.reader.problem(node, "a transition without event and target would be taken for ever")
        return transition

    def _events(self, node: Node) -> tuple[str, ...]:
        events = (self.reader.text(node, "the event") or "").split()
        for event in events:
            if not _EVENT.fullmatch(event):
                self.reader.problem(node, f"an event cannot be called '{event}'", "events look like button.pressed")
        return tuple(events)

    def _timers(self, state: Mapping, id_: str) -> Iterator[Timer]:
        node = state.get("after")
        mapping = None if node is None else self.reader.mapping(node, f"'after' of '{id_}'")
        for key, value in mapping or ():
            named = self.durations.get(key.text)
            seconds = named.seconds if named else parse_duration(key.text)
            if seconds is None or seconds <= 0:
                hint = did_you_mean(key.text, self.durations.keys()) or "write 250ms, 2s or a name from 'durations'"
                self.reader.problem(key, f"'{key.text}' is no duration", hint)
                continue
            event = f"timer.{id_}.{key.text.replace('.', '_')}"
            items = self.reader.one_or_many(value)
            if not items:
                self.reader.problem(key, f"the timer '{key.text}' leads nowhere", "write {target: some_state}")
            made = [self._transition(item, keys.TIMER_TRANSITION_KEYS, (event,)) for item in items]
            yield Timer(event, key.text, seconds, tuple(t for t in made if t), key)

    def _histories(self, state: Mapping, id_: str) -> Iterator[History]:
        node = state.get("history")
        mapping = None if node is None else self.reader.mapping(node, f"'history' of '{id_}'")
        for key, value in mapping or ():
            if not self._is_id(key, "a history"):
                continue
            body = self.reader.mapping(value, f"history '{key.text}'", allowed=keys.HISTORY_KEYS)
            type_node = body.get("type") if body else None
            kind = "shallow" if type_node is None else self.reader.choice(type_node, "type", ("shallow", "deep"))
            default = self._transitions(body.get("transitions") if body else None, key.text)
            yield History(key.text, kind == "deep", default, key)

    # -- the chart as a whole -------------------------------------------------------------

    def _check_structure(self, chart: Chart) -> None:
        places: dict[str, Node] = {}
        states = list(chart.walk())
        if len(states) > MAX_STATES:
            self.reader.problem(states[MAX_STATES].at, f"more than {MAX_STATES} states", "divide the chart")
        for state in states:
            for id_, at in [(state.id, state.at), *((remembered.id, remembered.at) for remembered in state.history)]:
                if id_ in places:
                    hint = f"the first is in line {places[id_].line}; every state needs a name of its own"
                    self.reader.problem(at, f"there are two states called '{id_}'", hint)
                places.setdefault(id_, at)
        below = {state.id: {inner.id for inner in state.walk()} for state in states}
        for state in states:
            self._check_state(state)
            for transition in state.all_transitions():
                self._check_targets(state, transition, places, below)
            for remembered in state.history:
                self._check_history(state, remembered, below)

    def _check_state(self, state: State) -> None:
        problem = self.reader.problem
        if state.final and (state.children or list(state.all_transitions()) or state.do):
            problem(state.at, f"'{state.id}' is final: it can have no states, transitions, timers or activities")
        if state.parallel and len(state.children) < 2:
            problem(state.at, f"'{state.id}' is parallel but has fewer than two states inside")
        if state.history and (not state.children or state.parallel):
            problem(
                state.history[0].at, f"'{state.id}' cannot have a history", "only a state that chooses among children"
            )
        names = [call.name for call in state.do]
        for call in state.do:
            if names.count(call.name) > 1 and call is not next(c for c in state.do if c.name == call.name):
                problem(call.at, f"'{state.id}' does '{call.name}' twice")

    def _check_targets(
        self, state: State, transition: Transition, places: dict[str, Node], below: dict[str, set[str]]
    ) -> None:
        for target in transition.targets:
            if target not in places:
                message = f"no state is called '{target}'"
                self.reader.problem(transition.target_at, message, did_you_mean(target, places.keys()))
        if transition.internal and not all(target in below[state.id] for target in transition.targets):
            self.reader.problem(transition.at, f"an internal transition must stay inside '{state.id}'")
        for guard in (*transition.cond, *transition.unless):
            for asked in guard.states:
                if asked not in below:
                    self.reader.problem(guard.at, f"no state is called '{asked}'", did_you_mean(asked, below.keys()))

    def _check_history(self, state: State, remembered: History, below: dict[str, set[str]]) -> None:
        if len(remembered.default) != 1 or len(remembered.default[0].targets) != 1:
            hint = "transitions: [{target: some_state}]"
            self.reader.problem(remembered.at, f"history '{remembered.id}' needs one default to go to", hint)
            return
        default = remembered.default[0]
        inside = below[state.id] - {state.id}
        if default.targets[0] not in inside:
            hint = did_you_mean(default.targets[0], inside)
            self.reader.problem(default.target_at, f"'{default.targets[0]}' is not inside '{state.id}'", hint)
        if default.events or default.cond or default.unless:
            self.reader.problem(default.at, "the default of a history has neither event nor guards")
