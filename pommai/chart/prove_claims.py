"""Does a claim of the chart hold in every situation, on every event, for every answer of the guards?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from pommai.chart.prove_space import Edge, Space, Taken
from pommai.chart.prove_story import Counterexample, tell
from pommai.chart.prove_timers import NEVER, Wait, Waiting
from pommai.chart.specification import Claim
from pommai.chart.table import OTHER


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a property. `words` say what is wrong, or what was found out; `line` is 0 for built-in ones."""

    id: str
    because: str
    kind: str
    line: int
    holds: bool
    words: str = ""
    counterexample: Counterexample | None = None
    seconds: float | None = None
    """The worst case of a property about time."""


def judge(space: Space, claim: Claim) -> Verdict:
    """Prove a claim or find the shortest way to break it. Raises ChartError when its timers are too many to follow."""
    return {"never": _never, "always": _always, "only": _only, "returns": _returns}[claim.kind](space, claim)


def broken(claim: Claim, words: str, story: Counterexample | None = None, seconds: float | None = None) -> Verdict:
    """A claim that does not hold."""
    return Verdict(claim.id, claim.because, claim.kind, claim.line, False, words, story, seconds)


def kept(claim: Claim, seconds: float | None = None, words: str = "") -> Verdict:
    """A claim that holds."""
    return Verdict(claim.id, claim.because, claim.kind, claim.line, True, words, None, seconds)


# -- never: situations ---------------------------------------------------------------------


def _never(space: Space, claim: Claim) -> Verdict:
    if words := _nothing_to_prove(space, claim):
        return broken(claim, words)
    for number, (node, book) in enumerate(space.situations):
        doing = {activity for _, activity in space.books[book].running}
        light = space.books[book].light
        if (
            _among(space.active[node], claim, "in", "not_in")
            and _among(doing, claim, "doing", "not_doing")
            and _among(() if light is None else (light,), claim, "light", "not_light")
            and space.possible({}, space.active[node], "", claim.condition)
        ):
            words = "this must never be, and is"
            return broken(claim, words, tell(space, space.path(number), words))
    return kept(claim)


def _among(things: Iterable[str], claim: Claim, some: str, none: str) -> bool:
    """One of `some` is there, if any is asked for, and none of `none`."""
    wanted, unwanted = claim.any_of(some), claim.any_of(none)
    found = frozenset(things)
    return (wanted is None or bool(wanted & found)) and (unwanted is None or not unwanted & found)


def _nothing_to_prove(space: Space, claim: Claim) -> str:
    """What a claim forbids must be thinkable: each thing it names happens somewhere."""
    active = frozenset().union(*(space.active[node] for node in space.first))
    doing = {activity for book in space.books for _, activity in book.running}
    shown = {book.light for book in space.books}
    for keys, there, what in (
        (("in",), active, "is never active"),
        (("doing", "not_doing"), doing, "never runs"),
        (("light", "not_light"), shown, "is never shown"),
    ):
        for key in keys:
            for item in claim.names.get(key, ()):
                if not item & there:
                    return f"proves nothing: {', '.join(sorted(item)) or 'what is meant'} {what}"
    return ""


# -- always and only: steps ----------------------------------------------------------------


def _always(space: Space, claim: Claim) -> Verdict:
    wanted, met = claim.any_of("to"), False
    worst, at_worst = -1.0, None
    waiting = Waiting(space, lambda node: bool((wanted or frozenset()) & space.active[node]))
    found: tuple[int, Edge, str] | None = None
    for situation, edge in _steps(space, claim):
        met = True
        if claim.within is not None:
            for each in _every(space, situation, edge):
                wait = waiting.after(each, edge)
                if (took := waiting.worst(wait)) > worst:
                    worst, at_worst = took, (each, edge, wait)
        elif (found is None or situation < found[0]) and (words := _wrong(space, claim, edge)):
            found = (situation, edge, words)
    if not met:
        return broken(claim, "proves nothing: this never happens")
    if found is not None:
        situation, edge, words = found
        edges = [*space.path(situation), edge] if situation >= 0 else [edge]
        return broken(claim, words, tell(space, edges, words))
    if at_worst is not None and claim.within is not None and worst > claim.within * 1e6:
        situation, edge, wait = at_worst
        words = _late(worst, wanted or frozenset())
        edges = [*space.path(situation), edge, *waiting.path(wait)]
        return broken(claim, words, tell(space, edges, words), _seconds(worst))
    return kept(claim, _seconds(worst) if claim.within is not None else None)


def _every(space: Space, first: int, edge: Edge) -> Iterator[int]:
    """Every situation in which the edge can be taken; `first` is one of them."""
    fired = space.effects[edge.effect].fired
    node = space.situations[first][0]
    for number, (other, book) in enumerate(space.situations):
        pending = space.books[book].timers
        if other == node and (not fired or (fired in pending and not space.sooner[fired] & pending)):
            yield number


_OTHER_THAN_POWER_UP: Final = frozenset(("from", "not_from", "on", "not_on"))


def _steps(space: Space, claim: Claim) -> Iterator[tuple[int, Edge]]:
    """Every step the claim speaks of, with the first situation it can happen in; those that do nothing included.

    What is said of entering states, and not from where or on what, is said of power-up too: its situation is -1.
    """
    if "entering" in claim.names and claim.within is None and not _OTHER_THAN_POWER_UP & claim.names.keys():
        for edge in space.starts:
            here = claim.any_of("entering") or frozenset()
            if here & space.active[edge.step.node] and _possible(space, claim, -1, edge):
                yield -1, edge
    wanted, unwanted = claim.any_of("on"), claim.any_of("not_on") or frozenset()
    for node, situation, edge in _taken(space, claim, wanted):
        if edge.event in unwanted:
            continue
        if _entering(space, claim, node, edge) and _possible(space, claim, node, edge):
            yield situation, edge


def _taken(space: Space, claim: Claim, wanted: frozenset[str] | None) -> Iterator[Taken]:
    nodes = {node for node in space.first if _among(space.active[node], claim, "from", "not_from")}
    for (event, _), edges in space.taken.items():
        if wanted is None or event in wanted:
            yield from (one for one in edges if one[0] in nodes)
    if "entering" in claim.names:
        return
    for node in nodes:
        info = space.table.nodes[node]
        if OTHER not in info.events:
            ignored = space.specification.outside - info.events.keys()
            named = ignored & wanted if wanted is not None else sorted(ignored)[:1]
            for event in sorted(named):
                yield node, space.first[node], Edge(event, (), space.table.nothing(node), 0)


def _entering(space: Space, claim: Claim, node: int, edge: Edge) -> bool:
    entering = claim.any_of("entering")
    return entering is None or bool(entering & space.active[edge.step.node] - space.active[node])


def _possible(space: Space, claim: Claim, node: int, edge: Edge, *, broken: bool = False) -> bool:
    if not claim.condition:
        return not broken
    active = space.active[node] if node >= 0 else frozenset()
    return space.possible(dict(edge.answers), active, edge.event, claim.condition, broken=broken)


def _wrong(space: Space, claim: Claim, edge: Edge) -> str:
    """What a step does that the claim does not let it do; nothing when all is well."""
    after = space.active[edge.step.node]
    wanted, unwanted = claim.any_of("to"), claim.any_of("not_to")
    called = [operation.name for operation in edge.step.operations if operation.kind == "call"]
    if wanted is not None and not wanted & after:
        return f"leads to none of {_listed(wanted)}"
    if unwanted is not None and unwanted & after:
        return f"leads to {_listed(unwanted & after)}"
    if bad := (claim.any_of("never_calls") or frozenset()) & frozenset(called):
        return f"calls {_listed(bad)}"
    rest = iter(called)
    for item in claim.names.get("calls", ()):
        if not any(name in item for name in rest):
            order = " in its place" if item & frozenset(called) else ""
            return f"does not call {_listed(item)}{order}"
    return ""


def _only(space: Space, claim: Claim) -> Verdict:
    named = (*claim.names.get("calls", ()), *claim.names.get("starts", ()))
    meant = {"call": claim.any_of("calls") or frozenset(), "start": claim.any_of("starts") or frozenset()}
    on, not_on = claim.any_of("on"), claim.any_of("not_on") or frozenset()
    found: tuple[int, Edge, str] | None = None
    happened: set[str] = set()
    doing = [frozenset(n for kind, n, _ in e.operations if n in meant.get(kind, ())) for e in space.effects]
    starting = [(-1, -1, edge) for edge in space.starts if doing[edge.effect]]
    before = {node for node in range(len(space.active)) if _among(space.active[node], claim, "from", "not_from")}
    after = {node for node in range(len(space.active)) if _among(space.active[node], claim, "to", "not_to")}
    if _among((), claim, "from", "not_from"):
        before.add(-1)
    for node, situation, edge in chain(starting, *(all_ for (_, e), all_ in space.taken.items() if doing[e])):
        happened |= doing[edge.effect]
        allowed = (
            node in before
            and edge.step.node in after
            and (on is None or edge.event in on)
            and edge.event not in not_on
            and not (node >= 0 and claim.condition and _possible(space, claim, node, edge, broken=True))
        )
        if not allowed and (found is None or situation < found[0]):
            found = (situation, edge, f"does {_listed(doing[edge.effect])}, which is not allowed here")
    for item in named:
        if not item & happened:
            return broken(claim, f"proves nothing: {_listed(item) or 'what is meant'} never happens")
    if found is not None:
        situation, edge, words = found
        edges = [*space.path(situation), edge] if situation >= 0 else [edge]
        return broken(claim, words, tell(space, edges, words))
    return kept(claim)


# -- returns: time -------------------------------------------------------------------------


def _returns(space: Space, claim: Claim) -> Verdict:
    goal = claim.any_of("to") or space.specification.resting
    begin = claim.any_of("from")
    situations = [n for n, (node, _) in enumerate(space.situations) if begin is None or begin & space.active[node]]
    if not situations:
        return broken(claim, f"proves nothing: {_listed(begin or ())} is never active")
    waiting = Waiting(space, lambda node: bool(goal & space.active[node]))
    worst, wait, number = slowest(waiting, situations)
    limit = claim.within if claim.within is not None else NEVER
    if worst > limit * 1e6:
        words = _late(worst, goal)
        return broken(claim, words, tell(space, [*space.path(number), *waiting.path(wait)], words), _seconds(worst))
    return kept(claim, _seconds(worst))


def slowest(waiting: Waiting, situations: Iterable[int]) -> tuple[float, Wait, int]:
    """The situation from which the goal is farthest in time: microseconds, where it begins, its number."""
    found: tuple[float, Wait, int] | None = None
    for number in situations:
        wait = waiting.from_now(number)
        took = waiting.worst(wait)
        if found is None or took > found[0]:
            found = (took, wait, number)
        if took == NEVER:
            break
    assert found is not None, "there is at least one situation"
    return found


def _late(worst: float, goal: Iterable[str]) -> str:
    if worst == NEVER:
        return f"if nobody helps, it may never come to {_listed(goal)}"
    return f"if nobody helps, it may take {worst / 1e6:g} s to come to {_listed(goal)}"


def _seconds(microseconds: float) -> float | None:
    return None if microseconds == NEVER else microseconds / 1e6


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
