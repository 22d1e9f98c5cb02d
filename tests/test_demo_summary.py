"""The demo's summary, from a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo_material import table, trace

from pommai.demo.scene import Scene
from pommai.demo.summary import latencies, render_summary
from pommai.io.wav import write_wav
from pommai.protocol.audio import SILENCE


def test_latencies_are_measured_from_what_caused_them() -> None:
    found = latencies(trace())
    assert {name: [round(value, 3) for value in values] for name, values in found.items()} == {
        "press → light": [2.0, 1.0],
        "press → first frame on the wire": [4.0],
        "release → last frame on the wire": [3.0],
        "last frame captured → on the wire": [2.0],
        "first reply frame → first sample": [5.0],
        "barge-in press → silence": [8.0],
    }


@pytest.mark.parametrize("cause", ["wake.heard", "reply.stalled"])
def test_what_no_press_caused_is_not_measured_from_one(cause: str) -> None:
    def line(at: int, kind: str, name: str) -> dict[str, object]:
        return {"t_us": at, "kind": kind, "name": name, "turn": 1, "op": "led"}

    lines = [line(0, "event", "button.pressed"), line(9_000_000, "event", cause), line(9_000_001, "operation", "blue")]
    lines += [line(9_000_002, "mark", "silenced")]
    assert not any(latencies(lines).values())


def test_it_names_states_by_region_latencies_amounts_and_files(tmp_path: Path) -> None:
    scene, lines = Scene(table()), trace()
    for line in lines:
        scene.take(line)
    reply, written, missing = tmp_path / "reply.wav", tmp_path / "trace.jsonl", tmp_path / "toy.log"
    write_wav(reply, [SILENCE] * 100)
    written.write_text("{}\n{}\n")
    text = render_summary(lines, scene, [reply, written, missing], "WAV files", 400)
    rows = [" ".join(row.split()) for row in text.splitlines()]
    assert rows == [
        "sound WAV files",
        "behaviour idle → listening → speaking → listening → safe_mode → held",
        "link offline → online",
        "speech up 50 frames (1.0 s) in 1 turn, 3,000 bytes of Opus, 24.0 kbit/s",
        "answers down 25 frames (0.5 s) in 1 turn, 1,500 bytes of Opus, 24.0 kbit/s",
        f"files {reply}: 64.0 kB, 2.0 s",
        f"{written}: 0.0 kB, 2 lines",
        f"{missing}: was not written",
        "",
        "milliseconds median worst times aim",
        "press → light 1.5 2.0 2 10",
        "press → first frame on the wire 4.0 4.0 1 30",
        "release → last frame on the wire 3.0 3.0 1",
        "last frame captured → on the wire 2.0 2.0 1 10",
        "first reply frame → first sample 5.0 5.0 1 70",
        "barge-in press → silence 8.0 8.0 1 30",
    ]


def test_it_fits_into_a_terminal_of_80_columns() -> None:
    scene = Scene(table())
    for line in trace() * 10:
        scene.take(line)
    assert max(map(len, render_summary(trace(), scene, [], "WAV files", 80).splitlines())) <= 80


def test_a_toy_that_never_spoke_has_a_summary_too() -> None:
    text = render_summary([], Scene(table()), [], "WAV files")
    assert "speech up     none" in text
