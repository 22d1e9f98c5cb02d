"""Charts broken on purpose, to see whether the chart's properties would notice.

Each mutant differs from the chart in one place, as a slip of the hand would have it: a transition is missing or leads
elsewhere, an action or a timer or an activity is gone, a guard means the opposite, two lines have changed places, a
light is another one. Made from the model, so a mutant needs no text of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Final, TypeVar

from pommai.chart.model import Action, Call, Chart, Guard, Led, State, Transition
from pommai.chart.table import OTHER, DecisionTable, Operation, Step, Tree
from pommai.source import Scalar

_T = TypeVar("_T")
SLOW = 10
"""By this factor a timer is made slower."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken chart. `kind` is one of KINDS; `words` says what was done to it, `line` where, counted from 1."""

    kind: str
    words: str
    line: int
    chart: Chart


KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transition dropped": "no property says what this event does here",
        "transition retargeted": "no property says where this leads",
        "transitions swapped": "no property says which of the two comes first",
        "guard negated": "no property says when this is done",
        "guard dropped": "no property says when this is not done",
        "action dropped": "no property asks for this action",
        "actions swapped": "no property says which of the two comes first",
        "activity dropped": "no property asks for this activity",
        "timer dropped": "no property says that this ever ends",
        "timer slowed": "no property says how long this may take",
        "light changed": "no property says what is seen here",
        "light dropped": "no property says what is seen here",
    }
)
"""Every way in which a chart is broken, and why the properties of a chart may not notice."""


def mutants(chart: Chart) -> Iterator[Mutant]:
    """Every mutant of a chart, state by state in document order."""
    for state in chart.walk():
        for kind, words, line, broken in _of_state(chart, state):
            yield Mutant(kind, words, line, _without_idle_durations(_with(chart, broken)))


_Found = Iterator[tuple[str, str, int, State]]


def _of_state(chart: Chart, state: State) -> _Found:
    for kind, words, line, actions in _of_actions(state.enter, f"enter of {state.id}"):
        yield kind, words, line, replace(state, enter=actions)
    for kind, words, line, actions in _of_actions(state.exit, f"exit of {state.id}"):
        yield kind, words, line, replace(state, exit=actions)
    for i, call in enumerate(state.do):
        yield "activity dropped", f"{state.id} without {call.name}", call.at.line, replace(state, do=_less(state.do, i))
    yield from _of_led(chart, state)
    for words, line, kind, transitions in _of_transitions(chart, state, state.transitions):
        yield kind, words, line, replace(state, transitions=transitions)
    for i, timer in enumerate(state.after):
        named = f"{state.id} after {timer.label}"
        line = timer.at.line
        yield "timer dropped", named, line, replace(state, after=_less(state.after, i))
        slow = replace(timer, seconds=timer.seconds * SLOW)
        yield "timer slowed", named, line, replace(state, after=_put(state.after, i, slow))
        for words, line, kind, transitions in _of_transitions(chart, state, timer.transitions):
            if transitions:
                timers = _put(state.after, i, replace(timer, transitions=transitions))
                yield kind, words, line, replace(state, after=timers)


def _of_led(chart: Chart, state: State) -> _Found:
    if state.led is None:
        return
    patterns = sorted({other.led.pattern for other in chart.walk() if other.led} - {state.led.pattern})
    line = state.led.at.line
    if patterns:
        other = Led(patterns[0], state.led.priority, state.led.at)
        yield "light changed", f"{state.id} shows {other.pattern}", line, replace(state, led=other)
    yield "light dropped", f"{state.id} without light", line, replace(state, led=None)


def _of_transitions(
    chart: Chart, state: State, transitions: tuple[Transition, ...]
) -> Iterator[tuple[str, int, str, tuple[Transition, ...]]]:
    for i, transition in enumerate(transitions):
        named, line = _named(state, transition), transition.at.line
        yield named, line, "transition dropped", _less(transitions, i)
        if (target := _another_target(chart, transition)) is not None:
            elsewhere = replace(transition, targets=(target,))
            yield f"{named}: to {target}", line, "transition retargeted", _put(transitions, i, elsewhere)
        for kind, words, guarded in _of_guards(transition):
            yield f"{named}: {words}", line, kind, _put(transitions, i, guarded)
        for kind, words, line, actions in _of_actions(transition.on, named):
            changed = replace(transition, on=actions)
            if changed.targets or changed.on:
                yield words, line, kind, _put(transitions, i, changed)
    for i, (one, next_) in enumerate(pairwise(transitions)):
        words = f"{_named(state, one)} behind {_named(state, next_)}"
        yield words, one.at.line, "transitions swapped", _swapped(transitions, i)


def _of_guards(transition: Transition) -> Iterator[tuple[str, str, Transition]]:
    cond, unless = transition.cond, transition.unless
    for i, guard in enumerate(cond):
        negated = replace(transition, cond=_less(cond, i), unless=(*unless, guard))
        yield "guard negated", f"cond {guard.text}", negated
        yield from _unguarded(replace(transition, cond=_less(cond, i)), guard)
    for i, guard in enumerate(unless):
        negated = replace(transition, unless=_less(unless, i), cond=(*cond, guard))
        yield "guard negated", f"unless {guard.text}", negated
        yield from _unguarded(replace(transition, unless=_less(unless, i)), guard)


def _unguarded(transition: Transition, guard: Guard) -> Iterator[tuple[str, str, Transition]]:
    if transition.events or transition.cond or transition.unless:  # or else it would be taken for ever
        yield "guard dropped", guard.text, transition


def _of_actions(actions: tuple[Action, ...], where: str) -> Iterator[tuple[str, str, int, tuple[Action, ...]]]:
    for i, action in enumerate(actions):
        yield "action dropped", f"{where}: no {_word(action)}", action.at.line, _less(actions, i)
    for i, (one, next_) in enumerate(pairwise(actions)):
        words = f"{where}: {_word(one)} behind {_word(next_)}"
        yield "actions swapped", words, one.at.line, _swapped(actions, i)


def _another_target(chart: Chart, transition: Transition) -> str | None:
    """The sibling that follows the target in the file, around the corner from the last to the first."""
    if len(transition.targets) != 1:
        return None
    (target,) = transition.targets
    families = [chart.states, *(state.children for state in chart.walk() if not state.parallel)]
    for family in families:
        ids = [state.id for state in family]
        if target in ids and len(ids) > 1:
            return ids[(ids.index(target) + 1) % len(ids)]
    return None


def _named(state: State, transition: Transition) -> str:
    events = " ".join(transition.events) or "by itself"
    return f"{state.id} on {events}" if transition.events else f"{state.id} {events}"


def _word(action: Action) -> str:
    return action.name if isinstance(action, Call) else f"raise {action.event}"


# -- charts with one thing changed ---------------------------------------------------------


def _less(items: Sequence[_T], index: int) -> tuple[_T, ...]:
    return (*items[:index], *items[index + 1 :])


def _put(items: Sequence[_T], index: int, item: _T) -> tuple[_T, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _swapped(items: Sequence[_T], index: int) -> tuple[_T, ...]:
    return (*items[:index], items[index + 1], items[index], *items[index + 2 :])


def _with(chart: Chart, state: State) -> Chart:
    """The chart with one state in place of that of its name."""

    def rebuilt(states: tuple[State, ...]) -> tuple[State, ...]:
        return tuple(state if old.id == state.id else replace(old, children=rebuilt(old.children)) for old in states)

    return replace(chart, states=rebuilt(chart.states))


def _without_idle_durations(chart: Chart) -> Chart:
    """A duration nobody uses any more would be reason enough to refuse the chart, and hide what else is wrong."""
    used = {timer.label for state in chart.walk() for timer in state.after}
    used |= {
        node.text
        for state in chart.walk()
        for action in (*state.all_actions(), *state.do)
        if isinstance(action, Call)
        for _, node in action.written.values()
        if isinstance(node, Scalar)
    }
    return replace(chart, durations={name: value for name, value in chart.durations.items() if name in used})


# -- same or not ---------------------------------------------------------------------------


def same_behaviour(one: DecisionTable, other: DecisionTable, *, in_order: bool = True) -> bool:
    """Whether two toys that run these tables can be told apart by what they do, for ever, whatever happens.

    Compared are the operations of each step. Not `in_order`: only which they are. Activities begin and end
    side by side, so their order never counts; nor does that of timers.
    """
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[int, int]] = []

    def meet(first: Tree, second: Tree) -> bool:
        for left, right in _outcomes(first, second, {}):
            if _deeds(left, in_order) != _deeds(right, in_order):
                return False
            if (pair := (left.node, right.node)) not in seen:
                seen.add(pair)
                waiting.append(pair)
        return True

    if not meet(one.start, other.start):
        return False
    while waiting:
        here, there = waiting.pop()
        left, right = _answering(one, here), _answering(other, there)
        events = {*one.nodes[here].events, *other.nodes[there].events, OTHER}
        if not all(meet(left(event), right(event)) for event in sorted(events)):
            return False
    return True


def _answering(table: DecisionTable, index: int) -> Callable[[str], Tree]:
    trees = table.nodes[index].events
    other = trees.get(OTHER) or table.nothing(index)
    return lambda event: trees.get(event) or other


def _outcomes(first: Tree, second: Tree, answers: dict[str, bool]) -> Iterator[tuple[Step, Step]]:
    """The steps of two trees for the same answers of all guards."""
    first, second = _followed(first, answers), _followed(second, answers)
    if not isinstance(first, Step):
        guard = first[0]
    elif not isinstance(second, Step):
        guard = second[0]
    else:
        yield first, second
        return
    for answer in (True, False):
        yield from _outcomes(first, second, {**answers, guard: answer})


def _followed(tree: Tree, answers: dict[str, bool]) -> Tree:
    while not isinstance(tree, Step) and tree[0] in answers:
        tree = tree[1] if answers[tree[0]] else tree[2]
    return tree


def _deeds(step: Step, in_order: bool) -> tuple[object, ...]:
    def plain(operation: Operation) -> tuple[object, ...]:
        return (operation.kind, operation.name, sorted(operation.args.items()), operation.seconds)

    calls = [plain(operation) for operation in step.operations if operation.kind == "call"]
    others = sorted((plain(operation) for operation in step.operations if operation.kind != "call"), key=repr)
    return (tuple(calls if in_order else sorted(calls, key=repr)), tuple(others))
