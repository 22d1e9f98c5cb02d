"""What must hold for every chart, and needs no writing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from pommai.chart.prove_claims import Verdict, slowest
from pommai.chart.prove_space import Space, owner
from pommai.chart.prove_story import tell
from pommai.chart.prove_timers import NEVER, Waiting
from pommai.chart.table import DARK, DecisionTable, leaves_of
from pommai.events import EVENTS

KIND = "built in"
ELSEWHERE = frozenset(("cloud", "toy", "safety"))
"""Sources of events that only a server, or somebody behind it, can bring about."""


def judge_all(space: Space) -> list[Verdict]:
    """A verdict for each. Raises ChartError when there are too many orders of timers to follow."""
    checks: tuple[Callable[[Space], Verdict], ...] = (
        one_course,
        activities_stop,
        timers_end,
        lights_are_true,
        states_are_reached,
        transitions_are_taken,
        no_waiting_for_the_cloud,
        comes_to_rest,
    )
    return [check(space) for check in checks]


def one_course(space: Space) -> Verdict:
    """The configuration, its memory, the event and the answers decide alone what happens."""
    id_, because = "one_course", "What happens depends on where the chart is and what it is told, not on how it came."
    words = _ambiguous(space.table)
    return Verdict(id_, because, KIND, 0, not words, words)


def _ambiguous(table: DecisionTable) -> str:
    places = {(node.configuration, node.history) for node in table.nodes}
    if len(places) < len(table.nodes):
        return "two nodes of the table are the same configuration with the same memory"
    for node in table.nodes:
        for event, tree in node.events.items():
            for answers, step in leaves_of(tree):
                if len(answers) > 1 and len(dict(answers)) < len(answers):
                    return f"on {event} a guard is asked twice in {', '.join(node.configuration)}"
                if step.configuration != table.nodes[step.node].configuration:
                    return f"on {event} a step leads to another configuration than its node's"
    return ""


def activities_stop(space: Space) -> Verdict:
    """What runs is what the active states do, each once."""
    id_, because = "activities_stop", "Every activity runs exactly while its state is active, however that is left."
    if space.first_fault and " run" in space.first_fault[2]:
        return _fault(space, id_, because)
    tasks = {state.id: {(state.id, activity) for activity in state.activities} for state in space.table.states}
    for number, (node, book) in enumerate(space.situations):
        wanted = set().union(*(tasks[state] for state in space.active[node]))
        running = space.books[book].running
        if running != wanted:
            extra = sorted(f"'{activity}' of '{state}' still runs" for state, activity in running - wanted)
            missing = sorted(f"'{activity}' of '{state}' does not run" for state, activity in wanted - running)
            return _at(space, id_, because, number, (extra + missing)[0])
    return Verdict(id_, because, KIND, 0, True)


def timers_end(space: Space) -> Verdict:
    """A timer is pending only in its state, starts with it, and something waits for it."""
    id_, because = "timers_end", "Every timer starts with its state, and is cancelled or fires inside it."
    if space.first_fault and "timer" in space.first_fault[2]:
        return _fault(space, id_, because)
    for number, (node, book) in enumerate(space.situations):
        for timer in sorted(space.books[book].timers):
            if owner(timer) not in space.active[node]:
                return _at(space, id_, because, number, f"'{timer}' is pending outside '{owner(timer)}'")
        before, edge = space.came[number]
        earlier = space.active[space.situations[before][0]] if before >= 0 else frozenset()
        entered = space.active[node] - earlier
        for timer in sorted(space.durations):
            if owner(timer) in entered and timer not in space.books[book].timers:
                return _at(space, id_, because, number, f"'{timer}' is not started with '{owner(timer)}'")
    for (timer, effect), edges in space.taken.items():
        if not space.effects[effect].fired:
            continue
        if idle := [one for one in edges if not one[2].step.taken and not one[2].answers]:
            _, situation, edge = idle[0]
            words = f"nothing waits for '{timer}' here"
            return Verdict(id_, because, KIND, 0, False, words, tell(space, [*space.path(situation), edge], words))
    return Verdict(id_, because, KIND, 0, True)


def lights_are_true(space: Space) -> Verdict:
    """The pattern shown is one that an active state asks for."""
    id_, because = "lights_are_true", "The light that is shown belongs to a state that is active."
    asked = {state.id: state.led for state in space.table.states}
    for number, (node, book) in enumerate(space.situations):
        patterns = {asked[state] for state in space.active[node]} - {None} or {DARK}
        shown, meant = space.books[book].light or DARK, space.table.nodes[node].led or DARK
        if shown != meant or shown not in patterns:
            return _at(space, id_, because, number, f"'{shown}' is shown, and '{meant}' would be right")
    return Verdict(id_, because, KIND, 0, True)


def states_are_reached(space: Space) -> Verdict:
    """No state is unreachable. What is left as soon as it is entered is reached, too."""
    passed = {space.table.transitions[index].source for index in space.transitions_taken}
    reached = passed.union(*(space.active[node] for node in space.first))
    missed = [state.id for state in space.table.states if state.id not in reached]
    words = f"never reached: {', '.join(missed)}" if missed else ""
    return Verdict("states_are_reached", "Every state can be reached.", KIND, 0, not missed, words)


def transitions_are_taken(space: Space) -> Verdict:
    """No transition is dead."""
    dead = [
        f"line {transition.line}, {transition.source} on {' '.join(transition.events) or 'no event'}"
        for index, transition in enumerate(space.table.transitions)
        if index not in space.transitions_taken
    ]
    words = f"never taken: {'; '.join(dead)}" if dead else ""
    return Verdict("transitions_are_taken", "Every transition can be taken.", KIND, 0, not dead, words)


def no_waiting_for_the_cloud(space: Space) -> Verdict:
    """No state is left by nothing but what a server sends."""
    id_, because = "no_waiting_for_the_cloud", "A server that is silent can keep the toy in no state."
    ends: defaultdict[str, set[str]] = defaultdict(set)
    ways: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
    for (event, _), edges in space.taken.items():
        for node, _, edge in edges:
            if edge.step.node != node:
                ways[node, edge.step.node].add(event)
    for (node, after), events in ways.items():
        for state in space.active[node] - space.active[after]:
            ends[state].update(events)
    for state, events in sorted(ends.items()):
        sources = {spec.source if (spec := EVENTS.get(event)) else "chart" for event in events} - {"error"}
        if sources and sources <= ELSEWHERE:
            words = f"only the server can end '{state}': {', '.join(sorted(events))}"
            number = next(n for n, (node, _) in enumerate(space.situations) if state in space.active[node])
            return _at(space, id_, because, number, words)
    return Verdict(id_, because, KIND, 0, True)


def comes_to_rest(space: Space) -> Verdict:
    """By timers alone, from everywhere: to one of `resting`, or where no timer is pending when the chart names none."""
    id_, because = "comes_to_rest", "Left alone, the toy comes to rest from everywhere, by timers alone."
    resting = space.specification.resting
    timed = {owner(timer) for timer in space.durations}
    if resting:
        waiting = Waiting(space, lambda node: bool(resting & space.active[node]))
    else:
        waiting = Waiting(space, lambda node: not timed & space.active[node])
    worst, wait, number = slowest(waiting, range(len(space.situations)))
    if worst == NEVER:
        words = "if nobody helps, it may never come to rest"
        story = tell(space, [*space.path(number), *waiting.path(wait)], words)
        return Verdict(id_, because, KIND, 0, False, words, story)
    return Verdict(id_, because, KIND, 0, True, f"in {worst / 1e6:g} s at most", None, worst / 1e6)


def _at(space: Space, id_: str, because: str, situation: int, words: str) -> Verdict:
    return Verdict(id_, because, KIND, 0, False, words, tell(space, space.path(situation), words))


def _fault(space: Space, id_: str, because: str) -> Verdict:
    assert space.first_fault is not None
    situation, edge, words = space.first_fault
    edges = [*space.path(situation), edge] if situation >= 0 else [edge]
    return Verdict(id_, because, KIND, 0, False, words, tell(space, edges, words))
