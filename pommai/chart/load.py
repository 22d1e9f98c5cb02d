"""`statechart.yaml` -> Chart. Finds everything that can be wrong with the form of the file.

Names of events, actions, guards, activities and light patterns are looked up later, in
`pommai.chart.check`, by whoever knows which of them exist.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from pommai.chart import guards, keys, properties
from pommai.chart.model import Action, Call, Chart, Duration, History, Led, Raise, State, Timer, Transition
from pommai.chart.structure import check_structure
from pommai.hints import did_you_mean, meant_duration, quote
from pommai.source import Mapping, Node, Reader, Scalar, meant_keys

_DURATION = re.compile(keys.DURATION)
_OWN_EVENTS = ("timer.", "done.")
_EVENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*(\.\*)?")
_HISTORY_HINT = "write {transitions: [{target: some_state}]}"


def read_chart(reader: Reader) -> Chart | None:
    """Read a chart, noting problems with the reader. What has one is left out; None when nothing can be read."""
    return _Loader(reader).chart()


def load_chart(reader: Reader) -> Chart:
    """Read a chart. Raises ChartError with every problem of form that the file has."""
    chart = read_chart(reader)
    reader.finish()
    assert chart is not None, "a chart without problems was read"
    return chart


class _Loader:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.durations: dict[str, Duration] = {}

    def chart(self) -> Chart | None:
        reader = self.reader
        root = self._mapping(reader.root, "the chart", keys.DOCUMENT_KEYS, "states")
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
            resting=properties.read_resting(reader, root),
            properties=properties.read_properties(reader, root, self.durations),
            assumptions=properties.read_assumptions(reader, root),
        )
        check_structure(chart, reader)
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
            if self._is_id(key, "a duration"):
                # One that is wrong is known all the same: whoever uses its name has made no mistake.
                seconds = self.reader.duration(value, f"'{key.text}'") or 1.0
                found[key.text] = Duration(key.text, seconds, key)
        return found

    def _is_id(self, key: Scalar, what: str) -> bool:
        if keys.is_id(key.text):
            return True
        message = f"{what} cannot be called {quote(key.text)}"
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
            # One whose name is wrong is known all the same: whoever says where to go has made no mistake.
            if not self._is_id(key, "a state") and not key.text.isprintable():
                continue
            if state := self._state(key, value, parent, depth):
                states.append(state)
        begin = [state for state in states if state.initial]
        for state in begin[1:] if not parallel else begin:
            why = "all states of a parallel state are active" if parallel else f"'{begin[0].id}' is already"
            self.reader.problem(state.at, f"'{state.id}' cannot be initial: {why}")
        return tuple(states)

    def _state(self, key: Scalar, node: Node, parent: str | None, depth: int) -> State | None:
        id_ = key.text
        mapping = self._mapping(node, f"state '{id_}'", keys.STATE_KEYS)
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

    def _mapping(
        self, node: Node, what: str, allowed: Collection[str], *required: str, hint: str = ""
    ) -> Mapping | None:
        """A mapping with these keys. Keys of other statechart languages get a hint of their own, not a guess."""
        if hint and not isinstance(node, Mapping) and not (isinstance(node, Scalar) and node.is_empty):
            self.reader.problem(node, f"{what} must be a mapping of keys to values", hint)
            return None
        for key, _ in node if isinstance(node, Mapping) else ():
            if key.text not in allowed:
                self._foreign_key(key, what, allowed)
        meant = meant_keys(node, allowed) if isinstance(node, Mapping) and required else ()
        return self.reader.mapping(node, what, required=[name for name in required if name not in meant])

    def _foreign_key(self, key: Scalar, what: str, allowed: Collection[str]) -> None:
        other = keys.OTHER_WORDS.get(key.text)
        message = f"{what} has no key {quote(key.text)}"
        if other in allowed:
            self.reader.problem(key, message, f"write `{other}`")
        elif key.text in keys.NOT_ALLOWED:
            self.reader.problem(key, f"'{key.text}' cannot be used in a toy", keys.NOT_ALLOWED[key.text])
        elif key.text in keys.ELSEWHERE:
            self.reader.problem(key, message, keys.ELSEWHERE[key.text])
        else:
            self.reader.problem(key, message, did_you_mean(key.text, allowed))

    def _led(self, state: Mapping, id_: str) -> Led | None:
        node = state.get("led")
        if node is None:
            return None
        what = f"the led of '{id_}'"
        if not isinstance(node, Mapping):
            name = self.reader.text(node, what)
            return None if name is None else Led(name, 0, node)
        mapping = self._mapping(node, what, keys.LED_KEYS, "pattern")
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
            if name == "raise":
                reader.problem(node, "'raise' needs an event", "write `raise: some.event`")
                return None
            if not keys.is_id(name):
                hint = "with arguments write `name: {key: value}`"
                reader.problem(node, f"an action cannot be called {quote(name)}", hint)
                return None
            return Call(name, {}, node)
        if len(node) != 1:
            reader.problem(node, "an action is one name with its arguments", "begin each action with its own '- '")
            return None
        key, value = next(iter(node))
        if key.text == "raise":
            return self._raise(value)
        if key.text in ("send", "assign", "script", "cancel", "foreach", "if"):
            reader.problem(key, f"'{key.text}' cannot be used in a toy", keys.NOT_ALLOWED[key.text])
            return None
        if not self._is_id(key, "an action"):
            return None
        if isinstance(value, Mapping):
            return Call(key.text, {name.text: (name, argument) for name, argument in value}, key)
        return Call(key.text, {"": (value, value)}, key)

    def _raise(self, node: Node) -> Raise | None:
        event = self.reader.text(node, "the event to raise")
        if event is None:
            return None
        if not _EVENT.fullmatch(event) or event.endswith("*"):
            self.reader.problem(node, f"an event cannot be called {quote(event)}", "events look like button.pressed")
            return None
        if event.startswith(_OWN_EVENTS):
            self.reader.problem(node, f"'{event}' cannot be raised", "the chart itself emits timer.… and done.…")
            return None
        return Raise(event, node)

    def _activities(self, node: Node | None) -> tuple[Call, ...]:
        found = []
        for action in self._actions(node):
            if isinstance(action, Raise):
                self.reader.problem(action.at, "'raise' is no activity", "put it into enter, exit or on")
            else:
                found.append(action)
        return tuple(found)

    # -- transitions ----------------------------------------------------------------------

    def _transitions(self, node: Node | None, id_: str) -> tuple[Transition, ...]:
        if node is None:
            return ()
        items = (node,) if isinstance(node, Mapping) else self.reader.sequence(node, f"the transitions of '{id_}'")
        return tuple(t for item in items or () if (t := self._transition(item, keys.TRANSITION_KEYS, ())))

    def _transition(self, node: Node, allowed: dict[str, keys.Fragment], events: tuple[str, ...]) -> Transition | None:
        hint = "write {event: …, target: …}" if "event" in allowed else "write {target: some_state}"
        mapping = self._mapping(node, "a transition", allowed, hint=hint)
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
            cond=guards.read(self.reader, mapping, "cond"),
            unless=guards.read(self.reader, mapping, "unless"),
            on=self._actions(mapping.get("on")),
            internal=self._flag(mapping, "internal"),
            at=node,
            event_at=event_at,
            target_at=target_at,
        )
        if any(key.text not in allowed for key, _ in mapping):
            return transition  # what it lacks may be what was misspelt
        if not targets and not transition.on:
            self.reader.problem(node, "this transition does nothing", "give it a target, or actions in 'on'")
        elif not targets and not events and "event" not in mapping:
            self.reader.problem(node, "a transition without event and target would be taken for ever")
        return transition

    def _events(self, node: Node) -> tuple[str, ...]:
        events = (self.reader.text(node, "the event") or "").split()
        for event in events:
            if event == "*":
                self.reader.problem(node, "'*' alone would wait for every event", "name them, or a family: button.*")
            elif not _EVENT.fullmatch(event):
                hint = "events look like button.pressed; several stand with spaces between"
                self.reader.problem(node, f"an event cannot be called {quote(event)}", hint)
        return tuple(event for event in events if _EVENT.fullmatch(event))

    def _timers(self, state: Mapping, id_: str) -> Iterator[Timer]:
        node = state.get("after")
        hint = "write `after: {10s: {target: some_state}}`"
        mapping = None if node is None else self._mapping(node, f"'after' of '{id_}'", _keys_of(node), hint=hint)
        for key, value in mapping or ():
            named = self.durations.get(key.text)
            if named is None and not (key.text and _DURATION.fullmatch(key.text)):
                meant = meant_duration(key.text)
                hint = f"write {meant}" if meant else did_you_mean(key.text, self.durations.keys())
                if not hint or hint.startswith("known"):
                    hint = "write 250ms, 2s, 1m30s or a name from 'durations'"
                self.reader.problem(key, f"{quote(key.text)} is no duration", hint)
                continue
            seconds = named.seconds if named else self.reader.duration(key, f"a timer of '{id_}'")
            event = f"timer.{id_}.{key.text.replace('.', '_')}"
            items = self.reader.one_or_many(value)
            if not items:
                self.reader.problem(key, f"the timer '{key.text}' leads nowhere", "write {target: some_state}")
            made = [self._transition(item, keys.TIMER_TRANSITION_KEYS, (event,)) for item in items]
            yield Timer(event, key.text, seconds or 1.0, tuple(t for t in made if t), key)

    def _histories(self, state: Mapping, id_: str) -> Iterator[History]:
        node = state.get("history")
        mapping = None if node is None else self.reader.mapping(node, f"'history' of '{id_}'")
        for key, value in mapping or ():
            if not self._is_id(key, "a history"):
                continue
            body = self._mapping(value, f"history '{key.text}'", keys.HISTORY_KEYS, hint=_HISTORY_HINT)
            if body is None:
                continue
            type_node = body.get("type")
            kind = "shallow" if type_node is None else self.reader.choice(type_node, "type", ("shallow", "deep"))
            written = body.get("transitions")
            items = () if written is None else self.reader.sequence(written, f"the transitions of '{key.text}'")
            if items is not None and len(items) != 1:
                self.reader.problem(key, f"history '{key.text}' needs one default to go to", _HISTORY_HINT)
            made = [self._transition(item, keys.HISTORY_TRANSITION_KEYS, ()) for item in items or ()]
            yield History(key.text, kind == "deep", tuple(t for t in made if t and t.targets), key)


def _keys_of(node: Node) -> list[str]:
    return [key.text for key, _ in node] if isinstance(node, Mapping) else []
