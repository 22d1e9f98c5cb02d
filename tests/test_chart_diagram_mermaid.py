"""Charts as Mermaid."""

from __future__ import annotations

import re
from pathlib import Path

from chart_material import chart_of

from pommai.chart.diagram_mermaid import mermaid
from pommai.chart.load import load_chart
from pommai.errors import ChartError
from pommai.source import Reader

ROOT = Path(__file__).parents[1]


def test_a_chart_becomes_a_state_diagram() -> None:
    text = """
    states:
      idle:
        led: breathing_blue
        transitions: {event: button.pressed, cond: online, target: busy, on: {play: hello}}
      busy:
        do: record
        after: {2s: {target: idle}}
        states: {one: {transitions: {event: link.up, target: two}}, two: {final: true}}
    """
    assert mermaid(chart_of(text)) == (
        """\
stateDiagram-v2
    direction LR
    [*] --> idle
    state "idle<br>💡 breathing_blue" as idle
    state "busy<br>▶ record" as busy {
        [*] --> one
        state "one" as one
        state "two" as two
        two --> [*]
    }
    idle --> busy : button.pressed [online] / play hello
    busy --> idle : ⏱ 2 s
    one --> two : link.up
"""
    )


def test_parts_of_a_parallel_state_are_parted_by_a_line() -> None:
    shown = mermaid(chart_of("states: {p: {parallel: true, states: {a: {}, b: {}}}}"))
    assert [line.strip() for line in shown.splitlines()[2:]] == [
        "[*] --> p",
        'state "p" as p {',
        'state "a" as a',
        "--",
        'state "b" as b',
        "}",
    ]


def test_a_history_is_a_state_that_leads_to_its_default() -> None:
    shown = mermaid(chart_of("states: {a: {history: {h: {type: deep, transitions: [{target: b}]}}, states: {b: {}}}}"))
    assert 'state "H* h" as h' in shown
    assert "h --> b" in shown


def test_characters_that_mean_something_to_mermaid_are_written_as_others() -> None:
    text = """
    states:
      a: {enter: {say: {text: '"hi"; <b> #1: ok'}}}
    """
    assert "enter / say text∶ 'hi', ‹b› ＃1∶ ok" in mermaid(chart_of(text))


def test_states_called_like_a_word_of_mermaid_are_renamed() -> None:
    shown = mermaid(chart_of("states: {end: {transitions: {event: link.up, target: note}}, note: {}}"))
    assert 'state "end" as end_' in shown
    assert "end_ --> note_ : link.up" in shown


def test_no_label_of_the_toys_chart_has_a_character_that_mermaid_stumbles_over() -> None:
    shown = mermaid(load_chart(Reader.of_file(ROOT / "statechart.yaml", ChartError)))
    for line in shown.splitlines():
        label = re.sub(r"^.*? --> \S+ : |^ *state \"(.*)\" as .*$", r"\1", line)
        assert not re.search(r'[;:"#]', label), line


def test_the_picture_in_the_documents_is_the_charts() -> None:
    shown = mermaid(load_chart(Reader.of_file(ROOT / "statechart.yaml", ChartError)))
    assert (ROOT / "docs" / "statechart.mmd").read_text("utf-8") == shown, (
        "draw it anew: pommai diagram --mermaid docs/statechart.mmd --svg docs/statechart.svg"
    )
