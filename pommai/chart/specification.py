"""What is promised of a chart, in plain names: made of its `properties`, `resting` and `assumptions`, proved over its
decision table, and written into the compiled chart, so that whoever gets one can prove it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Named
from typing import Any

from msgspec import Struct

from pommai.chart import guards


class Claim(Struct, frozen=True):
    """A property with all names looked up: families of events spelt out, effects turned into who has them.

    `names` gives each key its items in the order written; an item is the set of names that answer to it.
    """

    id: str
    because: str
    kind: str
    line: int
    names: Named[str, tuple[frozenset[str], ...]]
    condition: tuple[guards.Tokens, ...] = ()
    within: float | None = None

    def any_of(self, key: str) -> frozenset[str] | None:
        """All that stands under a key; None when the key is not there."""
        return None if key not in self.names else frozenset().union(*self.names[key])


class Assumed(Struct, frozen=True):
    """An assumption with all names looked up. None: on every event; in every state."""

    id: str
    because: str
    holds: tuple[guards.Tokens, ...]
    events: frozenset[str] | None = None
    states: frozenset[str] | None = None


class Specification(Struct, frozen=True):
    """What is to be proved of a chart, and what may be assumed."""

    outside: frozenset[str] = frozenset()
    """Events that devices emit: any of them may come at any time."""
    resting: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()
    assumptions: tuple[Assumed, ...] = ()


def wrong_assumptions(
    specification: Specification, states: frozenset[str], event: str, ask: Callable[[str], bool]
) -> list[str]:
    """The assumptions that are not true: in these states, on this event, with guards answering as `ask` does."""

    def holds(kind: str, text: str) -> bool:
        return ask(text) if kind == "name" else text in states

    return [
        f"{one.id} is assumed, and not so, in {', '.join(sorted(states))} on {event} ({one.because})"
        for one in specification.assumptions
        if (one.events is None or event in one.events) and (one.states is None or one.states & states)
        if not all(guards.evaluate(tokens, holds) for tokens in one.holds)
    ]


# -- in a file -----------------------------------------------------------------------------


def as_json(specification: Specification) -> dict[str, Any]:
    """The specification in JSON values; the same one always gives the same text."""
    return {
        "outside": sorted(specification.outside),
        "resting": sorted(specification.resting),
        "claims": [
            {
                "id": claim.id,
                "because": claim.because,
                "kind": claim.kind,
                "line": claim.line,
                "names": {key: [sorted(item) for item in items] for key, items in claim.names.items()},
                "condition": _written(claim.condition),
                "within": claim.within,
            }
            for claim in specification.claims
        ],
        "assumptions": [
            {
                "id": one.id,
                "because": one.because,
                "holds": _written(one.holds),
                "events": None if one.events is None else sorted(one.events),
                "states": None if one.states is None else sorted(one.states),
            }
            for one in specification.assumptions
        ],
    }


def from_json(document: Any) -> Specification:
    """What `as_json` wrote. Raises KeyError, TypeError, ValueError or AttributeError when it is something else."""
    return Specification(
        outside=_names(document["outside"]),
        resting=_names(document["resting"]),
        claims=tuple(
            Claim(
                id=str(claim["id"]),
                because=str(claim["because"]),
                kind=str(claim["kind"]),
                line=int(claim["line"]),
                names={str(key): tuple(_names(item) for item in items) for key, items in claim["names"].items()},
                condition=_read(claim["condition"]),
                within=None if claim["within"] is None else float(claim["within"]),
            )
            for claim in document["claims"]
        ),
        assumptions=tuple(
            Assumed(
                id=str(one["id"]),
                because=str(one["because"]),
                holds=_read(one["holds"]),
                events=None if one["events"] is None else _names(one["events"]),
                states=None if one["states"] is None else _names(one["states"]),
            )
            for one in document["assumptions"]
        ),
    )


def _written(conditions: Iterable[guards.Tokens]) -> list[list[list[str]]]:
    return [[list(token) for token in tokens] for tokens in conditions]


def _read(conditions: Any) -> tuple[guards.Tokens, ...]:
    return tuple(tuple((str(kind), str(text)) for kind, text in tokens) for tokens in conditions)


def _names(written: Any) -> frozenset[str]:
    if not isinstance(written, list):
        raise TypeError("names stand in a list")
    return frozenset(map(str, written))
