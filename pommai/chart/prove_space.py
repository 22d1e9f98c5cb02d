"""Every situation a chart can come to, found breadth first.

A situation is more than a configuration: it is also which timers are pending, which activities run and which light is
shown, by what the operations on the way there have said. Events from outside may come at any time, a timer's only while
it is pending, and guards answer as they like, as far as the assumptions let them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, product
from operator import itemgetter
from typing import NamedTuple

from msgspec import Struct

from pommai.chart import guards
from pommai.chart.table import OTHER, Answers, DecisionTable, Step, Tree, leaves_of
from pommai.errors import ChartError, Problem

MAX_SITUATIONS = 200_000
"""Most situations of a chart; a toy's has a few hundred."""


class Edge(Struct, frozen=True, gc=False):
    """One event with one outcome of the guards it asks. There are many, and none can be part of a cycle."""

    event: str
    answers: Answers
    step: Step
    effect: int
    """Index into the space's effects."""


_Question = tuple[
    frozenset[tuple[str, bool]], frozenset[str], tuple[guards.Tokens, ...], tuple[guards.Tokens, ...], bool
]

Taken = tuple[int, int, Edge]
"""A node, the first situation there in which the edge can be taken, and the edge."""


class Book(NamedTuple):
    """What is going on besides the configuration."""

    timers: frozenset[str] = frozenset()
    running: frozenset[tuple[str, str]] = frozenset()
    """(state, activity)."""
    light: str | None = None


class Effect(NamedTuple):
    """What an edge does besides going somewhere: the timer that fires, and the operations. Few edges differ in it."""

    fired: str
    operations: tuple[tuple[str, str, str], ...]
    """(kind, name, state) of each."""


_kind_name_state = itemgetter(0, 1, 3)


class Space:
    """All situations of a table. Raises ChartError when there are more than MAX_SITUATIONS.

    Situations are numbered in the order they were found, so a smaller number is no farther from the start.
    `progress(done, found)` is told how far the search is.
    """

    def __init__(self, table: DecisionTable, progress: Callable[[int, int], None] | None = None) -> None:
        self.table = table
        self.specification = table.specification
        self.parents = {state.id: state.parent for state in table.states}
        self.active = [frozenset(node.configuration) for node in table.nodes]
        self.durations = {
            o.name: round(o.seconds * 1e6) for s in table.steps() for o in s.operations if o.kind == "timer"
        }
        """Timer -> microseconds."""
        self.sooner = {timer: self._sooner(timer) for timer in self.durations}
        """Timer -> timers that run out before it whenever both are pending: shorter, and started no later."""
        self.effects: list[Effect] = [Effect("", ())]
        self._effect_numbers: dict[tuple[str, tuple[tuple[str, str, str], ...]], int] = {self.effects[0]: 0}
        self.books: list[Book] = [Book()]
        self._book_numbers: dict[Book, int] = {self.books[0]: 0}
        self._next: list[dict[int, int]] = [{}]
        """Book -> effect -> the book after it, as far as it was asked for."""
        self._possible: dict[_Question, bool] = {}
        self.faults: dict[tuple[int, int], tuple[str, ...]] = {}
        """(book, effect) -> what the operations do that makes no sense there."""
        self.starts = [Edge("", a, s, self._effect("", s)) for a, s in self._leaves(table.start, None, "")]
        self.edges: list[list[Edge]] = [[] for _ in table.nodes]
        """Node -> what can happen there; events that do nothing are left out."""
        self.situations: list[tuple[int, int]] = []
        """(node, book)."""
        self.came: list[tuple[int, Edge]] = []
        """Situation -> the one before (-1: the start) and the edge between them."""
        self.first: dict[int, int] = {}
        """Node -> the first situation there."""
        self.first_fired: dict[tuple[int, int], int] = {}
        """(node, index of a timer's edge) -> the first situation in which it can fire."""
        self.steps = 0
        """(situation, event, answers) there are."""
        self.first_fault: tuple[int, Edge, str] | None = None
        self._explore(progress)

    # -- exploring ------------------------------------------------------------------------

    def _explore(self, progress: Callable[[int, int], None] | None) -> None:
        seen: set[tuple[int, int]] = set()
        situations, came, faults = self.situations, self.came, self.faults
        for edge in self.starts:
            self._note(-1, 0, edge)
            target = edge.step.node, self.after(0, edge.effect)
            if target not in seen:
                seen.add(target)
                situations.append(target)
                came.append((-1, edge))
        here = 0
        while here < len(situations):
            node, book = situations[here]
            if node not in self.first:
                self.first[node] = here
                self.edges[node] = self._edges(node)
            pending, following = self.books[book].timers, self._next[book]
            for index, edge in enumerate(self.edges[node]):  # most of the time goes here
                effect = edge.effect
                if fired := self.effects[effect].fired:
                    if fired not in pending or self.sooner[fired] & pending:
                        continue
                    self.first_fired.setdefault((node, index), here)
                self.steps += 1
                then = following.get(effect)
                target = edge.step.node, self.after(book, effect) if then is None else then
                if faults:
                    self._note(here, book, edge)
                if target not in seen:
                    seen.add(target)
                    situations.append(target)
                    came.append((here, edge))
            here += 1
            if len(situations) > MAX_SITUATIONS:
                raise ChartError([Problem(self.table.name, 1, 1, self._too_many())])
            if progress and here % 64 == 0:
                progress(here, len(situations))

    def _note(self, situation: int, book: int, edge: Edge) -> None:
        if self.first_fault is None and (faults := self.faults.get((book, edge.effect))):
            self.first_fault = (situation, edge, faults[0])

    def _too_many(self) -> str:
        busiest = max(self.durations, key=lambda t: sum(t in book.timers for book in self.books), default="")
        return (
            f"the chart has more than {MAX_SITUATIONS:,} situations: {len(self.first):,} configurations, each with one "
            f"of {len(self.books):,} sets of pending timers and running activities; '{busiest}' multiplies them most"
        )

    def after(self, book: int, effect: int) -> int:
        """The book after an effect."""
        following = self._next[book]
        if effect not in following:
            following[effect] = self._apply(book, effect)
        return following[effect]

    def _apply(self, number: int, effect: int) -> int:
        book, (fired, operations) = self.books[number], self.effects[effect]
        timers, running, light = set(book.timers) - {fired}, set(book.running), book.light
        faults = []
        for kind, name, state in operations:
            if kind == "led":
                light = name
            elif kind == "timer":
                if name in timers:
                    faults.append(f"the timer '{name}' is started while it is pending")
                timers.add(name)
            elif kind == "cancel":
                timers.discard(name)
            elif kind == "start":
                if (state, name) in running:
                    faults.append(f"'{name}' of '{state}' is started while it runs")
                running.add((state, name))
            elif kind == "stop":
                if (state, name) not in running:
                    faults.append(f"'{name}' of '{state}' is stopped while it does not run")
                running.discard((state, name))
        if faults:
            self.faults[number, effect] = tuple(faults)
        made = Book(frozenset(timers), frozenset(running), light)
        if made not in self._book_numbers:
            self._book_numbers[made] = len(self.books)
            self.books.append(made)
            self._next.append({})
        return self._book_numbers[made]

    # -- edges ----------------------------------------------------------------------------

    def _edges(self, node: int) -> list[Edge]:
        listed = dict(self.table.nodes[node].events)
        other = listed.pop(OTHER, None)
        timers = {timer for timer in self.durations if owner(timer) in self.active[node]}
        outside = self.specification.outside
        if other is not None:
            listed |= dict.fromkeys(sorted((outside | timers) - listed.keys()), other)
        else:
            listed |= dict.fromkeys(sorted(timers - listed.keys()), self.table.nothing(node))
        edges = []
        for event, tree in listed.items():
            timer = event if event in timers else ""
            if not timer and event not in outside:
                continue
            if isinstance(tree, Step):  # as most are
                edges.append(Edge(event, (), tree, self._effect(timer, tree)))
            else:
                for answers, step in self._leaves(tree, node, event):
                    edges.append(Edge(event, answers, step, self._effect(timer, step)))
        return edges

    def _leaves(self, tree: Tree, node: int | None, event: str) -> list[tuple[Answers, Step]]:
        leaves = leaves_of(tree)
        if not self.specification.assumptions:
            return leaves
        active = frozenset() if node is None else self.active[node]
        possible = [leaf for leaf in leaves if self.possible(dict(leaf[0]), active, event)]
        if not possible:  # then the event could never come, and all that is said of it would be true
            where = f"in {', '.join(sorted(active))} on {event}" if active else "at the start"
            raise ChartError(
                [Problem(self.table.name, 1, 1, f"the assumptions let guards answer nothing at all {where}")]
            )
        return possible

    def _effect(self, timer: str, step: Step) -> int:
        effect = timer, tuple(map(_kind_name_state, step.operations))
        number = self._effect_numbers.get(effect)
        if number is None:
            number = self._effect_numbers[effect] = len(self.effects)
            self.effects.append(Effect(*effect))
        return number

    def _sooner(self, timer: str) -> frozenset[str]:
        """A state is never entered before the ones around it, so their timers were started no later."""
        around: set[str | None] = set()
        state: str | None = owner(timer)
        while state is not None:
            around.add(state)
            state = self.parents.get(state)
        return frozenset(t for t, d in self.durations.items() if owner(t) in around and d < self.durations[timer])

    # -- guards ---------------------------------------------------------------------------

    def possible(
        self,
        answers: Mapping[str, bool],
        active: frozenset[str],
        event: str,
        conditions: Sequence[guards.Tokens] = (),
        *,
        broken: bool = False,
    ) -> bool:
        """Whether guards can answer so in these states, on this event, with all conditions true (`broken`: not all).

        Guards that were not asked may answer anything, as far as the assumptions let them.
        """
        assumed = [
            tokens
            for one in self.specification.assumptions
            if (one.events is None or event in one.events) and (one.states is None or one.states & active)
            for tokens in one.holds
        ]
        if not assumed and not conditions:
            return not broken
        tokens = (*assumed, *conditions)
        asked = {text for one in tokens for kind, text in one if kind == "name"}
        states = {text for one in tokens for kind, text in one if kind == "state"}
        known = frozenset((guard, answer) for guard, answer in answers.items() if guard in asked)
        question = (known, frozenset(states & active), tuple(assumed), tuple(conditions), broken)
        if question not in self._possible:
            self._possible[question] = self._guess(*question)
        return self._possible[question]

    @staticmethod
    def _guess(
        known: frozenset[tuple[str, bool]],
        active: frozenset[str],
        assumed: tuple[guards.Tokens, ...],
        conditions: tuple[guards.Tokens, ...],
        broken: bool,
    ) -> bool:
        """Whether guards that were not asked can be guessed so that it all comes true."""
        answers = dict(known)
        asked = {text for tokens in (*assumed, *conditions) for kind, text in tokens if kind == "name"}
        unknown = sorted(asked - answers.keys())
        for guess in product((True, False), repeat=len(unknown)):
            held = {**answers, **dict(zip(unknown, guess, strict=True))}

            def holds(kind: str, text: str, held: dict[str, bool] = held) -> bool:
                return held[text] if kind == "name" else text in active

            if not all(guards.evaluate(tokens, holds) for tokens in assumed):
                continue
            if all(guards.evaluate(tokens, holds) for tokens in conditions) is not broken:
                return True
        return False

    # -- looking --------------------------------------------------------------------------

    @cached_property
    def taken(self) -> dict[tuple[str, int], list[Taken]]:
        """Every edge that can be taken, sorted by (event, effect)."""
        found: defaultdict[tuple[str, int], list[Taken]] = defaultdict(list)
        for node, situation in self.first.items():
            for index, edge in enumerate(self.edges[node]):
                first = self.first_fired.get((node, index)) if self.effects[edge.effect].fired else situation
                if first is not None:
                    found[edge.event, edge.effect].append((node, first, edge))
        return found

    def all_taken(self) -> Iterator[Taken]:
        """Every edge that can be taken."""
        return chain.from_iterable(self.taken.values())

    @cached_property
    def transitions_taken(self) -> frozenset[int]:
        """Every transition that is taken in some step."""
        edges = chain(self.starts, (edge for _, _, edge in self.all_taken()))
        return frozenset(chain.from_iterable(edge.step.taken for edge in edges))

    def path(self, situation: int) -> list[Edge]:
        """The edges of a shortest way to a situation, the start first."""
        edges: list[Edge] = []
        while situation >= 0:
            situation, edge = self.came[situation]
            edges.append(edge)
        return edges[::-1]


def owner(timer: str) -> str:
    """The state of a timer: `timer.STATE.DURATION`."""
    return timer.split(".")[1]
