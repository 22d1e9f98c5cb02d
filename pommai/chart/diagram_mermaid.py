"""A chart as a Mermaid state diagram (`stateDiagram-v2`), which GitHub and many editors draw."""

from __future__ import annotations

from collections.abc import Iterator

from pommai.chart.diagram import Face, Label, Picture, begins, picture
from pommai.chart.model import Chart, State

_RESERVED = frozenset({"state", "note", "direction", "end", "as", "class", "classDef", "style", "click", "default"})


def mermaid(chart: Chart) -> str:
    """The diagram's text. Lights (💡), activities (▶), timers (⏱) and actions (/) are written into the states."""
    shown = picture(chart)
    lines = ["stateDiagram-v2", "    direction LR"]
    lines += _inside(chart.states, shown, 1)
    for arrow in shown.arrows:
        words = "<br>".join(_label(label) for label in arrow.labels)
        lines.append(f"    {_id(arrow.source)} --> {_id(arrow.target)} : {words}")
    return "\n".join(lines) + "\n"


def _inside(states: tuple[State, ...], shown: Picture, depth: int) -> Iterator[str]:
    indent = "    " * depth
    yield f"{indent}[*] --> {_id(begins(states).id)}"
    for state in states:
        yield from _state(state, shown, depth)


def _state(state: State, shown: Picture, depth: int) -> Iterator[str]:
    indent = "    " * depth
    words = "<br>".join([state.id, *_face(state, shown.faces[state.id])])
    yield f'{indent}state "{words}" as {_id(state.id)}' + (" {" if state.children else "")
    if state.parallel:
        for index, region in enumerate(state.children):
            if index:
                yield f"{indent}    --"
            yield from _state(region, shown, depth + 1)
    elif state.children:
        yield from _inside(state.children, shown, depth + 1)
    for remembered in state.history:
        mark = "H*" if remembered.deep else "H"
        yield f'{indent}    state "{mark} {remembered.id}" as {_id(remembered.id)}'
        for default in remembered.default:
            yield f"{indent}    {_id(remembered.id)} --> {_id(default.targets[0])}"
    if state.children:
        yield f"{indent}}}"
    if state.final:
        yield f"{indent}{_id(state.id)} --> [*]"


def _face(state: State, face: Face) -> Iterator[str]:
    if state.led:
        yield _plain(f"💡 {state.led.pattern}")
    if face.activities:
        yield _plain(f"▶ {', '.join(face.activities)}")
    if face.enter:
        yield _plain(f"enter / {', '.join(face.enter)}")
    if face.exit:
        yield _plain(f"exit / {', '.join(face.exit)}")
    for reaction in face.reactions:
        yield _label(reaction.label, reaction.target)


def _label(label: Label, target: str = "") -> str:
    parts = [f"⏱ {label.event}" if label.timer else label.event]
    if label.guard:
        parts.append(f"[{label.guard}]")
    if target:
        parts.append(f"→ {target}")
    if label.actions:
        parts.append(f"/ {', '.join(label.actions)}")
    return _plain(" ".join(part for part in parts if part))


def _plain(text: str) -> str:
    """Text without the characters that mean something in Mermaid's labels."""
    for character, stand_in in (("#", "＃"), (";", ","), (":", "∶"), ('"', "'"), ("<", "‹"), (">", "›")):
        text = text.replace(character, stand_in)
    return text


def _id(id_: str) -> str:
    return f"{id_}_" if id_ in _RESERVED else id_
