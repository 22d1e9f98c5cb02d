"""The decision table: a compiled chart, complete, as data.

For every configuration the chart can be in, and every event, a tree of guard questions whose leaves are steps:
the operations in order, and the configuration afterwards. It is made by `pommai.chart.compile`, run by
`pommai.chart.machine`, and written to a file as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

from msgspec import Struct, field

from pommai.chart import specification as specifications
from pommai.chart.specification import Specification
from pommai.errors import TableError

if TYPE_CHECKING:
    from pommai.chart.model import Value

OTHER = ""
"""In a node's events: any event that has no entry of its own. Only there when it matters, and then only because an
eventless transition asks its guards again whatever happens."""

DARK = "off"
"""The pattern of a configuration in which no state asks for one."""

FORMAT = 2
"""Version of the file format. A toy refuses a file of another one."""


class Operation(NamedTuple):
    """One thing to do. `kind` says what:

    call     run the action `name` with `args`
    start    start the activity `name` with `args` for the state `state`
    stop     cancel it
    timer    start the timer that will post the event `name` after `seconds`
    cancel   cancel it
    led      show the light pattern `name`
    """

    kind: str
    name: str
    args: Mapping[str, Value] = {}
    state: str = ""
    seconds: float = 0.0


class Step(NamedTuple):
    """All that happens on one event. `taken` holds indices into the table's transitions; empty: nobody cared."""

    operations: tuple[Operation, ...]
    configuration: tuple[str, ...]
    """Active states afterwards, in document order."""
    led: str | None
    """Light pattern shown afterwards."""
    taken: tuple[int, ...]
    node: int
    """Index of the node afterwards."""


Tree: TypeAlias = Union[Step, tuple[str, "Tree", "Tree"]]  # noqa: UP007  (recursive, quoted)
"""A step, or (guard, tree if it holds, tree if not)."""

Answers: TypeAlias = tuple[tuple[str, bool], ...]
"""Guards in the order asked, each with its answer."""


class StateInfo(NamedTuple):
    """A state, for people and for proofs."""

    id: str
    parent: str | None
    description: str
    led: str | None
    activities: tuple[str, ...]


class TransitionInfo(NamedTuple):
    """A transition, for people and for proofs. `line` counts from 1 in the source."""

    source: str
    events: tuple[str, ...]
    targets: tuple[str, ...]
    guard: str
    line: int


class NodeInfo(Struct, frozen=True):
    """A configuration, with the memory of its histories; the unit over which the chart is a function."""

    configuration: tuple[str, ...]
    history: tuple[tuple[str, tuple[str, ...]], ...]
    led: str | None
    events: Mapping[str, Tree] = field(default_factory=dict)
    """Event -> what it does; OTHER stands for all events that are not written out."""


class DecisionTable(Struct, frozen=True):
    """A compiled chart. Nodes are in the order they were found, breadth first."""

    name: str
    source_sha256: str
    states: tuple[StateInfo, ...]
    transitions: tuple[TransitionInfo, ...]
    start: Tree
    nodes: tuple[NodeInfo, ...]
    specification: Specification = field(default_factory=Specification)
    """What is to be proved of it."""

    def nothing(self, node: int) -> Step:
        """What an event does that means nothing in a node."""
        here = self.nodes[node]
        return Step((), here.configuration, here.led, (), node)

    @property
    def events(self) -> tuple[str, ...]:
        """Every event that matters somewhere, sorted."""
        return tuple(sorted({event for node in self.nodes for event in node.events} - {OTHER}))

    @property
    def guards(self) -> tuple[str, ...]:
        """Every guard that is asked somewhere, sorted."""
        return tuple(sorted({tree[0] for tree in self._trees() if not isinstance(tree, Step)}))

    def operations(self) -> set[tuple[str, str]]:
        """(kind, name) of every operation that can happen, so that whoever runs the table can see it knows them all."""
        return {(operation.kind, operation.name) for step in self.steps() for operation in step.operations}

    def steps(self) -> list[Step]:
        """Every leaf of every tree."""
        return [tree for tree in self._trees() if isinstance(tree, Step)]

    def _trees(self) -> Iterator[Tree]:
        """Every question and every leaf: the start first, then node by node, yes before no."""
        waiting = [self.start, *(tree for node in self.nodes for tree in node.events.values())][::-1]
        while waiting:
            tree = waiting.pop()
            yield tree
            if not isinstance(tree, Step):
                waiting += (tree[2], tree[1])


def leaves_of(tree: Tree) -> list[tuple[Answers, Step]]:
    """Every step of a tree with the answers that lead to it, yes before no."""
    found = []
    waiting: list[tuple[Answers, Tree]] = [((), tree)]
    while waiting:
        answers, tree = waiting.pop()
        if isinstance(tree, Step):
            found.append((answers, tree))
        else:
            guard, yes, no = tree
            waiting += (((*answers, (guard, False)), no), ((*answers, (guard, True)), yes))
    return found


# -- the file ------------------------------------------------------------------------------


def dump(table: DecisionTable) -> str:
    """The table as JSON text: lists of operations and steps, each written once and referred to by number."""
    operations: dict[str, int] = {}
    steps: dict[str, int] = {}

    def number(book: dict[str, int], entry: object) -> int:
        return book.setdefault(json.dumps(entry, separators=(",", ":"), sort_keys=True), len(book))

    def tree(node: Tree) -> Any:
        if isinstance(node, Step):
            listed = [number(operations, [o.kind, o.name, dict(o.args), o.state, o.seconds]) for o in node.operations]
            return number(steps, [listed, list(node.taken), node.node])
        return [node[0], tree(node[1]), tree(node[2])]

    start = tree(table.start)
    nodes = [
        {
            "states": list(node.configuration),
            "history": {id_: list(value) for id_, value in node.history},
            "led": node.led,
            "events": {event: tree(branch) for event, branch in node.events.items()},
        }
        for node in table.nodes
    ]
    document = {
        "format": FORMAT,
        "chart": table.name,
        "source_sha256": table.source_sha256,
        "states": [list(state) for state in table.states],
        "transitions": [list(transition) for transition in table.transitions],
        "operations": [json.loads(text) for text in operations],
        "steps": [json.loads(text) for text in steps],
        "start": start,
        "nodes": nodes,
        "specification": specifications.as_json(table.specification),
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def load(text: str) -> DecisionTable:
    """Read what `dump` wrote. Raises TableError when the text is damaged or of another format."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as caught:
        raise TableError(f"is no compiled chart: {caught}") from caught
    if not isinstance(document, dict) or "format" not in document:
        raise TableError("is no compiled chart")
    if document["format"] != FORMAT:
        raise TableError(
            f"is a compiled chart of format {document['format']}, this toy runs format {FORMAT}: compile it anew"
        )
    try:
        return _read(document)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as caught:
        raise TableError(f"is a damaged compiled chart ({type(caught).__name__}: {caught})") from caught


def _read(document: dict[str, Any]) -> DecisionTable:
    operations = [
        Operation(str(kind), str(name), dict(args), str(state), float(seconds))
        for kind, name, args, state, seconds in document["operations"]
    ]
    places = [(tuple(node["states"]), node["led"]) for node in document["nodes"]]
    transitions = tuple(
        TransitionInfo(source, tuple(events), tuple(targets), guard, int(line))
        for source, events, targets, guard, line in document["transitions"]
    )
    steps = []
    for listed, taken, node in document["steps"]:
        if not all(0 <= index < len(transitions) for index in taken) or not 0 <= node < len(places):
            raise ValueError("a step leads outside the table")
        configuration, led = places[node]
        steps.append(Step(tuple(operations[i] for i in listed), configuration, led, tuple(taken), node))

    def tree(written: Any) -> Tree:
        if isinstance(written, int):
            return steps[written]
        guard, yes, no = written
        return (str(guard), tree(yes), tree(no))

    return DecisionTable(
        name=str(document["chart"]),
        source_sha256=str(document["source_sha256"]),
        states=tuple(
            StateInfo(id_, parent, description, led, tuple(activities))
            for id_, parent, description, led, activities in document["states"]
        ),
        transitions=transitions,
        start=tree(document["start"]),
        nodes=tuple(
            NodeInfo(
                configuration=tuple(node["states"]),
                history=tuple((id_, tuple(value)) for id_, value in node["history"].items()),
                led=node["led"],
                events={event: tree(written) for event, written in node["events"].items()},
            )
            for node in document["nodes"]
        ),
        specification=specifications.from_json(document["specification"]),
    )
