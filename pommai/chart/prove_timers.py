"""How long can it take, when nothing happens but timers running out? The worst case, over all answers of guards.

Time is counted in whole microseconds. For every pending timer a window is known in which it runs out: exact for a timer
that is started on the way, and anything up to its duration for one that is pending at the beginning. The windows are
kept relative to now, so that a situation met again with the same windows will go on as it did before: for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pommai.chart.prove_space import Edge, Space
from pommai.errors import ChartError, Problem

MAX_MOMENTS = 200_000
"""Most (situation, windows) that are looked at."""
NEVER = float("inf")

Window = tuple[str, int, int]
"""(timer, earliest, latest) in microseconds from now."""


class Wait(NamedTuple):
    """Somewhere in time: the node, how much earlier it may be than now (not above 0), what is pending."""

    node: int
    earliest: int
    windows: tuple[Window, ...]


@dataclass(slots=True)
class _Open:
    """A wait whose ways on are being looked at."""

    wait: Wait
    ways: list[tuple[int, Edge, Wait]]
    best: float = 0
    way: tuple[Edge, Wait] | None = None
    next: int = 0


@dataclass(slots=True)
class Waiting:
    """Answers `worst` for one goal, and remembers what it has found out."""

    space: Space
    is_goal: Callable[[int], bool]
    """Whether a node is where the toy is to come to."""
    _worst: dict[Wait, float] = field(default_factory=dict)
    _way: dict[Wait, tuple[Edge, Wait] | None] = field(default_factory=dict)

    def worst(self, wait: Wait) -> float:
        """Microseconds until the goal is reached at the latest; NEVER when it may not be.

        Raises ChartError when there are more than MAX_MOMENTS to look at.
        """
        opened: dict[Wait, None] = {}
        stack: list[_Open] = []

        def enter(wait: Wait) -> None:
            opened[wait] = None
            stack.append(_Open(wait, self._ways(wait)))

        if wait not in self._worst:
            enter(wait)
        while stack:
            top = stack[-1]
            if top.next < len(top.ways) and top.best < NEVER:
                elapsed, edge, following = top.ways[top.next]
                if following in self._worst or following in opened:
                    # What is open already comes round again: the goal is never reached.
                    total = elapsed + self._worst.get(following, NEVER)
                    if top.way is None or total > top.best:
                        top.best, top.way = total, (edge, following)
                    top.next += 1
                else:
                    enter(following)
                continue
            stack.pop()
            del opened[top.wait]
            stuck = not top.ways and not self.is_goal(top.wait.node)
            self._worst[top.wait] = NEVER if stuck else top.best
            self._way[top.wait] = top.way
            if len(self._worst) > MAX_MOMENTS:
                raise ChartError([Problem(self.space.table.name, 1, 1, self._too_many(top.wait))])
        return self._worst[wait]

    def path(self, wait: Wait) -> list[Edge]:
        """The edges of the worst way from a wait whose `worst` is known, up to where it comes round again."""
        edges: list[Edge] = []
        seen = set()
        while wait not in seen and (way := self._way.get(wait)) is not None:
            seen.add(wait)
            edges.append(way[0])
            wait = way[1]
        return edges

    def _too_many(self, wait: Wait) -> str:
        timers = ", ".join(timer for timer, _, _ in wait.windows)
        return f"timers run out in more than {MAX_MOMENTS:,} different orders; pending together are {timers}"

    def _ways(self, wait: Wait) -> list[tuple[int, Edge, Wait]]:
        """What can happen next: how much later, by what, and then."""
        if self.is_goal(wait.node) or not wait.windows:
            return []
        space = self.space
        latest = min(window[2] for window in wait.windows)
        pending = frozenset(window[0] for window in wait.windows)
        ways = []
        for edge in space.edges[wait.node]:
            fired = space.effects[edge.effect].fired
            if fired not in pending or space.sooner[fired] & pending:
                continue
            (lowest,) = (low for timer, low, _ in wait.windows if timer == fired)
            earliest = max(wait.earliest, lowest)
            if earliest <= latest:
                ways.append((latest, edge, self._then(wait, edge, earliest, latest)))
        return ways

    def _then(self, wait: Wait, edge: Edge, earliest: int, latest: int) -> Wait:
        effect = self.space.effects[edge.effect]
        windows = {
            t: (max(low, earliest) - latest, high - latest) for t, low, high in wait.windows if t != effect.fired
        }
        return Wait(edge.step.node, earliest - latest, self.windows(windows, edge, earliest - latest))

    def windows(self, pending: dict[str, tuple[int, int]], edge: Edge, earliest: int) -> tuple[Window, ...]:
        """The windows after an edge's operations; timers it starts count from now, or at most `earliest` before."""
        windows = dict(pending)
        for kind, name, _ in self.space.effects[edge.effect].operations:
            if kind == "timer":
                seconds = self.space.durations[name]
                windows[name] = (seconds + earliest, seconds)
            elif kind == "cancel":
                windows.pop(name, None)
        return tuple((timer, low, high) for timer, (low, high) in sorted(windows.items()))

    def from_now(self, situation: int) -> Wait:
        """A situation as it is met at any time: pending timers have run for anything up to their duration."""
        node, book = self.space.situations[situation]
        timers = sorted(self.space.books[book].timers)
        return Wait(node, 0, tuple((timer, 0, self.space.durations[timer]) for timer in timers))

    def after(self, situation: int, edge: Edge) -> Wait:
        """What follows an edge taken in a situation at any time."""
        pending = {t: (low, high) for t, low, high in self.from_now(situation).windows}
        pending.pop(self.space.effects[edge.effect].fired, None)
        return Wait(edge.step.node, 0, self.windows(pending, edge, 0))
