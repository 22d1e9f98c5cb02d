"""Scripts: what a child and a server do in a demo, step by step, as YAML.

    needs: speech_model                        it is no use without one; may be left out

    steps:
      - note: words shown to the viewer
      - press                                  the child presses the button, and holds it
      - say: hello.wav                         the child speaks; the step lasts as long as the speech
      - say: {file: hello.wav, words: Hello!}  ... and the viewer is shown the words
      - say: {file: hello.wav, next: 400ms}    ... and the next step comes after so long, in the middle of the speech
      - call: hey-pommai.wav                   the child says this until the toy hears its name, 20 s at most
      - wait: 600ms                            nothing, for a while
      - release                                the child lets the button go
      - until: speaking                        wait for a state of the chart, 10 s at most
      - until: {state: idle, within: 20s}      ... or another time
      - until: {event: speech.ended}           wait for an event
      - until: {alert: violence}               wait for an alert at the server with this in its severity and reason
      - until: {synced: true}                  wait until the server has acknowledged all that the toy remembers
      - gateway: kill                          kill the server; start: start it anew, at the same address
      - gateway: switch robo-rex               a line for its operator's console; also pause [TIME [MESSAGE]], resume

`until` is satisfied by any state and event there has been since the script last did something, or since the last
`until`: what is over in a moment is not missed. An alert counts from when it came, until a step has waited for it.
`call` takes `words` and `within`, too. Files are looked up beside the script.
"""

from __future__ import annotations

import array
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from pommai.errors import ScriptError, SoundError
from pommai.events import EVENTS
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SECONDS
from pommai.source import Node, Reader, Scalar, did_you_mean

WITHIN: Final = 10.0
"""Seconds a step waits for something, unless it says otherwise."""
CALL_WITHIN: Final = 20.0
"""Seconds a child goes on calling, unless the step says otherwise."""
LONGEST: Final = 600.0
"""Seconds of any step."""
QUIET: Final = 300
"""Samples up to this height are silence."""
OPERATOR: Final = ("switch", "pause", "resume")
"""What the gateway's console is asked for in scripts."""
SPEECH_MODEL: Final = "speech_model"
_BARE: Final = ("press", "release")
_KEYS: Final = ("say", "call", "wait", "until", "gateway", "note")

Waited = Literal["state", "event", "alert", "synced"]
_WAITED: Final[tuple[Waited, ...]] = ("state", "event", "alert", "synced")


@dataclass(frozen=True, slots=True)
class Press:
    """The button goes down."""


@dataclass(frozen=True, slots=True)
class Release:
    """The button comes up."""


@dataclass(frozen=True, slots=True)
class Say:
    """The child says a WAV file; `frames` is what is in it, `words` what the viewer is shown, if anything.

    `next_after` is when the next step comes, in seconds from the beginning; None: when all has been said.
    """

    path: Path
    frames: tuple[bytes, ...]
    words: str = ""
    next_after: float | None = None

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return len(self.frames) * FRAME_SECONDS

    @property
    def spoken_seconds(self) -> float:
        """... up to the end of the last frame that is louder than QUIET."""
        loud = [number for number, frame in enumerate(self.frames, 1) if max(map(abs, array.array("h", frame))) > QUIET]
        return (loud[-1] if loud else 0) * FRAME_SECONDS


@dataclass(frozen=True, slots=True)
class Call:
    """The child says this again and again until the toy hears its name, for `within` seconds at most."""

    say: Say
    within: float
    place: str
    """Where the script says so, as file:line."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Until:
    """Wait for a state or an event of this `name`, for an alert with it in its words, or until all is synced."""

    what: Waited
    name: str
    within: float
    """Seconds."""
    place: str
    """Where the script says so, as file:line."""


@dataclass(frozen=True, slots=True)
class Server:
    """`kill`, `start`, or a line for the gateway's operator."""

    words: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words for the viewer."""

    words: str


Step = Press | Release | Say | Call | Wait | Until | Server | Note


def load_script(path: Path, states: Collection[str], *, can_understand: bool = True) -> tuple[Step, ...]:
    """The steps of a script for a chart that has these `states`, and a toy that has a speech model, or not.

    Raises ScriptError with every mistake: unknown steps and states, WAV files that are missing or of another format.
    """
    reader = Reader.of_file(path, ScriptError)
    root = reader.mapping(reader.root, "the script", allowed=("needs", "steps"), required=("steps",))
    needs = None if root is None else root.get("needs")
    if needs is not None and reader.choice(needs, "what a script needs", (SPEECH_MODEL,)) and not can_understand:
        reader.problem(
            needs,
            "this toy has no speech model",
            "one that understands the voices of the examples is in the source checkout, in tests/data/vosk-tiny/model; "
            "name its folder in POMMAI_VOSK_MODEL",
        )
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
        case "call":
            return _call(reader, value, folder)
        case "wait":
            seconds = reader.duration(value, "the time to wait", maximum=LONGEST)
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
    if isinstance(node, Scalar):
        return _speech(reader, node, folder)
    entries = reader.mapping(node, "what to say", allowed=("file", "words", "next"), required=("file",))
    said = None if entries is None else _speech(reader, entries.get("file"), folder, entries.get("words"))
    if entries is None or said is None:
        return None
    early = entries.get("next")
    if early is None:
        return said
    seconds = reader.duration(early, "next", maximum=said.seconds)
    return None if seconds is None else replace(said, next_after=seconds)


def _call(reader: Reader, node: Node, folder: Path) -> Call | None:
    place = f"{reader.file}:{node.line}"
    if isinstance(node, Scalar):
        said = _speech(reader, node, folder)
        return None if said is None else Call(said, CALL_WITHIN, place)
    entries = reader.mapping(node, "a call", allowed=("file", "words", "within"), required=("file",))
    if entries is None:
        return None
    said = _speech(reader, entries.get("file"), folder, entries.get("words"))
    within = _within(reader, entries.get("within"), CALL_WITHIN)
    return None if said is None or within is None else Call(said, within, place)


def _speech(reader: Reader, file: Node | None, folder: Path, words: Node | None = None) -> Say | None:
    name = None if file is None else reader.text(file, "what to say")
    shown = "" if words is None else reader.text(words, "the words")
    if file is None or name is None or shown is None:
        return None
    path = folder / name
    try:
        return Say(path, tuple(read_wav(path)), " ".join(shown.split()))
    except SoundError as caught:
        reader.problem(file, str(caught))
        return None


def _until(reader: Reader, node: Node, states: Collection[str]) -> Until | None:
    place = f"{reader.file}:{node.line}"
    if isinstance(node, Scalar):
        state = reader.choice(node, "a state to wait for", states)
        return None if state is None else Until("state", state, WITHIN, place)
    entries = reader.mapping(node, "until", allowed=(*_WAITED, "within"))
    if entries is None:
        return None
    named = [(what, value) for what in _WAITED if (value := entries.get(what)) is not None]
    if len(named) != 1:
        if all(key.text in (*_WAITED, "within") for key, _ in entries):
            reader.problem(node, "until waits for one thing", f"one of {', '.join(_WAITED)}")
        return None
    ((what, value),) = named
    within = _within(reader, entries.get("within"), WITHIN)
    name = _waited(reader, what, value, states)
    return None if name is None or within is None else Until(what, name, within, place)


def _waited(reader: Reader, what: Waited, node: Node, states: Collection[str]) -> str | None:
    match what:
        case "state":
            return reader.choice(node, "a state to wait for", states)
        case "event":
            return reader.choice(node, "an event to wait for", EVENTS)
        case "alert":
            return reader.text(node, "an alert to wait for")
        case "synced":
            if reader.boolean(node, "synced") is False:
                reader.problem(node, "nobody can wait for something not to be synced", "write true")
            return ""


def _within(reader: Reader, node: Node | None, usual: float) -> float | None:
    return usual if node is None else reader.duration(node, "within", maximum=LONGEST)


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
