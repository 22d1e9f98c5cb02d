"""What can be seen of a toy from outside, out of its trace: its state, its light, its button, and what happened."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pommai.chart.table import DecisionTable, StateInfo
from pommai.demo.trace_tail import Line


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the story. `at` is in monotonic seconds.

    `who` is a state of the chart, or one of child, toy, server, screen. `pattern` is the light shown when a state with
    a light of its own is entered, else None.
    """

    at: float
    who: str
    words: str
    pattern: str | None = None


@dataclass(slots=True)
class Scene:
    """The toy as it is now. Feed it every line of the trace in order."""

    table: DecisionTable
    states: tuple[str, ...] = ()
    """Active states in document order."""
    configurations: list[tuple[str, ...]] = field(default_factory=list)
    """All there have been."""
    pattern: str | None = None
    """The light pattern shown, since `pattern_since` (monotonic seconds)."""
    pattern_since: float = 0.0
    button_down: bool = False
    events: list[str] = field(default_factory=list)
    """Names of all events there have been."""
    conversations: int = 0
    """Exchanges that the toy has remembered: turns of which somebody knew in words what was said."""
    _event_name: str = ""  # the last one
    _away: set[str] | None = None  # what has been told since the link went down; None while it is up
    _worded: set[int] = field(default_factory=set)  # turns of which somebody knows in words what was said
    _infos: dict[str, StateInfo] = field(init=False)

    def __post_init__(self) -> None:
        self._infos = {state.id: state for state in self.table.states}

    def take(self, line: Line) -> list[Happening]:
        """Note a line of the trace; what a viewer should be told of it."""
        at, name = line["t_us"] / 1e6, str(line["name"])
        match line["kind"]:
            case "event":
                self.events.append(name)
                self._event_name = name
                return list(self._event(at, name, line.get("data") or {}))
            case "operation" if line["op"] == "led":
                if name != self.pattern:
                    self.pattern, self.pattern_since = name, at
            case "operation" if line["op"] == "call":
                return list(_call(at, name, line.get("args") or {}, line["turn"]))
            case "configuration":
                before, self.states = self.states, tuple(line["states"])
                self.configurations.append(self.states)
                return list(self._entered(at, before))
            case "mark":
                return list(self._mark(at, name, line))
        return []

    def shown(self, states: Iterable[str]) -> list[str]:
        """Of newly active states, those worth showing: with a light of their own, else innermost ones.

        An inner state entered together with one around it that has a light is a detail.
        """
        new = set(states)
        found = []
        for info in self.table.states:
            if info.id not in new:
                continue
            lit_above = any(self._infos[above].led for above in self.above(info.id) if above in new)
            innermost = all(other.parent != info.id for other in self.table.states)
            if info.led or (innermost and not lit_above):
                found.append(info.id)
        return found

    def above(self, state: str) -> Iterator[str]:
        """The states around a state, from the innermost on."""
        parent = self._infos[state].parent
        while parent is not None:
            yield parent
            parent = self._infos[parent].parent

    def region(self, state: str) -> str:
        """The parallel region a state lies in: the outermost state below the first one with several active children."""
        path = [*reversed(list(self.above(state))), state]
        for outer, inner in itertools.pairwise(path):
            for configuration in self.configurations:
                if sum(self._infos[active].parent == outer for active in configuration) > 1:
                    return inner
        return path[0]

    @property
    def innermost(self) -> list[str]:
        """Active states without an active child, one a region."""
        parents = {self._infos[state].parent for state in self.states}
        return [state for state in self.states if state not in parents]

    def _entered(self, at: float, before: tuple[str, ...]) -> Iterator[Happening]:
        for state in self.shown(set(self.states) - set(before)):
            if not self._is_news(state):
                continue
            info = self._infos[state]
            first, stop, _ = info.description.partition(". ")
            yield Happening(at, state, " ".join(f"{first}{stop}".split()), info.led or "")

    def _is_news(self, state: str) -> bool:
        """A toy calls its server again and again: of that, only the first time is worth telling."""
        if self._away is None or not self._event_name.startswith("link."):
            return True
        known = state in self._away
        self._away.add(state)
        return not known

    def _mark(self, at: float, name: str, line: Line) -> Iterator[Happening]:
        match name:
            case "understood" if line["text"]:
                self._worded.add(line["turn"])
                yield Happening(at, "toy", f"understands “{line['text']}”")
            case "understood":
                yield Happening(at, "toy", "understands nothing of it")
            case "reply_text" | "answered":
                self._worded.add(line["turn"])
                yield Happening(at, "toy", f"answers “{line['text']}”")
            case "reply_received" if line["turn"] in self._worded:
                self._worded.discard(line["turn"])
                self.conversations += 1

    def _event(self, at: float, name: str, data: dict[str, object]) -> Iterator[Happening]:
        match name:
            case "button.pressed":
                self.button_down = True
                yield Happening(at, "child", "presses the button")
            case "button.released":
                self.button_down = False
                yield Happening(at, "child", f"lets the button go, after {data.get('held_s', 0.0):.1f} s")
            case "button.held":
                yield Happening(at, "child", f"has held the button for {data.get('held_s', 0.0):.1f} s")
            case "wake.heard":
                yield Happening(at, "toy", f"hears its name: “{data.get('phrase')}”")
            case "speech.started":
                yield Happening(at, "toy", "hears speech")
            case "toy.loaded":
                yield Happening(at, "toy", f"is {data.get('toy_id')}")
            case "toy.switch":
                yield Happening(at, "toy", f"is asked to become {data.get('toy_id')}")
            case "safety.pause":
                seconds = data.get("seconds")
                yield Happening(at, "toy", f"is to pause for {seconds:g} s" if seconds else "is to pause")
            case "safety.resume":
                yield Happening(at, "toy", "may go on")
            case "link.up":
                self._away = None
            case "link.down" if self._away is not None:
                pass  # a call that nobody answered
            case "link.down":
                self._away = set()
                yield Happening(at, "toy", f"has lost its server: {data.get('reason')}")
            case "microphone.lost" | "speaker.lost" | "reply.stalled" | "toy.load_failed":
                yield Happening(at, "toy", f"{name}: {data.get('reason')}")
            case "error.action" | "error.activity" | "reply.failed":
                yield Happening(at, "toy", f"{name}: {data.get('error') or data.get('message')}")


def _call(at: float, action: str, args: dict[str, object], turn: int) -> Iterator[Happening]:
    match action:
        case "play":
            yield Happening(at, "toy", f"♪ {args.get('sound')}")
        case "acknowledge":
            yield Happening(at, "toy", "♪ lets the child hear that it listens")
        case "say" | "say_first":
            yield Happening(at, "toy", f"says its {args.get('command')}")
        case "say_calm_words":
            yield Happening(at, "toy", "says some calm words")
        case "abort_turn":
            yield Happening(at, "toy", f"drops turn {turn}: {args.get('reason')}")
        case "take_over":
            yield Happening(at, "toy", f"answers by itself: {args.get('reason')}")
