"""What a picture of a chart shows, in words: arrows between states, and what is written inside each state.

`pommai.chart.diagram_mermaid` and `pommai.chart.diagram_dot` draw it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pommai.chart.model import Action, Call, Chart, Guard, Raise, State, Timer, Transition
from pommai.source import Mapping, Node, Scalar, Sequence

LONGEST_WORDS = 36
"""Characters of an argument that are shown."""


@dataclass(frozen=True, slots=True)
class Label:
    """Why a transition is taken and what is done on the way."""

    event: str
    """`button.pressed`; empty when a guard alone decides. A timer's is its time: `30 s`."""
    guard: str
    actions: tuple[str, ...]
    timer: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """All transitions from one state to another. `target` may be a history."""

    source: str
    target: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Reaction:
    """A transition that is written inside its state: it stays, begins the state anew, or leads into its inside."""

    label: Label
    target: str
    """Empty when it stays."""


@dataclass(frozen=True, slots=True)
class Face:
    """What is written inside a state."""

    activities: tuple[str, ...]
    enter: tuple[str, ...]
    exit: tuple[str, ...]
    reactions: tuple[Reaction, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All arrows, in document order, and the face of every state."""

    arrows: tuple[Arrow, ...]
    faces: dict[str, Face]


def picture(chart: Chart) -> Picture:
    """What to draw of a chart."""
    arrows: dict[tuple[str, str], list[Label]] = {}
    faces = {}
    for state in chart.walk():
        inside = {inner.id for inner in state.walk()} | {h.id for inner in state.walk() for h in inner.history}
        reactions = []
        for transition, label in _labelled(state):
            for target in transition.targets or ("",):
                if not target or target in inside:
                    reactions.append(Reaction(label, target))
                else:
                    arrows.setdefault((state.id, target), []).append(label)
        faces[state.id] = Face(
            activities=tuple(_call(call) for call in state.do),
            enter=tuple(_action(action) for action in state.enter),
            exit=tuple(_action(action) for action in state.exit),
            reactions=tuple(reactions),
        )
    found = tuple(Arrow(source, target, tuple(labels)) for (source, target), labels in arrows.items())
    return Picture(found, faces)


def begins(states: tuple[State, ...]) -> State:
    """The state of several in which it begins."""
    return next((state for state in states if state.initial), states[0])


def _labelled(state: State) -> Iterator[tuple[Transition, Label]]:
    timers: dict[int, Timer] = {id(t): timer for timer in state.after for t in timer.transitions}
    for transition in state.all_transitions():
        timer = timers.get(id(transition))
        event = duration(timer.seconds) if timer else " or ".join(_event(event) for event in transition.events)
        guards = [_guard(guard) for guard in transition.cond]
        guards += [_negated(guard) for guard in transition.unless]
        actions = tuple(_action(action) for action in transition.on)
        yield transition, Label(event, " and ".join(guards), actions, timer is not None)


def duration(seconds: float) -> str:
    """A duration for people: `250 ms`, `30 s`, `2 min`, `1 h 30 min`.

    >>> duration(0.25), duration(90.0), duration(3600.0)
    ('250 ms', '1 min 30 s', '1 h')
    """
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [(hours, "h"), (minutes, "min"), (round(rest, 3), "s")]
    return " ".join(f"{number:g} {unit}" for number, unit in parts if number)


def _event(event: str) -> str:
    return f"{event.removeprefix('done.state.')} done" if event.startswith("done.state.") else event


def _guard(guard: Guard) -> str:
    words = []
    for kind, text in guard.tokens:
        words.append(f"in {text}" if kind == "state" else text)
    return " ".join(words).replace("( ", "(").replace(" )", ")").replace("not in ", "not in ")


def _negated(guard: Guard) -> str:
    text = _guard(guard)
    return f"not {text}" if len(guard.tokens) == 1 else f"not ({text})"


def _action(action: Action) -> str:
    return f"raise {action.event}" if isinstance(action, Raise) else _call(action)


def _call(call: Call) -> str:
    arguments = [f"{name}: {_words(node)}" if name else _words(node) for name, (_, node) in call.written.items()]
    return " ".join([call.name, ", ".join(arguments)]).strip()


def _words(node: Node) -> str:
    if isinstance(node, Scalar):
        text = " ".join(node.text.split())
        return text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS].rstrip()}…"
    return "…" if isinstance(node, Sequence | Mapping) else ""
