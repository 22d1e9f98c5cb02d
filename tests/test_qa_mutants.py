"""Mutants differ from the chart in one place, and it is known which of them a child could notice."""

from collections import Counter

import pytest
from chart_material import chart_of, table_of
from simulated_toy import ROOT

from pommai.chart.load import load_chart
from pommai.errors import ChartError
from pommai.qa.mutants import KINDS, mutants, same_behaviour
from pommai.source import Reader

TOY = """
    states:
      asleep:
        led: breathing_blue
        transitions:
          - {event: button.pressed, cond: online, target: awake, on: [chime, forget]}
          - {event: button.pressed, target: sorry}
      awake:
        led: error_red
        do: record
        after: {5s: {target: asleep}}
      sorry:
        enter: {play: sorry}
        transitions: [{event: button.released, target: asleep}]
"""


def test_a_small_chart_is_broken_in_every_way_it_can_be():
    found = [(mutant.kind, mutant.words) for mutant in mutants(chart_of(TOY))]
    assert found == [
        ("light changed", "asleep shows error_red"),
        ("light dropped", "asleep without light"),
        ("transition dropped", "asleep on button.pressed"),
        ("transition retargeted", "asleep on button.pressed: to sorry"),
        ("guard negated", "asleep on button.pressed: cond online"),
        ("guard dropped", "asleep on button.pressed: online"),
        ("action dropped", "asleep on button.pressed: no chime"),
        ("action dropped", "asleep on button.pressed: no forget"),
        ("actions swapped", "asleep on button.pressed: chime behind forget"),
        ("transition dropped", "asleep on button.pressed"),
        ("transition retargeted", "asleep on button.pressed: to asleep"),
        ("transitions swapped", "asleep on button.pressed behind asleep on button.pressed"),
        ("activity dropped", "awake without record"),
        ("light changed", "awake shows breathing_blue"),
        ("light dropped", "awake without light"),
        ("timer dropped", "awake after 5s"),
        ("timer slowed", "awake after 5s"),
        ("transition retargeted", "awake on timer.awake.5s: to awake"),
        ("action dropped", "enter of sorry: no play"),
        ("transition dropped", "sorry on button.released"),
        ("transition retargeted", "sorry on button.released: to awake"),
    ]


def test_the_shipped_chart_is_broken_in_every_known_way_and_no_two_mutants_are_alike():
    chart = load_chart(Reader.of_file(ROOT / "statechart.yaml", ChartError))
    found = list(mutants(chart))
    assert {mutant.kind for mutant in found} == set(KINDS)
    assert len(found) > 200
    assert all(mutant.chart != chart for mutant in found)
    assert Counter(repr(mutant.chart) for mutant in found).most_common(1)[0][1] == 1


def test_a_chart_behaves_like_itself():
    assert same_behaviour(table_of(TOY), table_of(TOY))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cond: online", "unless: online"),
        ("target: awake", "target: sorry"),
        ("breathing_blue", "error_red"),
        ("5s: {", "6s: {"),
        ("do: record", "do: listen"),
        ("play: sorry", "play: hello"),
        ("target: asleep}}", "target: sorry}}"),
    ],
)
def test_whatever_a_child_could_notice_is_another_behaviour(old, new):
    assert not same_behaviour(table_of(TOY), table_of(TOY.replace(old, new)))


def test_the_names_of_states_that_do_nothing_by_name_are_nothing_a_child_could_notice():
    assert same_behaviour(
        table_of(TOY), table_of(TOY.replace("sorry:", "sad:").replace("target: sorry", "target: sad"))
    )


def test_a_state_that_does_what_another_does_is_no_other_behaviour():
    twice = (
        TOY
        + """
      sorry_too:
        enter: {play: sorry}
        transitions: [{event: button.released, target: asleep}]
    """
    )
    assert same_behaviour(table_of(TOY), table_of(twice.replace("target: sorry}", "target: sorry_too}")))


def test_the_order_of_actions_counts_unless_it_is_not_asked_for():
    swapped = table_of(TOY.replace("[chime, forget]", "[forget, chime]"))
    assert not same_behaviour(table_of(TOY), swapped)
    assert same_behaviour(table_of(TOY), swapped, in_order=False)


def test_the_order_of_transitions_on_different_events_changes_nothing():
    first = "{event: button.released, target: asleep}, {event: link.up, on: chime}"
    second = "{event: link.up, on: chime}, {event: button.released, target: asleep}"
    one, other = (TOY.replace("{event: button.released, target: asleep}", both) for both in (first, second))
    assert same_behaviour(table_of(one), table_of(other))


def test_a_question_that_is_asked_for_nothing_is_no_other_behaviour():
    asked = TOY.replace(
        "- {event: button.pressed, target: sorry}",
        "- {event: button.pressed, cond: heard_speech or not heard_speech, target: sorry}",
    )
    assert same_behaviour(table_of(TOY), table_of(asked))
