"""A chart as a Graphviz drawing: the text that `dot` lays out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import chain

from pommai.chart.diagram import Arrow, Face, Label, Picture, begins, picture
from pommai.chart.model import Chart, State

Swatches = tuple[str, ...]
"""Colours of a light pattern, as `#rrggbb`: one, or a few for one that changes its colour."""

INK = "#2b2f38"
SOFT = "#7a8190"
LINE = "#c3c8d2"
PAPER = "#ffffff"
FONT = "Helvetica,Arial,sans-serif"

WIDTH = 44
"""Characters of a line, above which the actions get a line of their own."""

_FILLS = ("#f4f6fa", "#fbfcfe", "#f4f6fa", "#fbfcfe")
"""Background of clusters, by depth."""


def dot(chart: Chart, colours: Mapping[str, Swatches], papers: Mapping[str, str] | None = None) -> str:
    """The drawing's text. `colours` has the swatches of each light pattern; those missing are shown without.

    `papers` has backgrounds for states that have no states inside, as `#rrggbb`; the others are white.
    """
    return _Drawing(chart, colours, papers or {}).text()


class _Drawing:
    def __init__(self, chart: Chart, colours: Mapping[str, Swatches], papers: Mapping[str, str]) -> None:
        self.papers = papers
        self.chart = chart
        self.colours = colours
        self.picture: Picture = picture(chart)
        self.states = {state.id: state for state in chart.walk()}
        self.histories = {h.id: state.id for state in chart.walk() for h in state.history}

    def text(self) -> str:
        return "\n".join(chain(self.head(), self.inside(self.chart.states, "", 1), self.arrows(), ["}"])) + "\n"

    def head(self) -> Iterator[str]:
        yield f"digraph {_quoted(self.chart.name)} {{"
        tip = _quoted(self.chart.description or self.chart.name)
        yield f'  graph [compound=true, rankdir=TB, bgcolor="{PAPER}", fontname="{FONT}", fontsize=12, tooltip={tip},'
        yield "         fontcolor=" + _quoted(INK) + ", nodesep=0.45, ranksep=0.34, pad=0.3, splines=true]"
        yield f'  node [shape=plain, fontname="{FONT}", fontsize=11, fontcolor="{INK}"]'
        yield f'  edge [fontname="{FONT}", fontsize=9, fontcolor="{INK}", color="{SOFT}", arrowsize=0.7, penwidth=1.2]'

    # -- states ---------------------------------------------------------------------------

    def inside(self, states: tuple[State, ...], parent: str, depth: int, *, parallel: bool = False) -> Iterator[str]:
        if not parallel and (parent or len(states) > 1):
            dot = f"{parent}.begin"
            yield f'  {_quoted(dot)} [shape=circle, style=filled, fillcolor="{INK}", label="", width=0.12, height=0.12]'
            first = begins(states)
            yield f"  {_quoted(dot)} -> {_quoted(self.port(first.id))} [{self.ends('', first.id)}weight=8]"
        for state in states:
            yield from self.cluster(state, depth) if state.children else self.box(state)

    def cluster(self, state: State, depth: int) -> Iterator[str]:
        region = state.parent is not None and self.states[state.parent].parallel
        yield f"  subgraph {_quoted('cluster_' + state.id)} {{"
        style = "rounded,dashed,filled" if region else "rounded,filled"
        yield f'  style="{style}"; color="{LINE}"; penwidth=1.2; fillcolor="{_FILLS[depth % len(_FILLS)]}"; margin=14;'
        yield f"  labeljust=l; label=<{self.title(state)}>; tooltip={_tip(state)};"
        yield from self.inside(state.children, state.id, depth + 1, parallel=state.parallel)
        for remembered in state.history:
            mark = "H*" if remembered.deep else "H"
            here = _quoted(remembered.id)
            yield f'  {here} [shape=circle, label="{mark}", width=0.3, fixedsize=true, color="{SOFT}"]'
            for default in remembered.default:
                target = default.targets[0]
                yield f"  {here} -> {_quoted(self.port(target))} [{self.ends('', target)}style=dashed]"
        yield "  }"

    def title(self, state: State) -> str:
        rows = [self.name(state, 13), *self.face(state)]
        return _table(rows)

    def box(self, state: State) -> Iterator[str]:
        rows = [self.name(state, 12), *self.face(state)]
        border = 3 if state.final else 1
        shape = f'STYLE="ROUNDED" BGCOLOR="{self.papers.get(state.id, PAPER)}" COLOR="{self.line(state)}"'
        table = _table(rows, border=border, padding=3, shape=shape)
        yield f"  {_quoted(state.id)} [label=<{table}>, tooltip={_tip(state)}]"

    def name(self, state: State, size: int) -> str:
        words = f'<B><FONT POINT-SIZE="{size}">{_text(state.id)}</FONT></B>'
        if state.parallel:
            words += "  " + _small("all of these at the same time")
        if state.led:
            dots = "".join(f'<FONT COLOR="{colour}">●</FONT>' for colour in self.colours.get(state.led.pattern, ()))
            words += f"  {dots} {_small(state.led.pattern)}"
        return words

    def face(self, state: State) -> list[str]:
        face: Face = self.picture.faces[state.id]
        rows = []
        if face.activities:
            rows.append(f'<FONT POINT-SIZE="10">▸ {_text(", ".join(face.activities))}</FONT>')
        if face.enter:
            rows.append(_small(f"enter / {', '.join(face.enter)}"))
        if face.exit:
            rows.append(_small(f"exit / {', '.join(face.exit)}"))
        for reaction in face.reactions:
            again = "↻" if reaction.target == state.id else f"→ {reaction.target}" if reaction.target else ""
            rows.append(f'<FONT POINT-SIZE="9">{_label(reaction.label, again)}</FONT>')
        return rows

    def line(self, state: State) -> str:
        return SOFT if state.led is None else self.tint(state.id)

    # -- arrows ---------------------------------------------------------------------------

    def arrows(self) -> Iterator[str]:
        for arrow in self.picture.arrows:
            yield self.arrow(arrow)

    def arrow(self, arrow: Arrow) -> str:
        tint = self.tint(arrow.source)
        ink = INK if tint == SOFT else tint
        label = _table([_label(label, ink=ink) for label in arrow.labels])
        begin, end, back = arrow.source, arrow.target, ""
        if self.leads_back(arrow):
            # What leads out of one state into the inside of an earlier one would pull that below everything: Graphviz
            # is told of an arrow the other way round. (With constraint=false, it fails on some charts.)
            begin, end, back = end, begin, "dir=back, "
        return (
            f"  {_quoted(self.port(begin))} -> {_quoted(self.port(end))} "
            f'[{self.ends(begin, end)}{back}color="{tint}", label=<{label}>]'
        )

    def leads_back(self, arrow: Arrow) -> bool:
        order = list(self.states)
        source, target = (self.histories.get(id_, id_) for id_ in (arrow.source, arrow.target))
        siblings = self.states[source].parent == self.states[target].parent
        return not siblings and order.index(target) < order.index(source)

    def port(self, id_: str) -> str:
        """The node at which an arrow to or from this state begins: for a state with states inside, its first dot."""
        state = self.states.get(id_)
        if state is None or not state.children:
            return id_
        return self.port(state.children[0].id) if state.parallel else f"{id_}.begin"

    def ends(self, source: str, target: str) -> str:
        """Let the arrow begin and end at the border of a cluster, unless it comes from within that."""
        ends = ""
        for key, id_, other in (("ltail", source, target), ("lhead", target, source)):
            if id_ in self.states and self.states[id_].children and not self.within(other, id_):
                ends += f"{key}={_quoted('cluster_' + id_)}, "
        return ends

    def within(self, id_: str, outer: str) -> bool:
        """Whether a state, or a history, stands inside another state."""
        above: str | None = self.histories.get(id_) or (self.states[id_].parent if id_ in self.states else None)
        while above not in (None, outer):
            above = self.states[above].parent
        return above == outer

    def tint(self, id_: str) -> str:
        """The colour of a state's arrows: its light's, dark enough to be seen on paper."""
        state: State | None = self.states[id_]
        while state is not None and state.led is None:
            state = self.states[state.parent] if state.parent else None
        swatches = self.colours.get(state.led.pattern, ()) if state and state.led else ()
        return _inked(swatches[0]) if len(swatches) == 1 else SOFT


def _table(rows: list[str], *, border: int = 0, padding: int = 1, shape: str = "") -> str:
    cells = "".join(f'<TR><TD ALIGN="LEFT" BALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<TABLE BORDER="{border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}" {shape}>{cells}</TABLE>'


def _label(label: Label, target: str = "", *, ink: str = INK) -> str:
    words = []
    if label.event:
        event = f"◷ <B>{_text(label.event)}</B>" if label.timer else f"<B>{_text(label.event)}</B>"
        words.append(f'<FONT COLOR="{ink}">{event}</FONT>')
    if label.guard:
        words.append(f"<I>[{_text(label.guard)}]</I>")
    if target:
        words.append(_text(target))
    first = " ".join(words)
    actions = f"/ {', '.join(label.actions)}" if label.actions else ""
    length = len(" ".join((label.event, label.guard, target, actions)))
    space = "<BR/>" if length > WIDTH else " "
    return space.join(part for part in (first, _small(actions) if actions else "") if part)


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="9" COLOR="{SOFT}">{_text(text)}</FONT>'


def _text(text: str) -> str:
    return escape(text, quote=False)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tip(state: State) -> str:
    return _quoted(f"{state.id}: {state.description}" if state.description else state.id)


def _inked(colour: str) -> str:
    """A colour dark enough for thin lines on white."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    light = (0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2]) / 255
    share = min(1.0, 0.45 / light) if light else 1.0
    return "#" + "".join(f"{round(part * share):02x}" for part in parts)
