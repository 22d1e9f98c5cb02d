"""What a demo came to, on one screen: states, latencies, bytes, files."""

from __future__ import annotations

import statistics
import textwrap
import wave
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pommai.demo.scene import Scene
from pommai.demo.trace_tail import Line
from pommai.protocol.audio import FRAME_SECONDS

AIMS: Final[Mapping[str, str]] = {
    "press → light": "10 ms",
    "press → first frame on the wire": "30 ms",
    "release → last frame on the wire": "",
    "last frame captured → on the wire": "10 ms",
    "first reply frame → first sample": "70 ms",
    "barge-in press → silence": "30 ms",
}
"""What is measured, in the order shown, and the figure it should stay under."""


def latencies(lines: Iterable[Line]) -> dict[str, list[float]]:
    """Milliseconds of each thing in AIMS, every time it happened.

    A press and a release count from when the toy took the event from its queue. Silence is when the last sound was
    taken back from the speaker, whose own buffer adds up to 20 ms.
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
                    since.clear()
                since[name] = line["t_us"] / 1000
            case "operation", _ if line["op"] == "led" and last_event == "button.pressed":
                measure("press → light", "button.pressed")
            case "mark", "first_frame_sent":
                measure("press → first frame on the wire", "button.pressed")
            case "mark", "last_frame_sent":
                measure("release → last frame on the wire", "button.released")
                measure("last frame captured → on the wire", "last_frame_captured")
            case "mark", "first_sample":
                measure("first reply frame → first sample", "first_reply_frame")
            case "mark", "silenced" if last_event == "button.pressed":
                measure("barge-in press → silence", "button.pressed")
            case "mark", name:
                since[name] = line["t_us"] / 1000
    return found


def render_summary(lines: Sequence[Line], scene: Scene, files: Sequence[Path], sound: str, width: int = 100) -> str:
    """The summary as text."""
    rows: list[tuple[str, str]] = [("sound", sound)]
    rows += [(region, " → ".join(states)) for region, states in _visited(scene).items()]
    for name, values in latencies(lines).items():
        if values:
            aim = f", aim {AIMS[name]}" if AIMS[name] else ""
            rows.append((name, f"{statistics.median(values):6.1f} ms  ({_times(len(values), max(values))}{aim})"))
    rows.append(("speech up", _amount(lines, "speech_sent")))
    rows.append(("answers down", _amount(lines, "reply_received")))
    rows += [("files" if number == 0 else "", _about(file)) for number, file in enumerate(files)]
    column = max(len(name) for name, _ in rows) + 2
    text = [
        textwrap.fill(
            words,
            width,
            initial_indent=f"{name:{column}}",
            subsequent_indent=" " * column,
            break_long_words=False,
            drop_whitespace=True,
        )
        for name, words in rows
    ]
    return "\n".join(text)


def _visited(scene: Scene) -> dict[str, list[str]]:
    """States worth showing in the order they were entered, by region."""
    found: dict[str, list[str]] = {}
    before: set[str] = set()
    for configuration in scene.configurations:
        for state in scene.shown(set(configuration) - before):
            found.setdefault(scene.region(state), []).append(state)
        before = set(configuration)
    return found


def _times(count: int, worst: float) -> str:
    return "once" if count == 1 else f"median of {count}, worst {worst:.1f}"


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
