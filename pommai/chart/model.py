"""A statechart as its author wrote it, checked for form, with every part knowing its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pommai.nodes import Node

Value = str | int | float | bool
"""What an action may get as an argument, once checked; durations are in seconds."""


@dataclass(frozen=True, slots=True)
class Call:
    """An action or activity with what was written as its arguments.

    `written` holds (key, value) of each named argument; a single unnamed one stands under "", as both.
    """

    name: str
    written: Mapping[str, tuple[Node, Node]]
    at: Node


@dataclass(frozen=True, slots=True)
class Raise:
    """The built-in `raise: event`: an event for the chart itself, taken before any other."""

    event: str
    at: Node


Action = Call | Raise


@dataclass(frozen=True, slots=True)
class Led:
    """The pattern shown while a state is active. The highest priority wins."""

    pattern: str
    priority: int
    at: Node


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard expression: names, `not`, `and`, `or`, brackets and In('state').

    `tokens` is the expression cut into (kind, text), kind being name, state or word.
    """

    text: str
    tokens: tuple[tuple[str, str], ...]
    at: Node

    @property
    def names(self) -> list[str]:
        """Guard names in the order written."""
        return [text for kind, text in self.tokens if kind == "name"]

    @property
    def states(self) -> list[str]:
        """States asked for with In(...)."""
        return [text for kind, text in self.tokens if kind == "state"]


@dataclass(frozen=True, slots=True)
class Transition:
    """A way from a state. Without events it is taken as soon as its guards hold.

    `targets` is empty when the transition stays where it is and only runs its actions.
    """

    events: tuple[str, ...]
    targets: tuple[str, ...]
    cond: tuple[Guard, ...]
    unless: tuple[Guard, ...]
    on: tuple[Action, ...]
    internal: bool
    at: Node
    event_at: Node
    target_at: Node


@dataclass(frozen=True, slots=True)
class Timer:
    """`after`: starts when its state is entered, is cancelled when the state is left."""

    event: str
    """The event it fires, `timer.STATE.DURATION`."""
    label: str
    """The duration as written: `10s`, or a name from `durations`."""
    seconds: float
    transitions: tuple[Transition, ...]
    at: Node


@dataclass(frozen=True, slots=True)
class History:
    """Remembers which children were active when its parent was left last."""

    id: str
    deep: bool
    default: tuple[Transition, ...]
    at: Node


@dataclass(frozen=True, slots=True)
class State:
    """A state with all it does. `depth` counts from 0 at the top."""

    id: str
    parent: str | None
    depth: int
    at: Node
    description: str = ""
    initial: bool = False
    final: bool = False
    parallel: bool = False
    led: Led | None = None
    enter: tuple[Action, ...] = ()
    exit: tuple[Action, ...] = ()
    do: tuple[Call, ...] = ()
    after: tuple[Timer, ...] = ()
    transitions: tuple[Transition, ...] = ()
    children: tuple[State, ...] = ()
    history: tuple[History, ...] = ()

    def walk(self) -> Iterator[State]:
        """This state and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all_transitions(self) -> Iterator[Transition]:
        """Its own transitions and its timers', in the order they are tried."""
        yield from self.transitions
        for timer in self.after:
            yield from timer.transitions

    def all_actions(self) -> Iterator[Action]:
        """Every action written in this state."""
        yield from self.enter
        yield from self.exit
        for transition in self.all_transitions():
            yield from transition.on
        for remembered in self.history:
            for transition in remembered.default:
                yield from transition.on


@dataclass(frozen=True, slots=True)
class Duration:
    """A named time of the chart."""

    name: str
    seconds: float
    at: Node


@dataclass(frozen=True, slots=True)
class Name:
    """A name of something, as written in a property."""

    text: str
    at: Node


@dataclass(frozen=True, slots=True)
class Property:
    """What must always hold. `kind` is one of keys.PROPERTY_KINDS and says what the names mean.

    `names` holds what stands under each key that takes names; all of `condition` must hold; `within` is in seconds.
    """

    id: str
    because: str
    kind: str
    at: Node
    names: Mapping[str, tuple[Name, ...]]
    condition: tuple[Guard, ...] = ()
    within: float | None = None
    within_label: str = ""
    """As written: `10s`, or a name from `durations`."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is taken for granted about the answers of guards: on these events, in these states, all of `holds` is true.

    No events: on every event. No states: everywhere. `together` names guards of which at most one holds.
    """

    id: str
    because: str
    at: Node
    holds: tuple[Guard, ...]
    together: tuple[Name, ...] = ()
    events: tuple[Name, ...] = ()
    states: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A whole statechart. `sha256` is the hash of its source text."""

    name: str
    file: str
    sha256: str
    states: tuple[State, ...]
    description: str = ""
    durations: Mapping[str, Duration] = field(default_factory=dict)
    resting: tuple[Name, ...] = ()
    """States in which the toy may stay for ever."""
    properties: tuple[Property, ...] = ()
    assumptions: tuple[Assumption, ...] = ()

    def walk(self) -> Iterator[State]:
        """All states in document order."""
        for state in self.states:
            yield from state.walk()
