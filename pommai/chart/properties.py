"""`resting`, `properties` and `assumptions` of a chart: reading them, and looking their names up.

What comes out is a Specification: plain names, ready for `pommai.chart.prove` (see `pommai.chart.specification`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from collections.abc import Mapping as Named

from pommai.chart import guards, keys
from pommai.chart.model import Assumption, Chart, Duration, Guard, Name, Property
from pommai.chart.specification import Assumed, Claim, Specification
from pommai.chart.vocabulary import Vocabulary
from pommai.source import Mapping, Node, Reader, Scalar, did_you_mean

STATES = ("in", "not_in", "from", "not_from", "to", "not_to", "entering")
EVENTS = ("on", "not_on")
CALLS = ("calls", "never_calls")
ACTIVITIES = ("doing", "not_doing", "starts")
LIGHTS = ("light", "not_light")
_CONSEQUENCES = ("to", "not_to", "calls", "never_calls")


# -- reading -------------------------------------------------------------------------------


def read_resting(reader: Reader, root: Mapping) -> tuple[Name, ...]:
    """The states the toy may stay in."""
    return _names(reader, root, "resting")


def read_properties(reader: Reader, root: Mapping, durations: Named[str, Duration]) -> tuple[Property, ...]:
    """Read the properties, noting problems with the reader; what has one is left out."""
    found = []
    for key, node in _entries(reader, root, "properties"):
        what = f"property '{key.text}'"
        read = _one_of(reader, node, what, keys.PROPERTY_KEYS, keys.PROPERTY_KINDS)
        if read is None:
            continue
        mapping, kind = read
        value = dict(_texts(mapping))[kind]
        body = reader.mapping(value, f"'{kind}' of {what}", allowed=keys.PROPERTY_KINDS[kind])
        if body is None:
            continue
        if not len(body):
            reader.problem(value, f"'{kind}' of {what} says nothing", did_you_mean("", keys.PROPERTY_KINDS[kind]))
        within, label = _within(reader, body, durations)
        names = {name: _names(reader, body, name) for name, _ in _texts(body) if name not in ("if", "within")}
        because = _because(reader, mapping, what)
        found.append(Property(key.text, because, kind, key, names, guards.read(reader, body, "if"), within, label))
        _complete(reader, found[-1], "within" in body)
    return tuple(found)


def read_assumptions(reader: Reader, root: Mapping) -> tuple[Assumption, ...]:
    """Read the assumptions, noting problems with the reader."""
    found = []
    for key, node in _entries(reader, root, "assumptions"):
        what = f"assumption '{key.text}'"
        read = _one_of(reader, node, what, keys.ASSUMPTION_KEYS, keys.ASSUMPTION_KINDS)
        if read is None:
            continue
        mapping, kind = read
        together = _names(reader, mapping, "never_together")
        if kind == "never_together" and len(together) < 2:
            reader.problem(key, f"'{kind}' of {what} needs two guards", "write `never_together: [a, b]`")
        found.append(
            Assumption(
                id=key.text,
                because=_because(reader, mapping, what),
                at=key,
                holds=guards.read(reader, mapping, "holds"),
                together=together,
                events=_names(reader, mapping, "on"),
                states=_names(reader, mapping, "in"),
            )
        )
    return tuple(found)


def _entries(reader: Reader, root: Mapping, key: str) -> Iterable[tuple[Scalar, Node]]:
    node = root.get(key)
    mapping = None if node is None else reader.mapping(node, key)
    for name, value in mapping or ():
        if keys.is_id(name.text):
            yield name, value
        else:
            message = f"one of the {key} cannot be called '{name.text}'"
            reader.problem(name, message, "use letters, digits and _, and no digit first")


def _one_of(
    reader: Reader, node: Node, what: str, allowed: Collection[str], kinds: Collection[str]
) -> tuple[Mapping, str] | None:
    """A mapping that has exactly one of these keys, and which."""
    mapping = reader.mapping(node, what, allowed=allowed, required={"because"})
    if mapping is None:
        return None
    there = [key for key, _ in mapping if key.text in kinds]
    if len(there) != 1:
        if not there and any(key.text not in allowed for key, _ in mapping):
            return None  # a misspelt one has been noted
        at = there[1] if there else node
        reader.problem(at, f"{what} needs exactly one of {', '.join(kinds)}")
        return None
    return mapping, there[0].text


def _because(reader: Reader, mapping: Mapping, what: str) -> str:
    node = mapping.get("because")
    return "" if node is None else reader.text(node, f"the reason of {what}") or ""


def _texts(mapping: Mapping) -> list[tuple[str, Node]]:
    return [(key.text, value) for key, value in mapping]


def _names(reader: Reader, mapping: Mapping, key: str) -> tuple[Name, ...]:
    node = mapping.get(key)
    if node is None:
        return ()
    items = reader.one_or_many(node)
    if not items:
        reader.problem(node, f"'{key}' is empty", "write a name, or take the key away")
    return tuple(Name(text, item) for item in items if (text := reader.text(item, f"'{key}'")) is not None)


def _within(reader: Reader, body: Mapping, durations: Named[str, Duration]) -> tuple[float | None, str]:
    node = body.get("within")
    if node is None:
        return None, ""
    if isinstance(node, Scalar) and node.text in durations:
        return durations[node.text].seconds, node.text
    return reader.duration(node, "'within'", names=durations), ""


def _complete(reader: Reader, made: Property, timed: bool) -> None:
    """Does the property say something?"""
    if made.kind == "always" and not any(key in made.names for key in _CONSEQUENCES):
        reader.problem(made.at, f"'{made.id}' says when, but not what", f"write one of {', '.join(_CONSEQUENCES)}")
    if made.kind == "always" and timed and "to" not in made.names:
        reader.problem(made.at, f"'{made.id}' says within what time, but not where to", "write `to`")
    if made.kind == "returns" and not timed:
        reader.problem(made.at, f"'{made.id}' needs `within`", "write `within: 1m`")
    if made.kind == "only":
        if not {"calls", "starts"} & made.names.keys():
            reader.problem(made.at, f"'{made.id}' says when, but not what", "write `calls` or `starts`")
        if not made.names.keys() - {"calls", "starts", "but"} and not made.condition:
            reader.problem(made.at, f"'{made.id}' says what, but not when", "write one of from, to, on, if")


# -- looking names up ----------------------------------------------------------------------


def specify(chart: Chart, reader: Reader, vocabulary: Vocabulary) -> Specification:
    """Look every name up, noting problems with the reader."""
    return _Specifier(chart, reader, vocabulary).run()


class _Specifier:
    def __init__(self, chart: Chart, reader: Reader, vocabulary: Vocabulary) -> None:
        self.chart, self.reader, self.vocabulary = chart, reader, vocabulary
        states = list(chart.walk())
        self.ids = {state.id for state in states}
        self.timers = {timer.event for state in states for timer in state.after}
        self.actions = {name: signature.effects for name, signature in vocabulary.actions.items()}
        self.activities = {name: signature.effects for name, signature in vocabulary.activities.items()}

    def run(self) -> Specification:
        return Specification(
            outside=self.vocabulary.events,
            resting=frozenset().union(*self.each(self.chart.resting, self.state)),
            claims=tuple(self.claim(one) for one in self.chart.properties),
            assumptions=tuple(self.assumed(one) for one in self.chart.assumptions),
        )

    def claim(self, one: Property) -> Claim:
        names = {key: self.each(written, self.lookup(key)) for key, written in one.names.items()}
        but = frozenset().union(*names.pop("but", ()))
        for key in (*CALLS, *ACTIVITIES):
            if key in names:
                names[key] = tuple(item - but for item in names[key])
        known: Collection[str] = () if one.kind == "never" else self.vocabulary.guards.keys()
        self.conditions(one.condition, known, "a situation has states only: In('idle')" if not known else "")
        if one.kind == "returns" and "to" not in one.names and not self.chart.resting:
            self.reader.problem(one.at, f"'{one.id}' does not say where to", "write `to`, or `resting` at the top")
        condition = tuple(guard.tokens for guard in one.condition)
        return Claim(one.id, one.because, one.kind, one.at.line, names, condition, one.within)

    def assumed(self, one: Assumption) -> Assumed:
        self.conditions(one.holds, self.vocabulary.guards.keys(), "")
        for name in one.together:
            self.find(name, "guard", self.vocabulary.guards.keys())
        pairs = [(a.text, b.text) for i, a in enumerate(one.together) for b in one.together[i + 1 :]]
        return Assumed(
            id=one.id,
            because=one.because,
            holds=(*(guard.tokens for guard in one.holds), *(guards.parse(f"not ({a} and {b})") for a, b in pairs)),
            events=frozenset().union(*self.each(one.events, self.event)) if one.events else None,
            states=frozenset().union(*self.each(one.states, self.state)) if one.states else None,
        )

    def each(self, names: Iterable[Name], look_up: Callable[[Name], frozenset[str]]) -> tuple[frozenset[str], ...]:
        return tuple(look_up(name) for name in names)

    def lookup(self, key: str) -> Callable[[Name], frozenset[str]]:
        if key in STATES:
            return self.state
        if key in EVENTS:
            return self.event
        if key in LIGHTS:
            return self.light
        if key in CALLS:
            return lambda name: self.doer(name, "action", self.actions)
        if key in ACTIVITIES:
            return lambda name: self.doer(name, "activity", self.activities)
        return lambda name: self.doer(name, "action or activity", {**self.actions, **self.activities})

    def find(self, name: Name, kind: str, known: Collection[str]) -> frozenset[str]:
        if name.text not in known:
            self.reader.problem(name.at, f"no {kind} is called '{name.text}'", did_you_mean(name.text, known))
        return frozenset((name.text,))

    def state(self, name: Name) -> frozenset[str]:
        return self.find(name, "state", self.ids)

    def light(self, name: Name) -> frozenset[str]:
        patterns = self.vocabulary.led_patterns
        return frozenset((name.text,)) if patterns is None else self.find(name, "light pattern", patterns)

    def event(self, name: Name) -> frozenset[str]:
        known = self.vocabulary.events | self.timers
        family = frozenset(event for event in known if name.text.endswith(".*") and event.startswith(name.text[:-1]))
        return family or self.find(name, "event", known)

    def doer(self, name: Name, kind: str, known: Named[str, tuple[str, ...]]) -> frozenset[str]:
        """Those that have an effect, or the one of that name."""
        having = frozenset(one for one, effects in known.items() if name.text in effects)
        effects = {effect for effects in known.values() for effect in effects}
        return having or self.find(name, kind, known.keys() | effects)

    def conditions(self, written: Iterable[Guard], known: Collection[str], hint: str) -> None:
        for guard in written:
            for kind, text in guard.tokens:
                if kind == "state" and text not in self.ids:
                    self.reader.problem(guard.at, f"no state is called '{text}'", did_you_mean(text, self.ids))
                elif kind == "name" and text not in known:
                    more = f"to ask for a state write In('{text}')" if text in self.ids else did_you_mean(text, known)
                    self.reader.problem(guard.at, f"no guard is called '{text}'", hint or more)
