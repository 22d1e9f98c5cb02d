"""Does a chart hold together? What one part says about others: names of states, targets, histories, final states."""

from __future__ import annotations

from itertools import combinations

from pommai.chart.model import Chart, History, State, Transition
from pommai.source import Node, Reader, did_you_mean

MAX_STATES = 400
"""More states than any toy has; a larger chart is a mistake."""


def check_structure(chart: Chart, reader: Reader) -> None:
    """Note every problem of structure with the reader."""
    _Structure(chart, reader).check()


class _Structure:
    def __init__(self, chart: Chart, reader: Reader) -> None:
        self.reader = reader
        self.states = list(chart.walk())
        self.by_id = {state.id: state for state in self.states}
        self.below = {state.id: {inner.id for inner in state.walk()} for state in self.states}
        """State -> itself and all states inside it."""
        self.places: dict[str, Node] = {}
        """State or history -> where it stands."""
        self.homes: dict[str, str] = {}
        """History -> the state it belongs to."""

    def check(self) -> None:
        if len(self.states) > MAX_STATES:
            self.reader.problem(self.states[MAX_STATES].at, f"more than {MAX_STATES} states", "divide the chart")
        for state in self.states:
            self.name(state.id, state.at)
            for remembered in state.history:
                self.name(remembered.id, remembered.at)
                self.homes[remembered.id] = state.id
        for state in self.states:
            self.state(state)
            for transition in state.all_transitions():
                self.targets(state, transition)
                self.guards(transition)
            for remembered in state.history:
                self.history(state, remembered)

    def name(self, id_: str, at: Node) -> None:
        if id_ in self.places:
            hint = f"the first is in line {self.places[id_].line}; every state needs a name of its own"
            self.reader.problem(at, f"there are two states called '{id_}'", hint)
        self.places.setdefault(id_, at)

    def state(self, state: State) -> None:
        problem = self.reader.problem
        if state.final and (state.children or list(state.all_transitions()) or state.do):
            problem(state.at, f"'{state.id}' is final: it can have no states, transitions, timers or activities")
        if state.final and state.parent and self.by_id[state.parent].parallel:
            problem(
                state.at, f"'{state.id}' cannot be final: '{state.parent}' is parallel, its parts end by themselves"
            )
        if state.parallel and len(state.children) < 2:
            problem(state.at, f"'{state.id}' is parallel but has fewer than two states inside")
        if state.history and (not state.children or state.parallel):
            at = state.history[0].at
            problem(at, f"'{state.id}' cannot have a history", "only a state that chooses among children")
        first: set[str] = set()
        for call in state.do:
            if call.name in first:
                problem(call.at, f"'{state.id}' does '{call.name}' twice")
            first.add(call.name)

    def targets(self, state: State, transition: Transition) -> None:
        problem = self.reader.problem
        for target in transition.targets:
            if target not in self.places:
                hint = did_you_mean(target, self.places.keys())
                problem(transition.target_at, f"no state is called '{target}'", hint)
        known = [target for target in transition.targets if target in self.places]
        for one, other in combinations(known, 2):
            if not self.together(one, other):
                hint = "several targets must lie in different states of one parallel state"
                problem(transition.target_at, f"'{one}' and '{other}' cannot be active together", hint)
        if transition.internal:
            self.internal(state, transition, known)
        homes = [self.homes[target] for target in known if target in self.homes]
        if transition.on and any(state.id not in self.below[home] - {home} for home in homes):
            # python-statemachine 3.2.2 runs them twice here; a chart means what it says, or is refused.
            hint = f"put them into 'exit' of '{state.id}' or 'enter' of '{homes[0]}'"
            problem(
                transition.at, f"a transition from outside into a history of '{homes[0]}' cannot have actions", hint
            )

        if len(homes) == len(transition.targets) == 1:
            self.back(state, transition, homes[0], known[0])

    def back(self, state: State, transition: Transition, home: str, history: str) -> None:
        """A way back from deep inside a history's own state. python-statemachine 3.2.2, as SCXML has it, looks for what
        to leave from where the history leads to, and for what to enter from where it stands: what lies between is
        entered without being left."""
        child = next((one for one in self.by_id[home].children if state.id in self.below[one.id] - {one.id}), None)
        if child is None:
            return
        remembered = next(one for one in self.by_id[home].history if one.id == history)
        inside = self.below[child.id] - {child.id}
        if remembered.deep or any(target in inside for default in remembered.default for target in default.targets):
            message = f"from inside '{child.id}', '{history}' could enter '{child.id}' again without leaving it"
            self.reader.problem(transition.target_at, message, f"let the transition begin at '{child.id}'")

    def internal(self, state: State, transition: Transition, targets: list[str]) -> None:
        problem = self.reader.problem
        inside = self.below[state.id] - {state.id}
        if not transition.targets:
            problem(transition.at, "without a target a transition is internal anyway", "take `internal` away")
        elif not state.children or state.parallel:
            problem(transition.at, f"'{state.id}' has no choice of states inside to go to", "take `internal` away")
        elif any(self.homes.get(target, target) not in self.below[state.id] for target in targets) or (
            state.id in targets
        ):
            problem(
                transition.target_at, f"an internal transition must lead inside '{state.id}'", did_you_mean("", inside)
            )

    def together(self, one: str, other: str) -> bool:
        """Whether both can be active: they lie in different children of a parallel state."""
        lines = [self.line(one), self.line(other)]
        shared = [up for up, same in zip(*lines, strict=False) if up == same]
        parted = len(shared) < min(len(line) for line in lines)
        return parted and bool(shared) and self.by_id[shared[-1]].parallel

    def line(self, id_: str) -> list[str]:
        """The states around one, from the top down to itself; a history stands for the child it brings back."""
        line = [id_]
        up: str | None = self.homes.get(id_) or (self.by_id[id_].parent if id_ in self.by_id else None)
        while up is not None:
            line.append(up)
            up = self.by_id[up].parent
        return line[::-1]

    def guards(self, transition: Transition) -> None:
        for guard in (*transition.cond, *transition.unless):
            for asked in guard.states:
                if asked not in self.by_id:
                    hint = did_you_mean(asked, self.by_id.keys())
                    self.reader.problem(guard.at, f"no state is called '{asked}'", hint)

    def history(self, state: State, remembered: History) -> None:
        inside = self.below[state.id] - {state.id}
        for default in remembered.default:
            if len(default.targets) > 1:
                self.reader.problem(default.target_at, f"history '{remembered.id}' needs one default, not several")
            for target in default.targets:
                if target not in inside:
                    hint = did_you_mean(target, inside)
                    self.reader.problem(default.target_at, f"'{target}' is not inside '{state.id}'", hint)
