"""A toy's trace becomes a replay file that takes the same course."""

from __future__ import annotations

import json

import pytest
from qa_material import shipped_table

from pommai.errors import ReplayError
from pommai.qa.from_trace import replay_of_trace
from pommai.qa.table_replay import play


def line(at: float, kind: str, name: str, **more: object) -> str:
    return json.dumps({"t_us": round(at * 1e6), "kind": kind, "name": name, "turn": 0, **more})


TRACE = [
    line(100.0, "event", "start", data={}, handled=True, guards={}),
    line(100.0, "configuration", "loading_toy offline", states=["toy"]),
    line(101.5, "event", "toy.loaded", data={"toy_id": "owl"}, handled=True, guards={}),
    line(102.0, "event", "button.pressed", data={}, handled=True, guards={"microphone_works": True}),
]


def test_events_keep_their_times_payloads_and_answers(tmp_path) -> None:
    (tmp_path / "trace.jsonl").write_text("\n".join(TRACE) + "\n")
    replay = replay_of_trace(tmp_path / "trace.jsonl", shipped_table())
    assert [(one.at, one.name) for one in replay.happenings] == [
        (0.0, "start"),
        (1.5, "toy.loaded"),
        (2.0, "button.pressed"),
    ]
    assert replay.happenings[1].data == {"toy_id": "owl"}
    assert "listening" in play(shipped_table(), replay.happenings)[-1].moment.step.configuration


def test_a_last_line_that_breaks_off_is_left_out(tmp_path) -> None:
    (tmp_path / "trace.jsonl").write_text("\n".join(TRACE) + '\n{"t_us": 1020')
    assert len(replay_of_trace(tmp_path / "trace.jsonl", shipped_table()).happenings) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no event"),
        ("hello\nthere\n", ":1:1: error: is no line of a trace: no JSON"),
        (TRACE[0] + "\n[1, 2]\n", ":2:1: error: is no line of a trace"),
        (line(1.0, "event", "start", data={}) + "\n", "does not say how the guards were answered"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(tmp_path, text: str, words: str) -> None:
    (tmp_path / "trace.jsonl").write_text(text)
    with pytest.raises(ReplayError) as caught:
        replay_of_trace(tmp_path / "trace.jsonl", shipped_table())
    assert words in str(caught.value)


def test_a_trace_that_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(ReplayError, match="cannot be read: No such file"):
        replay_of_trace(tmp_path / "gone.jsonl", shipped_table())
