"""The toy's own chart is proved; and what the proof says of it is what the running machine does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prove_material import PLAYER, proof_of, space_of

from pommai.chart.check import check_chart
from pommai.chart.compile import compile_chart
from pommai.chart.load import load_chart
from pommai.chart.machine import ChartMachine
from pommai.chart.prove import Proof, prove
from pommai.chart.table import DecisionTable
from pommai.errors import ChartError
from pommai.lights.load import load_patterns
from pommai.source import Reader
from pommai.toy.vocabulary import toy_vocabulary

ROOT = Path(__file__).resolve().parent.parent
SOUNDS = [path.stem for path in (ROOT / "pommai" / "resources" / "sounds").glob("*.wav")]


def toys_proof(text: str) -> tuple[DecisionTable, Proof]:
    """The shipped chart, or a changed one."""
    reader = Reader(text, "statechart.yaml", ChartError)
    vocabulary = toy_vocabulary(load_patterns(ROOT / "led_patterns.yaml"), SOUNDS)
    ready = check_chart(load_chart(reader), reader, vocabulary)
    table = compile_chart(ready)
    return table, prove(table)


TEXT = (ROOT / "statechart.yaml").read_text()


def test_the_toy_keeps_all_its_promises() -> None:
    _, proof = toys_proof(TEXT)
    assert [(verdict.id, verdict.words) for verdict in proof.verdicts if not verdict.holds] == []
    assert len(proof.verdicts) > 60
    assert proof.rest_seconds == 170.0


@pytest.mark.parametrize(
    ("written", "instead", "broken"),
    [
        (
            "description: The server is there.",
            "enter: ask_who_i_am",
            {"safe_mode_is_private"},
        ),
        ("unless: becomes_another_toy, on: adopt_toy", "on: adopt_toy", {"a_toy_changes_at_rest"}),
        (
            "do: [{record: {silence: end_of_speech}}, stream_speech]",
            "do: [{record: {silence: end_of_speech}}]",
            {"a_turn_is_sent"},
        ),
        (
            "{event: button.released, target: idle, on: [{abort_turn: nothing said}, {play: nothing_heard}]}",
            "{event: button.released, on: [{abort_turn: nothing said}, {play: nothing_heard}]}",
            {"release_ends_listening", "silence_is_no_question"},
        ),
        ("answer_limit: 20s ", "answer_limit: 60s ", {"the_toy_rests"}),
        ("led: {pattern: safe_glow, priority: 100}", "led: {pattern: safe_glow, priority: 1}", {"safe_mode_is_seen"}),
    ],
)
def test_a_chart_that_breaks_a_promise_is_found_out(written: str, instead: str, broken: set[str]) -> None:
    assert written in TEXT
    _, proof = toys_proof(TEXT.replace(written, instead, 1))
    assert broken <= {verdict.id for verdict in proof.verdicts if not verdict.holds}


def test_every_counterexample_is_what_the_machine_does() -> None:
    table, proof = toys_proof(TEXT.replace("to: safe_mode}", "to: calm}").replace("to: error}", "to: idle}"))
    stories = [verdict.counterexample for verdict in proof.verdicts if verdict.counterexample]
    assert len(stories) >= 5
    for story in stories:
        machine = ChartMachine(table)
        for moment in story.moments:
            ask = dict(moment.answers).__getitem__
            assert (machine.receive(moment.event, ask) if moment.event else machine.start(ask)) == moment.step


SPACE = space_of(PLAYER)
KNOWN = {SPACE.active[node] for node in SPACE.first}


@given(st.lists(st.tuples(st.sampled_from(sorted(SPACE.specification.outside)), st.booleans()), max_size=30))
def test_no_machine_leaves_the_situations_that_were_found(events: list[tuple[str, bool]]) -> None:
    machine = ChartMachine(SPACE.table)
    machine.start(lambda _: True)
    for event, answer in events:
        step = machine.receive(event, lambda _, answer=answer: answer)
        assert frozenset(step.configuration) in KNOWN


def test_how_much_was_looked_at_is_counted() -> None:
    proof = proof_of(PLAYER)
    assert (proof.situations, proof.steps) == (6, 16)
    seen: list[tuple[int, int]] = []
    ready = SPACE
    prove(ready.table, lambda done, found: seen.append((done, found)))
    assert all(done <= found for done, found in seen)
