"""Profiles: what kind of child, home and network plays with the toy, as weights and timings in YAML.

    description: A child of four, a good network.
    guards:                                 # how often a guard holds, for the table, which has no devices to ask
      heard_speech: 0.8
    sources:
      button:
        begin: button.released              # as if this had just happened; without it the source rests at first
        chain:
          button.released:
            - {weight: 6, wait: 2s..30s, then: button.pressed}
          button.pressed:
            - {weight: 9, wait: 400ms..4s, then: button.released}
            - {weight: 1, wait: 3s, then: button.held}
          button.held:
            - {wait: 0s..8s, then: button.released}
      cloud:
        wakes_on: [button.released]         # a source that rests goes on when another one says this
        chain:
          button.released:
            - {weight: 9, wait: 300ms..2s, then: reply.started, with: {frames: [5, 50]}}
            - {weight: 1, wait: 0s, then: nothing}
          reply.started:
            - {wait: 1s..6s, then: reply.finished}

Each source is a Markov chain over events: after one, a next is drawn by weight, and comes after a wait drawn evenly
from its range. After an event that its chain does not know, or `nothing`, a source rests. Of a list in `with` one value
is drawn. Besides the chart's events there are deeds of a server that the chart does not hear of (`DEEDS`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pommai.errors import ProfileError, SettingsError
from pommai.events import EVENTS
from pommai.guards import GUARDS
from pommai.source import Node, Reader, did_you_mean, parse_duration, quote

NOTHING: Final = "nothing"
"""What comes next when a source is to rest."""
DEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "server.stalls": "The server does not read: frames pile up.",
        "server.reads": "The server reads again.",
        "server.garbage": "The server sends an answer that is no Opus.",
        "server.silence": "The server sends an answer without sound.",
        "server.words": "The server sends its answer as text.",
    }
)
"""What only a whole toy notices: the table's engine leaves these out."""
OPTIONS: Final[Mapping[str, type]] = MappingProxyType(
    {"older": int, "frames": int, "first": int, "order": int, "code": str, "update": bool}
)
"""How a server answers, for a whole toy: `older` turns ago, so many `frames` from the number `first` on, shuffled by
`order`; with the error `code`; with an `update` instead of the configuration that was asked for."""
MAX_WEIGHT: Final = 1000
MAX_WAIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One way a chain may go on. Times are in microseconds; `data` has the values each field is drawn from."""

    weight: int
    least_us: int
    span_us: int
    event: str
    data: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A Markov chain over events."""

    name: str
    begin: str | None
    wakes_on: tuple[str, ...]
    chain: Mapping[str, tuple[Choice, ...]]


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole profile. `guards` are probabilities, 0.0..1.0; a guard that is not named holds every other time."""

    name: str
    sha256: str
    description: str
    guards: Mapping[str, float]
    sources: tuple[Source, ...]

    @property
    def events(self) -> frozenset[str]:
        """Every event or deed that its sources can come to."""
        return frozenset(
            choice.event for source in self.sources for choices in source.chain.values() for choice in choices
        ) - {NOTHING}


FOLDER: Final = Path(__file__).resolve().parent / "profiles"


def shipped_profiles() -> dict[str, Path]:
    """The profiles that come with Pommai, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def load_profile(name: str) -> Profile:
    """A shipped profile by its name, or one's own by its file. Raises ProfileError with every problem in it."""
    shipped = shipped_profiles()
    if name in shipped:
        return read_profile(Reader.of_file(shipped[name], ProfileError), name)
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return read_profile(Reader.of_file(path, ProfileError), path.stem)
    raise SettingsError(
        f"there is no profile '{name}' ({did_you_mean(name, shipped)}); one of your own is a file: my_profile.yaml"
    )


def read_profile(reader: Reader, name: str) -> Profile:
    """Read a profile. Raises ProfileError with every problem found."""
    return _Reading(reader, name).profile()


class _Reading:
    def __init__(self, reader: Reader, name: str) -> None:
        self.reader = reader
        self.name = name

    def profile(self) -> Profile:
        reader = self.reader
        allowed = ("description", "guards", "sources")
        root = reader.mapping(reader.root, "a profile", allowed=allowed, required=("sources",))
        description, guards, sources = "", {}, []
        if root is not None:
            if (node := root.get("description")) is not None:
                description = reader.text(node, "the description") or ""
            if (node := root.get("guards")) is not None:
                guards = self.guards(node)
            if (node := root.get("sources")) is not None and (found := reader.mapping(node, "the sources")) is not None:
                sources = [self.source(key.text, value) for key, value in found]
                if not sources:
                    reader.problem(node, "a profile without sources lets nothing happen")
        reader.finish()
        return Profile(self.name, reader.sha256, " ".join(description.split()), guards, tuple(filter(None, sources)))

    def guards(self, node: Node) -> dict[str, float]:
        found = self.reader.mapping(node, "the guards", allowed=GUARDS)
        chances = {}
        for key, value in found or ():
            chance = self.reader.number(value, f"how often '{key.text}' holds", 0.0, 1.0)
            if chance is not None:
                chances[key.text] = chance
        return chances

    def source(self, name: str, node: Node) -> Source | None:
        reader = self.reader
        allowed = ("description", "begin", "wakes_on", "chain")
        keys = reader.mapping(node, f"the source '{name}'", allowed=allowed, required=("chain",))
        if keys is None:
            return None
        begin = self.event(keys.get("begin"), "begin")
        woken = keys.get("wakes_on")
        wakes = [] if woken is None else [self.event(item, "wakes_on") for item in reader.one_or_many(woken)]
        chain: dict[str, tuple[Choice, ...]] = {}
        if (written := keys.get("chain")) is not None:
            for key, value in reader.mapping(written, f"the chain of '{name}'") or ():
                self.event(key, "chain")
                chain[key.text] = tuple(filter(None, map(self.choice, reader.one_or_many(value))))
        if begin is None and "begin" not in keys and "wakes_on" not in keys:
            reader.problem(node, f"the source '{name}' never begins", "give it begin: or wakes_on:")
        for event in (begin, *wakes):
            if event is not None and event not in chain and written is not None:
                reader.problem(node, f"the chain of '{name}' does not say what comes after '{event}'")
        return Source(name, begin, tuple(filter(None, wakes)), chain)

    def event(self, node: Node | None, what: str, *, also: tuple[str, ...] = ()) -> str | None:
        if node is None:
            return None
        name = self.reader.text(node, what)
        if name is None or name in EVENTS or name in DEEDS or name in also:
            return name
        hint = did_you_mean(name, (*EVENTS, *DEEDS, *also))
        self.reader.problem(node, f"no event is called {quote(name)}", hint)
        return None

    def choice(self, node: Node) -> Choice | None:
        reader = self.reader
        allowed = ("weight", "wait", "then", "with")
        keys = reader.mapping(node, "a choice", allowed=allowed, required=("wait", "then"))
        if keys is None:
            return None
        weight: int | None = 1
        if (written := keys.get("weight")) is not None:
            weight = reader.integer(written, "the weight", 1, MAX_WEIGHT)
        wait = self.wait(keys.get("wait"))
        event = self.event(keys.get("then"), "then", also=(NOTHING,))
        data: dict[str, tuple[object, ...]] = {}
        if (written := keys.get("with")) is not None and event is not None:
            data = self.data(written, event)
        if weight is None or wait is None or event is None:
            return None
        return Choice(weight, wait[0], wait[1] - wait[0], event, data)

    def wait(self, node: Node | None) -> tuple[int, int] | None:
        """The range in microseconds, both ends included."""
        text = None if node is None else self.reader.text(node, "the wait")
        if node is None or text is None:
            return None
        least, _, most = text.partition("..")
        ends = [parse_duration(end) for end in (least, most or least)]
        if ends[0] is None or ends[1] is None:
            self.reader.problem(
                node, f"a wait is a duration or a range of them, not {quote(text)}", "write 2s or 2s..30s"
            )
            return None
        if not ends[0] <= ends[1] <= MAX_WAIT_S:
            self.reader.problem(node, f"a wait goes from less to more, up to a day: not {quote(text)}")
            return None
        return round(ends[0] * 1e6), round(ends[1] * 1e6)

    def data(self, node: Node, event: str) -> dict[str, tuple[object, ...]]:
        types: dict[str, type] = {} if event not in EVENTS else {k: f.type for k, f in EVENTS[event].fields.items()}
        types |= OPTIONS
        found = self.reader.mapping(node, f"what '{event}' comes with", allowed=types)
        values = {}
        for key, value in found or ():
            if key.text in types:
                drawn = [self.value(item, key.text, types[key.text]) for item in self.reader.one_or_many(value)]
                values[key.text] = tuple(value for value in drawn if value is not None)
        return {key: drawn for key, drawn in values.items() if drawn}

    def value(self, node: Node, what: str, kind: type) -> object:
        reader = self.reader
        if kind is int:
            return reader.integer(node, what, 0, 10_000)
        if kind is float:
            return reader.number(node, what)
        return reader.boolean(node, what) if kind is bool else reader.text(node, what)


def stream_seed(seed: int, number: int) -> int:
    """The seed of one stream of a campaign: the same on every machine and for any number of workers."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:8], "big")
