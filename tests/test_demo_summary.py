"""The demo's summary, from a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo_material import table, trace

from pommai.demo.kept import Kept, Remembered
from pommai.demo.scene import Scene
from pommai.demo.summary import latencies, render_summary, shorten
from pommai.demo.trace_tail import Line
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
        "wake phrase ended → acknowledgement": [],
        "release → first sample, offline": [],
        "silence noticed → first sample, offline": [],
    }


def line(at_ms: float, kind: str, name: str, turn: int = 1) -> Line:
    return {"t_us": round(at_ms * 1000), "kind": kind, "name": name, "turn": turn, "op": "call"}


def test_an_acknowledgement_is_measured_from_the_end_of_the_last_call() -> None:
    lines = [line(5000, "mark", "child_called"), line(9000, "mark", "child_called"), line(9150, "event", "wake.heard")]
    lines += [line(9200, "operation", "acknowledge")]
    assert latencies(lines)["wake phrase ended → acknowledgement"] == [200.0]


def test_an_offline_answer_is_measured_from_the_release_or_from_the_silence_that_took_its_place() -> None:
    pressed = [line(0, "event", "button.pressed"), line(900, "event", "speech.ended")]
    answered = [line(1010, "mark", "answered"), line(1100, "mark", "first_sample")]
    found = latencies([*pressed, line(1000, "event", "button.released"), *answered])
    assert found["release → first sample, offline"] == [100.0]
    assert found["silence noticed → first sample, offline"] == []
    found = latencies([line(0, "event", "wake.heard"), line(900, "event", "speech.ended"), *answered])
    assert found["release → first sample, offline"] == []
    assert found["silence noticed → first sample, offline"] == [200.0]


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ("", ""),
        ("a", "a"),
        ("a b c", "a → b → c"),
        ("a a a b", "a ×3 → b"),
        ("a b c b c b c d", "a → (b → c) ×3 → d"),
        ("a b a b a", "(a → b) ×2 → a"),
    ],
)
def test_rounds_are_told_once(states: str, words: str) -> None:
    assert shorten(states.split()) == words


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
    kept = Kept(Remembered(frozenset({"a", "b"}), frozenset()), frozenset({"b", "of another day"}))
    text = render_summary(
        lines, scene, [reply, written, missing], "WAV files", 400, kept=kept, alerts=["high gun", "low dream"]
    )
    rows = [" ".join(row.split()) for row in text.splitlines()]
    assert rows == [
        "sound WAV files",
        "behaviour idle → listening → speaking → listening → safe_mode → held",
        "link offline → online",
        "speech up 50 frames (1.0 s) in 1 turn, 3,000 bytes of Opus, 24.0 kbit/s",
        "answers down 25 frames (0.5 s) in 1 turn, 1,500 bytes of Opus, 24.0 kbit/s",
        "conversations 2 kept by the toy, 1 of them with the server",
        "alerts high gun",
        "low dream",
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
