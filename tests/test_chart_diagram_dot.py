"""Charts as Graphviz text."""

from __future__ import annotations

import re

from chart_material import chart_of

from pommai.chart.diagram_dot import dot

SHOWN = dot(
    chart_of(
        """
        name: the "toy"
        description: For <everybody>.
        states:
          work:
            parallel: true
            do: listen
            states:
              left:
                description: The "left" part.
                led: error_red
                states:
                  l1:
                    led: breathing_blue
                    transitions: {event: link.up, cond: online, target: l2, on: {say: a < b & c}}
                  l2: {after: {2s: {target: l1}}}
                history: {back: {transitions: [{target: l2}]}}
              right: {}
            transitions: {event: link.down, target: rest}
          rest:
            transitions:
              - {event: link.up, target: back}
              - {event: link.down, target: work}
              - {event: error.*, on: chime}
        """
    ),
    {"breathing_blue": ("#2060ff",), "error_red": ("#ff0000", "#00ff00", "#0000ff")},
)


def test_states_with_an_inside_are_clusters_and_others_boxes() -> None:
    assert re.findall(r'subgraph "cluster_(\w+)"', SHOWN) == ["work", "left"]
    assert re.findall(r'^  "(\w+)" \[label=<<TABLE', SHOWN, re.MULTILINE) == ["l1", "l2", "right", "rest"]


def test_descriptions_are_what_the_mouse_shows() -> None:
    assert 'tooltip="left: The \\"left\\" part."' in SHOWN
    assert 'tooltip="For <everybody>."' in SHOWN


def test_a_light_is_shown_in_its_colours() -> None:
    assert '<FONT COLOR="#2060ff">●</FONT>' in SHOWN
    assert SHOWN.count("●") == 4


def test_an_arrow_has_the_colour_of_the_light_it_leaves() -> None:
    (arrow,) = re.findall(r'"l1" -> "l2" \[.*color="(#\w+)"', SHOWN)
    assert arrow == "#2060ff"


def test_arrows_to_and_from_a_cluster_end_at_its_border() -> None:
    assert re.search(r'"left\.begin" -> "rest" \[ltail="cluster_work", ', SHOWN)
    assert re.search(r'"rest" -> "left\.begin" \[lhead="cluster_work", ', SHOWN)


def test_guards_stand_in_brackets_timers_have_a_clock_and_text_is_escaped() -> None:
    assert "<I>[online]</I>" in SHOWN
    assert "◷ <B>2 s</B>" in SHOWN
    assert "/ say a &lt; b &amp; c" in SHOWN


def test_what_stays_is_written_into_the_state() -> None:
    (box,) = re.findall(r'^  "rest" \[label=.*$', SHOWN, re.MULTILINE)
    assert "<B>error.*</B>" in box


def test_a_history_is_a_circle_with_its_default() -> None:
    assert re.search(r'"back" \[shape=circle, label="H"', SHOWN)
    assert '"back" -> "l2" [style=dashed]' in SHOWN


def test_an_arrow_back_to_where_a_state_stands_in_is_told_the_other_way_round() -> None:
    """It would pull its target below itself; and no border is crossed on the way from within."""
    back = dot(chart_of("states: {a: {states: {b: {}, c: {transitions: {event: link.up, target: a}}}}, d: {}}"), {})
    assert re.search(r'"a\.begin" -> "c" \[dir=back, color=', back)
