"""Random streams on the decision table: no devices, no event loop, hundreds of thousands of events a second.

What a step does depends on the situation alone: the node of the table, the activities that run, the timers that are
pending, the light that is shown. So a step is judged in full when it is taken for the first time in a situation; taken
again, the verdict is looked up. Timers run on a clock of their own, in microseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from pommai.chart.table import OTHER, Answers, Step, leaves_of
from pommai.qa.coverage import Ground, Leaf
from pommai.qa.profile import DEEDS, Profile, stream_seed
from pommai.qa.replay_file import START, Happening
from pommai.qa.situation import BEGINNING, Check, Moment, Situation, after, first_wrong, sound_step
from pommai.qa.stream import Coming, stream

STEER_EVERY: Final = 16
"""After so many events a stream is led to the nearest of its goals that it has not reached yet; in its first events,
which no other way leads back to, all the time."""
FIRST: Final = 6
GOALS: Final = 8
"""Each of so many streams has another part of the edges for its goals, and is otherwise left to chance."""
_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that must not be, at event `number` of a stream, counted from 1; 0 is the start."""

    number: int
    why: str


@dataclass(slots=True)
class Run:
    """What one stream came to."""

    number: int
    events: int = 0
    microseconds: int = 0
    """Of the toy's life."""
    counts: dict[int, int] = field(default_factory=dict)
    """Visits by number of the leaf."""
    pairs: set[tuple[int, int]] = field(default_factory=set)
    """Transition pairs."""
    failure: Failure | None = None


class _Edge:
    """A leaf as it is taken from one situation."""

    __slots__ = ("count", "leaf", "target", "timers", "wrong")

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.count = 0
        self.wrong = ""
        self.target: _Place | None = None  # until it is taken for the first time
        timed = [o for o in leaf.step.operations if o.kind in ("timer", "cancel")]
        fired = [(leaf.event, -1)] if leaf.event.startswith("timer.") else []
        self.timers = (*fired, *((o.name, round(o.seconds * 1e6) if o.kind == "timer" else -1) for o in timed))
        """(event, microseconds), -1 to cancel."""


class _Place:
    """A situation with its ways on. A tree is an edge, or (how often the guard holds, tree if so, tree if not)."""

    __slots__ = ("edges", "goals", "situation", "trees", "ways")

    def __init__(self, situation: Situation, ground: Ground, chances: Mapping[str, float]) -> None:
        self.situation = situation
        self.edges: list[_Edge] = []
        self.trees: dict[str, Any] = {}
        node = ground.table.nodes[situation.node]
        for event, leaves in ground.of_node[situation.node].items():
            if event.startswith("timer.") and event not in situation.pending:
                continue
            edges = {leaf.path: _Edge(leaf) for leaf in leaves}
            self.edges += edges.values()
            self.trees[event] = _grow(node.events.get(event) or node.events.get(OTHER), edges, chances)
        self.goals = [[edge for edge in self.edges if edge.leaf.number % GOALS == goal] for goal in range(GOALS)]
        self.ways: list[tuple[_Edge, _Place]] | None = None


def _grow(tree: Any, edges: Mapping[Answers, _Edge], chances: Mapping[str, float], path: Answers = ()) -> Any:
    """A tree of the table with its steps made edges, without what is ruled out (None: all of it)."""
    if tree is None or isinstance(tree, Step):
        return edges.get(path)
    guard, yes, no = tree
    ways = [_grow(way, edges, chances, (*path, (guard, holds))) for way, holds in ((yes, True), (no, False))]
    if None in ways:
        return ways[0] if ways[1] is None else ways[1]
    return (chances.get(guard, 0.5), *ways)


class TableEngine:
    """Runs streams of a profile on one table. What it learns of the table makes the next stream faster, no more."""

    stream_events = 5_000

    def __init__(self, ground: Ground, profile: Profile, checks: Sequence[Check] = ()) -> None:
        """`checks` are asked besides `sound_step`."""
        self.ground = ground
        self.profile = profile
        self._checks = (sound_step(ground.table), *checks)
        self._places: dict[Situation, _Place] = {}
        self._starts = [_Edge(Leaf(-1, -1, START, path, step)) for path, step in leaves_of(ground.table.start)]
        self._start = _grow(ground.table.start, {edge.leaf.path: edge for edge in self._starts}, profile.guards)

    def run(self, seed: int, number: int, events: int, record: list[Happening] | None = None) -> Run:
        """Run stream `number` of a campaign until `events` have happened or something is wrong.

        `record` gets all that happens. The stream depends on the profile, the table, seed and number alone.
        """
        random = Random(stream_seed(seed, number))
        draw = random.random
        run = Run(number)
        touched: list[_Edge] = []
        pairs: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
        way: list[_Edge] = []  # to where this stream has not been yet
        steered = True
        deadlines: dict[str, int] = {}
        count = now = 0
        edge: _Edge = _choose(self._start, draw)
        if edge.target is None:
            self._resolve(BEGINNING, edge)
        if record is not None:
            record.append(Happening(0.0, START, {}, dict(edge.leaf.path)))
        due, due_event = _set_timers(edge, deadlines, 0)
        wrong, last = edge.wrong, edge.leaf.step.taken
        place: Any = edge.target  # Any: this loop is hot, and asserting takes its time
        for at, coming in () if wrong else stream(self.profile, random):
            if coming.event in DEEDS:
                continue
            if at < now:
                at = now  # a steered timer has made the clock jump
            waiting = True  # for the event that is coming; timers, and what is put in, go before it
            while waiting and count < events:
                if steered and not way and (count % STEER_EVERY == 0 or count < FIRST):
                    way = self._way(place, number)
                    steered = bool(way)
                if way and way[-1].leaf.event in deadlines and way[-1].leaf.event != due_event:
                    way.clear()  # timers fire in their order, and another one has come in between
                if way:
                    tree: Any = way.pop()
                    event = tree.leaf.event
                    at = now = max(at, deadlines.get(event, at))
                elif due <= at:
                    event, now = due_event, max(due, now)
                    tree = place.trees[event]
                else:
                    event, now, waiting = coming.event, at, False
                    tree = place.trees[event]
                count += 1
                while tree.__class__ is tuple:
                    tree = tree[1] if draw() < tree[0] else tree[2]
                edge = tree
                if edge.target is None:
                    self._resolve(place.situation, edge)
                if edge.count:
                    edge.count += 1
                else:
                    edge.count = 1
                    touched.append(edge)
                if record is not None:
                    record.append(_happening(now, event, coming, edge))
                if edge.leaf.step.taken:
                    pairs.add((last, edge.leaf.step.taken))
                    last = edge.leaf.step.taken
                if edge.timers:
                    due, due_event = _set_timers(edge, deadlines, now)
                if edge.wrong:
                    wrong = edge.wrong
                    break
                place = edge.target
            if wrong or count >= events:
                break
        if wrong:
            run.failure = Failure(count, wrong)
        run.events, run.microseconds = count, now
        for edge in touched:
            leaf = edge.leaf.number
            run.counts[leaf] = run.counts.get(leaf, 0) + edge.count
            edge.count = 0
        run.pairs = {(a, b) for before, then in pairs for a in before for b in then}
        return run

    def walk_all(self, length: int) -> tuple[int, str]:
        """Walk every sequence of up to `length` events, with every answer of every guard, from where the chart begins.

        How many there are, and the first thing found wrong.
        """
        count = 0

        def walk(place: _Place, left: int) -> str:
            nonlocal count
            for edge in place.edges:
                count += 1
                if edge.target is None:
                    self._resolve(place.situation, edge)
                if edge.wrong:
                    return edge.wrong
                if left > 1 and edge.target is not None and (wrong := walk(edge.target, left - 1)):
                    return wrong
            return ""

        for edge in self._starts:
            if edge.target is None:
                self._resolve(BEGINNING, edge)
            wrong = edge.wrong or (walk(edge.target, length) if edge.target is not None else "")
            if wrong:
                return count, wrong
        return count, ""

    def _way(self, begin: _Place, number: int) -> list[_Edge]:
        """The shortest way to a goal of this stream that was not reached yet, last step first; empty without one."""
        goal = number % GOALS
        came: dict[int, tuple[_Place, _Edge] | None] = {id(begin): None}
        queue = deque([begin])
        while queue:
            place = queue.popleft()
            fresh = [edge for edge in place.goals[goal] if not edge.count]
            if fresh:
                way = [fresh[number // GOALS % len(fresh)]]
                while (step := came[id(place)]) is not None:
                    place = step[0]
                    way.append(step[1])
                return way
            for edge, target in self._ways_on(place):
                if id(target) not in came:
                    came[id(target)] = place, edge
                    queue.append(target)
        return []

    def _ways_on(self, place: _Place) -> list[tuple[_Edge, _Place]]:
        """The situations one step away, each with an edge that leads there."""
        if place.ways is None:
            found: dict[int, tuple[_Edge, _Place]] = {}
            for edge in place.edges:
                if edge.target is None:
                    self._resolve(place.situation, edge)
                if edge.target is not None and not edge.wrong:
                    found.setdefault(id(edge.target), (edge, edge.target))
            place.ways = list(found.values())
        return place.ways

    def _resolve(self, before: Situation, edge: _Edge) -> None:
        """Where an edge leads, and whether it may."""
        leaf = edge.leaf
        situation = after(before, leaf.event, leaf.step)
        edge.wrong = first_wrong(Moment(before, leaf.event, leaf.path, leaf.step, situation), self._checks)
        if situation not in self._places:
            self._places[situation] = _Place(situation, self.ground, self.profile.guards)
        edge.target = self._places[situation]


def _choose(tree: Any, draw: Callable[[], float]) -> _Edge:
    while isinstance(tree, tuple):
        tree = tree[1] if draw() < tree[0] else tree[2]
    assert isinstance(tree, _Edge)
    return tree


def _set_timers(edge: _Edge, deadlines: dict[str, int], now: int) -> tuple[int, str]:
    """Start and cancel timers; the next deadline and its event."""
    for event, microseconds in edge.timers:
        if microseconds < 0:
            deadlines.pop(event, None)
        else:
            deadlines[event] = now + microseconds
    if not deadlines:
        return _NEVER, ""
    event = min(deadlines, key=deadlines.__getitem__)
    return deadlines[event], event


def _happening(now: int, event: str, coming: Coming, edge: _Edge) -> Happening:
    """A line of the record. Of a payload, which no step depends on, the first of its values is kept."""
    data = {key: values[0] for key, values in coming.data} if event == coming.event else {}
    return Happening(now / 1e6, event, data, dict(edge.leaf.path))
