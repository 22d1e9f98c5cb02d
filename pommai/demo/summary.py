"""What a demo came to, on one screen: states, latencies, bytes, files."""

from __future__ import annotations

import statistics
import textwrap
import wave
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pommai.demo.kept import Kept
from pommai.demo.scene import Scene
from pommai.demo.trace_tail import Line
from pommai.protocol.audio import FRAME_SECONDS

AIMS: Final[Mapping[str, int | None]] = {
    "press → light": 10,
    "press → first frame on the wire": 30,
    "release → last frame on the wire": None,
    "last frame captured → on the wire": 10,
    "first reply frame → first sample": 70,
    "wake phrase ended → acknowledgement": 300,
    "release → first sample, offline": 700,
    "silence noticed → first sample, offline": 700,
    "barge-in press → silence": 30,
}
"""What is measured, in the order shown, and the milliseconds it should stay under; None: as the one after it."""

LONGEST_ROUND: Final = 8
"""States of a round that is said once however often it was made."""


def latencies(lines: Iterable[Line]) -> dict[str, list[float]]:
    """Milliseconds of each thing in AIMS, every time it happened.

    A press and a release count from when the toy took the event from its queue. Silence is when the last sound was
    taken back from the speaker, whose own buffer adds up to 20 ms. A toy that was called notices silence when there
    has been enough of it, `end_of_speech` in the chart.
    """
    found: dict[str, list[float]] = {name: [] for name in AIMS}
    since: dict[str, float] = {}
    last_event = ""

    def measure(what: str, first: str) -> None:
        if first in since:
            found[what].append(line["t_us"] / 1000 - since[first])

    for line in lines:
        match line["kind"], line["name"]:
            case "event", name:
                last_event = name
                if name in ("button.pressed", "wake.heard"):  # a turn begins: what was before it is over
                    called = since.get("child_called")
                    since.clear()
                    if name == "wake.heard" and called is not None:
                        since["child_called"] = called
                since[name] = line["t_us"] / 1000
            case "operation", _ if line["op"] == "led" and last_event == "button.pressed":
                measure("press → light", "button.pressed")
            case "mark", "first_frame_sent":
                measure("press → first frame on the wire", "button.pressed")
            case "mark", "last_frame_sent":
                measure("release → last frame on the wire", "button.released")
                measure("last frame captured → on the wire", "last_frame_captured")
            case "operation", "acknowledge":
                measure("wake phrase ended → acknowledgement", "child_called")
            case "mark", "first_sample" if "answered" in since:
                measure("release → first sample, offline", "button.released")
                if "button.released" not in since:
                    measure("silence noticed → first sample, offline", "speech.ended")
            case "mark", "first_sample":
                measure("first reply frame → first sample", "first_reply_frame")
            case "mark", "silenced" if last_event == "button.pressed":
                measure("barge-in press → silence", "button.pressed")
            case "mark", name:
                since[name] = line["t_us"] / 1000
    return found


def render_summary(
    lines: Sequence[Line],
    scene: Scene,
    files: Sequence[Path],
    sound: str,
    width: int = 100,
    *,
    kept: Kept | None = None,
    alerts: Sequence[str] = (),
) -> str:
    """The summary as text, at most `width` columns wide where that can be."""
    facts = [("sound", sound)]
    facts += [(region, shorten(states)) for region, states in _visited(scene).items()]
    facts += [("speech up", _amount(lines, "speech_sent")), ("answers down", _amount(lines, "reply_received"))]
    if kept is not None and kept.remembered.conversations:
        facts.append(("conversations", kept.words))
    facts += [("alerts" if number == 0 else "", alert) for number, alert in enumerate(alerts)]
    facts += [("files" if number == 0 else "", _about(file)) for number, file in enumerate(files)]
    column = max(len(name) for name, _ in facts) + 2
    text = [
        textwrap.fill(
            words, width, initial_indent=f"{name:{column}}", subsequent_indent=" " * column, break_long_words=False
        )
        for name, words in facts
    ]
    measured = {name: values for name, values in latencies(lines).items() if values}
    if measured:
        column = max(len(name) for name in measured) + 2
        text += ["", f"{'milliseconds':{column}}{'median':>8}{'worst':>8}{'times':>8}{'aim':>8}"]
    for name, values in measured.items():
        middle, worst = statistics.median(values), max(values)
        text.append(f"{name:{column}}{middle:8.1f}{worst:8.1f}{len(values):8}{AIMS[name] or '':>8}")
    return "\n".join(text)


def shorten(states: Sequence[str]) -> str:
    """A way through states, where what is gone through again at once is said once: a → (b → c) ×3."""
    found: list[str] = []
    at = 0
    while at < len(states):
        size, times = 1, 1
        for length in range(1, LONGEST_ROUND + 1):
            round_, count = states[at : at + length], 1
            while states[at + count * length : at + (count + 1) * length] == round_:
                count += 1
            if count > 1 and count * length > size * times:
                size, times = length, count
        words = " → ".join(states[at : at + size])
        found.append(words if times == 1 else f"{words} ×{times}" if size == 1 else f"({words}) ×{times}")
        at += size * times
    return " → ".join(found)


def _visited(scene: Scene) -> dict[str, list[str]]:
    """States worth showing in the order they were entered, by region."""
    found: dict[str, list[str]] = {}
    before: set[str] = set()
    for configuration in scene.configurations:
        for state in scene.shown(set(configuration) - before):
            found.setdefault(scene.region(state), []).append(state)
        before = set(configuration)
    return found


def _amount(lines: Sequence[Line], mark: str) -> str:
    marks = [line for line in lines if line["kind"] == "mark" and line["name"] == mark and line["frames"]]
    frames, size = sum(line["frames"] for line in marks), sum(line["bytes"] for line in marks)
    if not frames:
        return "none"
    seconds = frames * FRAME_SECONDS
    rate = size * 8 / seconds / 1000
    turns = "1 turn" if len(marks) == 1 else f"{len(marks)} turns"
    return f"{frames} frames ({seconds:.1f} s) in {turns}, {size:,} bytes of Opus, {rate:.1f} kbit/s"


def _about(file: Path) -> str:
    if not file.exists():
        return f"{file}: was not written"
    more = ""
    if file.suffix == ".wav":
        with wave.open(str(file)) as sound:
            more = f", {sound.getnframes() / sound.getframerate():.1f} s"
    elif file.suffix == ".jsonl":
        more = f", {file.read_bytes().count(bytes([10])):,} lines"
    return f"{file}: {file.stat().st_size / 1000:,.1f} kB{more}"
