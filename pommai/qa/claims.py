"""The chart's `properties`, asked step by step: what `pommai verify` proves of the table, seen while it runs.

Properties about time (`within`, `returns`), and those that hold for every chart and look at all of it, are the prover's
alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pommai.chart.prove_space import Space
from pommai.chart.specification import Claim, Specification
from pommai.qa.situation import Check, Moment

OF_ALL_STEPS: Final = ("comes_to_rest", "no_waiting_for_the_cloud")
"""Of those that hold for every chart: see `pommai.chart.prove_builtin`. The others are in `sound_step`."""


def checks_of(space: Space) -> list[Check]:
    """A check for each property that one step can break."""
    return [_check(space, claim) for claim in space.specification.claims if _in_one_step(claim)]


def left_to_the_prover(specification: Specification) -> list[str]:
    """Properties that no single step breaks: they are not asked here."""
    return [*OF_ALL_STEPS, *(claim.id for claim in specification.claims if not _in_one_step(claim))]


def _in_one_step(claim: Claim) -> bool:
    return claim.kind in ("never", "only") or (claim.kind == "always" and claim.within is None)


def _check(space: Space, claim: Claim) -> Check:
    wrong = {"never": _never, "always": _always, "only": _only}[claim.kind]

    def check(moment: Moment) -> str:
        words = wrong(space, claim, moment)
        if not words or not space.possible(dict(moment.guards), _states(space, moment.before.node), moment.event):
            return ""  # answers that the chart assumes away prove nothing
        return f"{claim.id}: {words} ({claim.because})"

    return check


def _states(space: Space, node: int) -> frozenset[str]:
    return space.active[node] if node >= 0 else frozenset()


def _among(things: Iterable[str], claim: Claim, some: str, none: str) -> bool:
    """One of `some` is there, if any is asked for, and none of `none`."""
    wanted, unwanted, found = claim.any_of(some), claim.any_of(none), frozenset(things)
    return (wanted is None or bool(wanted & found)) and (unwanted is None or not unwanted & found)


def _never(space: Space, claim: Claim, moment: Moment) -> str:
    situation = moment.after
    states = _states(space, situation.node)
    there = (
        _among(states, claim, "in", "not_in")
        and _among((name for _, name in situation.running), claim, "doing", "not_doing")
        and _among(() if situation.shown is None else (situation.shown,), claim, "light", "not_light")
        and space.possible({}, states, "", claim.condition)
    )
    return "this must never be, and is" if there else ""


def _applies(space: Space, claim: Claim, moment: Moment) -> bool:
    before, then = _states(space, moment.before.node), _states(space, moment.after.node)
    on, not_on, entering = claim.any_of("on"), claim.any_of("not_on"), claim.any_of("entering")
    return (
        moment.before.node >= 0
        and _among(before, claim, "from", "not_from")
        and (on is None or moment.event in on)
        and (not_on is None or moment.event not in not_on)
        and (entering is None or bool(entering & (then - before)))
        and (not claim.condition or space.possible(dict(moment.guards), before, moment.event, claim.condition))
    )


def _always(space: Space, claim: Claim, moment: Moment) -> str:
    if not _applies(space, claim, moment):
        return ""
    then = _states(space, moment.after.node)
    to, not_to = claim.any_of("to"), claim.any_of("not_to") or frozenset()
    called = [operation.name for operation in moment.step.operations if operation.kind == "call"]
    if to is not None and not to & then:
        return f"leads to none of {_listed(to)}"
    if not_to & then:
        return f"leads to {_listed(not_to & then)}"
    if bad := (claim.any_of("never_calls") or frozenset()) & frozenset(called):
        return f"calls {_listed(bad)}"
    rest = iter(called)
    for item in claim.names.get("calls", ()):
        if not any(name in item for name in rest):
            return f"does not call {_listed(item)} in its place"
    return ""


def _only(space: Space, claim: Claim, moment: Moment) -> str:
    meant = {"call": claim.any_of("calls") or frozenset(), "start": claim.any_of("starts") or frozenset()}
    done = {o.name for o in moment.step.operations if o.name in meant.get(o.kind, ())}
    if not done:
        return ""
    before, then = _states(space, moment.before.node), _states(space, moment.after.node)
    on, not_on = claim.any_of("on"), claim.any_of("not_on") or frozenset()
    allowed = (
        _among(before, claim, "from", "not_from")
        and _among(then, claim, "to", "not_to")
        and (on is None or moment.event in on)
        and moment.event not in not_on
        and not (
            claim.condition
            and moment.before.node >= 0
            and space.possible(dict(moment.guards), before, moment.event, claim.condition, broken=True)
        )
    )
    return "" if allowed else f"does {_listed(done)}, which is not allowed here"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
