"""Scripts: what a child and a server do in a demo, step by step, as YAML.

    steps:
      - note: words shown to the viewer
      - press                                  the child presses the button, and holds it
      - say: hello.wav                         the child speaks; the step lasts as long as the speech
      - wait: 600ms                            nothing, for a while
      - release                                the child lets the button go
      - until: speaking                        wait for a state of the chart, 10 s at most
      - until: {state: idle, within: 20s}      ... or another time
      - gateway: kill                          kill the server; start: start it anew, at the same address
      - gateway: switch robo-rex               a line for its operator's console; also pause [TIME [MESSAGE]], resume

`until` is satisfied by any state the toy has been in since the script last did something, or since the last `until`:
a state that is over in a moment is not missed. Files are looked up beside the script.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pommai.errors import ScriptError, SoundError
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SECONDS
from pommai.source import Node, Reader, Scalar, did_you_mean

WITHIN: Final = 10.0
"""Seconds a step waits for a state, unless it says otherwise."""
OPERATOR: Final = ("switch", "pause", "resume")
"""What the gateway's console is asked for in scripts."""
_BARE: Final = ("press", "release")
_KEYS: Final = ("say", "wait", "until", "gateway", "note")


@dataclass(frozen=True, slots=True)
class Press:
    """The button goes down."""


@dataclass(frozen=True, slots=True)
class Release:
    """The button comes up."""


@dataclass(frozen=True, slots=True)
class Say:
    """The child says a WAV file; `frames` is what is in it."""

    path: Path
    frames: tuple[bytes, ...]

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return len(self.frames) * FRAME_SECONDS


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Until:
    """Wait for a state, `within` seconds. `place` is where the script says so, as file:line."""

    state: str
    within: float
    place: str


@dataclass(frozen=True, slots=True)
class Server:
    """`kill`, `start`, or a line for the gateway's operator."""

    words: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words for the viewer."""

    words: str


Step = Press | Release | Say | Wait | Until | Server | Note


def load_script(path: Path, states: Collection[str]) -> tuple[Step, ...]:
    """The steps of a script for a chart that has these `states`.

    Raises ScriptError with every mistake: unknown steps and states, WAV files that are missing or of another format.
    """
    reader = Reader.of_file(path, ScriptError)
    root = reader.mapping(reader.root, "the script", allowed=("steps",), required=("steps",))
    written = None if root is None else root.get("steps")
    items = None if written is None else reader.sequence(written, "steps")
    steps = [_step(reader, item, path.parent, states) for item in items or ()]
    if items == ():
        reader.problem(reader.root, "the script has no steps", "begin with `- press`")
    reader.finish()
    return tuple(step for step in steps if step is not None)


def _step(reader: Reader, node: Node, folder: Path, states: Collection[str]) -> Step | None:
    if isinstance(node, Scalar):
        word = reader.text(node, "a step")
        if word in _BARE:
            return Press() if word == "press" else Release()
        if word is not None:
            reader.problem(
                node, f"there is no step '{word}'", did_you_mean(word, (*_BARE, *(f"{k}: …" for k in _KEYS)))
            )
        return None
    entries = reader.mapping(node, "a step", allowed=_KEYS)
    if entries is None or len(list(entries)) != 1:
        if entries is not None:
            reader.problem(node, "a step does one thing", "begin each with a dash of its own")
        return None
    ((key, value),) = entries
    match key.text:
        case "say":
            return _say(reader, value, folder)
        case "wait":
            seconds = reader.duration(value, "the time to wait", maximum=600.0)
            return None if seconds is None else Wait(seconds)
        case "until":
            return _until(reader, value, states)
        case "gateway":
            return _server(reader, value)
        case "note":
            words = reader.text(value, "a note")
            return None if words is None else Note(" ".join(words.split()))
    return None


def _say(reader: Reader, node: Node, folder: Path) -> Say | None:
    name = reader.text(node, "what to say")
    if name is None:
        return None
    path = folder / name
    try:
        return Say(path, tuple(read_wav(path)))
    except SoundError as caught:
        reader.problem(node, str(caught))
        return None


def _until(reader: Reader, node: Node, states: Collection[str]) -> Until | None:
    within: float | None = WITHIN
    place = f"{reader.file}:{node.line}"
    named: Node | None = node
    if not isinstance(node, Scalar):
        entries = reader.mapping(node, "until", allowed=("state", "within"), required=("state",))
        if entries is None:
            return None
        named, limit = entries.get("state"), entries.get("within")
        if limit is not None:
            within = reader.duration(limit, "within", maximum=600.0)
    state = None if named is None else reader.choice(named, "a state to wait for", states)
    return None if state is None or within is None else Until(state, within, place)


def _server(reader: Reader, node: Node) -> Server | None:
    words = reader.text(node, "what the gateway does")
    if words is None:
        return None
    first, *more = words.split()
    known = ("kill", "start", *OPERATOR)
    if first not in known:
        reader.problem(node, f"the gateway cannot '{first}'", did_you_mean(first, known))
    elif first in ("kill", "start", "resume") and more:
        reader.problem(node, f"'{first}' stands alone, without '{' '.join(more)}'")
    elif first == "switch" and not more:
        reader.problem(node, "switch to which toy?", "as in: switch robo-rex")
    return Server(" ".join([first, *more]))
